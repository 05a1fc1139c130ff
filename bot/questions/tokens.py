"""Tokens and their probabilities."""

import math
from dataclasses import dataclass
from typing import Literal

RankClass = Literal["top 10", "top 100", "top 1000", "beyond"]


@dataclass(frozen=True, slots=True)
class Token:
    r"""A token: its id and its text. Bytes of an incomplete character are written as ``\\xe4``."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class TokenProbability:
    """A candidate for the next token. `rank` counts from 1; `probability` is over the whole vocabulary.

    `logit` is None if the engine doesn't know it. `log_probability` is the natural logarithm.
    """

    rank: int
    token: Token
    logit: float | None
    probability: float
    log_probability: float


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token and its natural-log probability, over the whole vocabulary, at temperature 1, before any penalty."""

    token: Token
    log_probability: float

    @property
    def probability(self) -> float:
        """The probability, or 0 if it is too small for a float."""
        return math.exp(self.log_probability)


@dataclass(frozen=True, slots=True)
class NextTokens:
    """The most probable next tokens after a prompt, best first."""

    prompt: str
    input_ids: tuple[int, ...]
    candidates: tuple[TokenProbability, ...]

    @property
    def remainder(self) -> float:
        """The probability of all other tokens together."""
        return max(0.0, 1.0 - sum(candidate.probability for candidate in self.candidates))


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The model's prediction for an actual token: its natural-log probability, and its rank from 1.

    Both are over the whole vocabulary, at temperature 1.
    """

    log_probability: float
    rank: int

    @property
    def probability(self) -> float:
        """The probability, or 0 if it is too small for a float."""
        return math.exp(self.log_probability)

    @property
    def surprisal(self) -> float:
        """−log₂ of the probability, in bits."""
        return -self.log_probability / math.log(2)

    @property
    def rank_class(self) -> RankClass:
        """The class of the rank, as in GLTR (Gehrmann et al. 2019)."""
        if self.rank <= 10:
            return "top 10"
        if self.rank <= 100:
            return "top 100"
        return "top 1000" if self.rank <= 1000 else "beyond"
