"""The next-token distribution before the sampler and after each of its stages."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from bot.questions.generation import GenerationParameters
from bot.questions.language_model import RepeatableQuestion
from bot.questions.options import DEFAULT_PENALTY, DEFAULT_TEMPERATURE, DEFAULT_TOP_K, DEFAULT_TOP_P, given_or
from bot.questions.outcome import Outcome
from bot.questions.tokens import Token, TokenProbability

Stage = Literal["repetition_penalty", "temperature", "top_k", "top_p"]


@dataclass(frozen=True, slots=True)
class CutToken:
    """A token that a stage cut, with its rank and probability before that stage.

    `probability_before` is the sum for all more probable tokens, which top_p compares with its limit.
    """

    rank: int
    token: Token
    probability: float
    probability_before: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """The next-token distribution between two stages: the tokens left, its entropy, and its most probable tokens.

    In `top`, `logit` is the score at this point and `probability` its softmax over the tokens left.
    """

    tokens_left: int
    entropy: float  # bits
    top: tuple[TokenProbability, ...]


@dataclass(frozen=True, slots=True)
class SamplerStage:
    """One stage: the name and value of its option, the distribution after it, and the first tokens that it cut.

    `is_on` is false for a value without effect: temperature 1, top_k 0, top_p 1, repetition_penalty 1. `mass_cut` is
    the probability of all `tokens_cut` before the stage. `cut` has the most probable first.
    """

    name: Stage
    value: float
    is_on: bool
    after: Distribution
    tokens_cut: int
    mass_cut: float
    cut: tuple[CutToken, ...]


@dataclass(frozen=True, slots=True)
class SamplerStages:
    """The next-token distribution before the sampler and after each stage, in transformers' order."""

    prompt: str
    input_ids: tuple[int, ...]
    parameters: GenerationParameters
    before: Distribution
    stages: tuple[SamplerStage, ...]


@dataclass(frozen=True, slots=True)
class SamplerQuestion(RepeatableQuestion[SamplerStages]):
    """What each stage of the sampler does to the next-token distribution after a prompt."""

    command: ClassVar[str] = "sampler"
    prompt: str
    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float

    @classmethod
    def from_options(
        cls,
        prompt: str,
        *,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
    ) -> "SamplerQuestion":
        """Fill in the defaults of a user's options."""
        return cls(
            prompt,
            given_or(temperature, DEFAULT_TEMPERATURE),
            given_or(top_k, DEFAULT_TOP_K),
            given_or(top_p, DEFAULT_TOP_P),
            given_or(repetition_penalty, DEFAULT_PENALTY),
        )

    def outcome(self, result: SamplerStages) -> Outcome:
        """Return the most probable tokens before the sampler and after each stage, with their probabilities."""
        distributions: list[Distribution] = [result.before, *(stage.after for stage in result.stages)]
        return Outcome(
            result.input_ids,
            tuple(tuple(entry.token.id for entry in distribution.top) for distribution in distributions),
            tuple(entry.probability for distribution in distributions for entry in distribution.top),
        )
