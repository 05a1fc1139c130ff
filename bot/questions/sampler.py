"""The distribution over the next token on its way through the stages of the sampler."""

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
    """A token that a stage cut: rank and probability in the distribution that entered the stage.

    `probability_before` is that of all more probable tokens together, with which top_p compares.
    """

    rank: int
    token: Token
    probability: float
    probability_before: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """The distribution over the next token at one place: how many tokens are left, its entropy, and its first ones.

    Of each of those, `logit` is the score at that place and `probability` its softmax over what is left.
    """

    tokens_left: int
    entropy: float  # bits
    top: tuple[TokenProbability, ...]


@dataclass(frozen=True, slots=True)
class SamplerStage:
    """One stage: its option's name and value, what it left, and what it cut, the most probable first.

    `is_on` is false where the value does nothing: temperature 1, top_k 0, top_p 1, repetition_penalty 1.
    `mass_cut` is the probability of all `tokens_cut` in the distribution that entered the stage.
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
    """The distribution after a prompt on its way through the sampler, in the order in which transformers has it."""

    prompt: str
    input_ids: tuple[int, ...]
    parameters: GenerationParameters
    before: Distribution
    stages: tuple[SamplerStage, ...]


@dataclass(frozen=True, slots=True)
class SamplerQuestion(RepeatableQuestion[SamplerStages]):
    """The next token's distribution on its way through the sampler."""

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
        """Return the first tokens before the sampler and after each stage, with their probabilities."""
        distributions: list[Distribution] = [result.before, *(stage.after for stage in result.stages)]
        return Outcome(
            result.input_ids,
            tuple(tuple(one.token.id for one in found.top) for found in distributions),
            tuple(one.probability for found in distributions for one in found.top),
        )
