"""A text and its tokens."""

from dataclasses import dataclass

from bot.questions.tokens import Token


@dataclass(frozen=True, slots=True)
class Tokenization:
    """A text and its tokens, special tokens included."""

    text: str
    tokens: tuple[Token, ...]
