"""How much each token of a text surprised the model."""

import math
from dataclasses import dataclass
from typing import ClassVar

from bot.questions.language_model import RepeatableQuestion
from bot.questions.outcome import Outcome
from bot.questions.tokens import Likelihood, Token, TokenProbability


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
class XrayQuestion(RepeatableQuestion[Surprisals]):
    """How much each token of a text surprises the model."""

    command: ClassVar[str] = "xray"
    text: str

    def outcome(self, result: Surprisals) -> Outcome:
        """Return the model's favourite in each place, and each token's log-probability."""
        read = tuple(one.token.id for one in result.tokens)
        favourites = tuple(one.favourites[0].token.id for one in result.tokens if one.favourites)
        return Outcome(read, (favourites,), tuple(one.log_probability for one in result.likelihoods))
