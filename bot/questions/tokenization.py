"""A text and its tokens."""

from dataclasses import dataclass
from typing import ClassVar

from bot.questions.language_model import RepeatableQuestion
from bot.questions.outcome import Outcome
from bot.questions.tokens import Token


@dataclass(frozen=True, slots=True)
class Tokenization:
    """A text and its tokens, special tokens included."""

    text: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class TokenizationQuestion(RepeatableQuestion[tuple[Tokenization, Tokenization | None]]):
    """How the model splits a text, and optionally a second one, into tokens."""

    command: ClassVar[str] = "tokenize"
    text: str
    compare_with: str | None = None

    def outcome(self, result: tuple[Tokenization, Tokenization | None]) -> Outcome:
        """Return the ids of each text."""
        texts = [tokenization for tokenization in result if tokenization is not None]
        return Outcome((), tuple(tuple(token.id for token in tokenization.tokens) for tokenization in texts))
