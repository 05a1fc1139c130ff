"""The next-token distribution before the sampler and after each of its stages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from bot.questions.generation import GenerationParameters
from bot.questions.language_model import RepeatableQuestion
from bot.questions.options import DEFAULT_PENALTY, DEFAULT_TEMPERATURE, DEFAULT_TOP_K, DEFAULT_TOP_P, given_or
from bot.questions.outcome import Outcome
from bot.questions.tokens import Token, TokenProbability

# In the order in which transformers applies them.
Stage = Literal[
    "repetition_penalty", "no_repeat_ngram_size", "temperature", "top_h", "top_k", "top_p", "min_p", "typical_p",
    "epsilon_cutoff", "eta_cutoff",
]  # fmt: skip
STAGES: tuple[Stage, ...] = get_args(Stage)
TOP_H_TOKENS = 100  # that top_h can keep, in transformers
# The value with which a stage changes nothing. top_h has none.
NEUTRAL_VALUES: dict[Stage, float] = {
    "repetition_penalty": 1, "no_repeat_ngram_size": 0, "temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0,
    "typical_p": 1, "epsilon_cutoff": 0, "eta_cutoff": 0,
}  # fmt: skip


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

    `is_on` is false for a value in `NEUTRAL_VALUES`. `mass_cut` is the probability of all `tokens_cut` before the
    stage. `cut` has the most probable first.
    """

    name: Stage
    value: float
    is_on: bool
    after: Distribution
    tokens_cut: int
    mass_cut: float
    cut: tuple[CutToken, ...]


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """What the sampler would do at another temperature.

    `entropy` is that of the distribution at this temperature, in bits, before any later stage. `tokens_left` are left
    after the later stages.
    """

    temperature: float
    entropy: float
    tokens_left: int


@dataclass(frozen=True, slots=True)
class SamplerStages:
    """The next-token distribution before the sampler and after each stage, in transformers' order.

    `stages` has repetition_penalty, temperature, top_k and top_p, and the others whose option was given.
    `temperature_sweep` has the temperatures from 0.1 to 2.
    """

    prompt: str
    input_ids: tuple[int, ...]
    parameters: GenerationParameters
    before: Distribution
    stages: tuple[SamplerStage, ...]
    temperature_sweep: tuple[SweepPoint, ...]

    @property
    def after(self) -> Distribution:
        """The distribution after the last stage."""
        return self.stages[-1].after if self.stages else self.before

    def with_before(self) -> Iterator[tuple[Distribution, SamplerStage]]:
        """Yield the distribution before each stage, and the stage."""
        yield from zip((self.before, *(stage.after for stage in self.stages)), self.stages, strict=False)


@dataclass(frozen=True, slots=True)
class SamplerQuestion(RepeatableQuestion[SamplerStages]):
    """What each stage of the sampler does to the next-token distribution after a prompt. None leaves a stage out."""

    command: ClassVar[str] = "sampler"
    prompt: str
    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float
    min_p: float | None = None
    top_h: float | None = None
    typical_p: float | None = None
    epsilon_cutoff: float | None = None
    eta_cutoff: float | None = None
    no_repeat_ngram_size: int | None = None

    @classmethod
    def from_options(
        cls,
        prompt: str,
        *,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
        min_p: float | None = None,
        top_h: float | None = None,
        typical_p: float | None = None,
        epsilon_cutoff: float | None = None,
        eta_cutoff: float | None = None,
        no_repeat_ngram_size: int | None = None,
    ) -> "SamplerQuestion":
        """Fill in the defaults of a user's options."""
        return cls(
            prompt,
            given_or(temperature, DEFAULT_TEMPERATURE),
            given_or(top_k, DEFAULT_TOP_K),
            given_or(top_p, DEFAULT_TOP_P),
            given_or(repetition_penalty, DEFAULT_PENALTY),
            min_p,
            top_h,
            typical_p,
            epsilon_cutoff,
            eta_cutoff,
            no_repeat_ngram_size,
        )

    def outcome(self, result: SamplerStages) -> Outcome:
        """Return the most probable tokens before the sampler and after each stage, with their probabilities."""
        distributions: list[Distribution] = [result.before, *(stage.after for stage in result.stages)]
        return Outcome(
            result.input_ids,
            tuple(tuple(entry.token.id for entry in distribution.top) for distribution in distributions),
            tuple(entry.probability for distribution in distributions for entry in distribution.top),
        )
