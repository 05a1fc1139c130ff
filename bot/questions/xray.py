"""The surprisal of each token of a text."""

import math
from dataclasses import dataclass
from typing import ClassVar

from bot.questions.language_model import RepeatableQuestion
from bot.questions.outcome import Outcome
from bot.questions.tokens import Likelihood, Token, TokenProbability


@dataclass(frozen=True, slots=True)
class TokenSurprisal:
    """A token of a text, and the model's `favourites` for its position, best first.

    The first token has nothing before it, so its likelihood is None and it has no favourites. A special token, such as
    the end of a text, is never part of the text, so its surprisal is not counted.
    """

    token: Token
    likelihood: Likelihood | None
    favourites: tuple[TokenProbability, ...]
    is_special: bool = False

    @property
    def is_measured(self) -> bool:
        """Whether the token was predicted and is not special."""
        return self.likelihood is not None and not self.is_special


@dataclass(frozen=True, slots=True)
class Surprisals:
    """A text's tokens, including special tokens, each with its surprisal.

    If the tokenizer adds a beginning-of-text token, it is the first token, and the whole text is predicted.
    `predicted_characters` counts the characters that end in a measured token.
    """

    text: str
    tokens: tuple[TokenSurprisal, ...]
    predicted_characters: int

    @property
    def likelihoods(self) -> tuple[Likelihood, ...]:
        """The likelihoods of the measured tokens, in order."""
        return tuple(entry.likelihood for entry in self.tokens if entry.likelihood is not None and entry.is_measured)

    @property
    def bits(self) -> float:
        """The sum of the surprisals of all measured tokens."""
        return sum(likelihood.surprisal for likelihood in self.likelihoods)

    @property
    def perplexity(self) -> float | None:
        """The exponential of the mean negative log-probability of the measured tokens, or None beyond 1e304."""
        mean = sum(likelihood.log_probability for likelihood in self.likelihoods) / len(self.likelihoods)
        return math.exp(-mean) if -mean < 700 else None

    @property
    def bits_per_character(self) -> float:
        """`bits` divided by the number of predicted characters."""
        return self.bits / max(1, self.predicted_characters)

    def most_surprising(self, count: int = 5) -> tuple[int, ...]:
        """Return the positions in `tokens` of the most surprising measured tokens, the most surprising first."""
        measured = {position: entry.likelihood for position, entry in enumerate(self.tokens) if entry.is_measured}
        surprisals = {
            position: likelihood.surprisal for position, likelihood in measured.items() if likelihood is not None
        }
        return tuple(sorted(surprisals, key=lambda position: (-surprisals[position], position))[:count])


@dataclass(frozen=True, slots=True)
class XrayQuestion(RepeatableQuestion[Surprisals]):
    """The surprisal of each token of a text."""

    command: ClassVar[str] = "xray"
    text: str

    def outcome(self, result: Surprisals) -> Outcome:
        """Return the model's favourite at each position, and each token's log-probability."""
        input_ids = tuple(entry.token.id for entry in result.tokens)
        favourites = tuple(entry.favourites[0].token.id for entry in result.tokens if entry.favourites)
        return Outcome(input_ids, (favourites,), tuple(likelihood.log_probability for likelihood in result.likelihoods))
