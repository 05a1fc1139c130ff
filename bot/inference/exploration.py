"""What a look into the model shows: how much a text surprised it, a walk along its tokens, and a sampler's stages."""

import math
from dataclasses import dataclass
from typing import Literal

from bot.inference.generation_parameters import GenerationParameters
from bot.inference.model import NextTokens, Token, TokenProbability

RankClass = Literal["top 10", "top 100", "top 1000", "beyond"]
Stage = Literal["repetition_penalty", "temperature", "top_k", "top_p"]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What the model thought of a token before it came: natural-log probability, and rank, 1 being its favourite.

    Both are over the whole vocabulary, at temperature 1.
    """

    log_probability: float
    rank: int

    @property
    def probability(self) -> float:
        """The probability, 0 where it is too small for a number."""
        return math.exp(self.log_probability)

    @property
    def surprisal(self) -> float:
        """How much the token surprised the model, in bits."""
        return -self.log_probability / math.log(2)

    @property
    def rank_class(self) -> RankClass:
        """The rank in the classes of GLTR (Gehrmann et al. 2019)."""
        if self.rank <= 10:
            return "top 10"
        if self.rank <= 100:
            return "top 100"
        return "top 1000" if self.rank <= 1000 else "beyond"


@dataclass(frozen=True, slots=True)
class TokenSurprisal:
    """A token of a text, and the `favourites` that the model had in its place, best first.

    The first token has nothing before it: its likelihood is None, and there are no favourites. A special token, such
    as the end of a text, is no part of the text, whatever wrote it there: its surprisal is not counted.
    """

    token: Token
    likelihood: Likelihood | None
    favourites: tuple[TokenProbability, ...]
    is_special: bool = False

    @property
    def is_measured(self) -> bool:
        """Whether it is text, and was predicted."""
        return self.likelihood is not None and not self.is_special


@dataclass(frozen=True, slots=True)
class Surprisals:
    """A text's tokens, special tokens included, each with how much it surprised the model.

    Where the tokenizer puts a beginning-of-text token before every text, that one is the first token, and all of the
    text is predicted. `predicted_characters` counts the characters that end in a measured token.
    """

    text: str
    tokens: tuple[TokenSurprisal, ...]
    predicted_characters: int

    @property
    def likelihoods(self) -> tuple[Likelihood, ...]:
        """Those of the measured tokens, in order."""
        return tuple(one.likelihood for one in self.tokens if one.likelihood is not None and one.is_measured)

    @property
    def bits(self) -> float:
        """The surprisals of all measured tokens together."""
        return sum(one.surprisal for one in self.likelihoods)

    @property
    def perplexity(self) -> float | None:
        """The exponential of the mean negative log-probability of the measured tokens; None beyond 1e304."""
        mean = sum(one.log_probability for one in self.likelihoods) / len(self.likelihoods)
        return math.exp(-mean) if -mean < 700 else None

    @property
    def bits_per_character(self) -> float:
        """All bits, divided by the predicted characters."""
        return self.bits / max(1, self.predicted_characters)

    def most_surprising(self, count: int = 5) -> tuple[int, ...]:
        """Return the positions in `tokens` of the measured ones that surprised most, the most surprising first."""
        measured = {n: one.likelihood for n, one in enumerate(self.tokens) if one.is_measured}
        surprisals = {n: likelihood.surprisal for n, likelihood in measured.items() if likelihood is not None}
        return tuple(sorted(surprisals, key=lambda position: (-surprisals[position], position))[:count])


@dataclass(frozen=True, slots=True)
class WalkStep:
    """A token that was chosen on a walk, and what the model thought of it there."""

    token: Token
    likelihood: Likelihood


@dataclass(frozen=True, slots=True)
class WalkCandidate:
    """A candidate for the next step: rank and probability are the model's own, at temperature 1."""

    candidate: TokenProbability
    probability_at_temperature: float


@dataclass(frozen=True, slots=True)
class Walk:
    """A prompt, the tokens chosen after it, and the most probable next ones, best first.

    `text` is what the chosen tokens add to the prompt. `ended` says that the last of them ends the text.
    """

    prompt: str
    input_ids: tuple[int, ...]
    steps: tuple[WalkStep, ...]
    text: str
    temperature: float
    candidates: tuple[WalkCandidate, ...]
    ended: bool

    @property
    def log_probability(self) -> float:
        """The natural-log probability of the whole path after the prompt, at temperature 1."""
        return sum(step.likelihood.log_probability for step in self.steps)

    @property
    def next_tokens(self) -> NextTokens:
        """The candidates with the model's own probabilities."""
        return NextTokens(self.prompt, self.input_ids, tuple(one.candidate for one in self.candidates))

    @property
    def remainder(self) -> float:
        """The model's own probability of all tokens that are no candidates."""
        return self.next_tokens.remainder


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
