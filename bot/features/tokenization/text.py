"""Tokens as a table."""

from collections.abc import Sequence

from bot.questions.tokens import Token
from bot.rendering.escaping import visible_token
from bot.rendering.tables import table


def tokens_table(tokens: Sequence[Token], columns: int | None = None) -> str:
    """Return position, id and token, a row a token."""
    rows = [(str(position), str(token.id), visible_token(token.text)) for position, token in enumerate(tokens, start=1)]
    return table(("#", "id", "token"), rows, right=(0, 1), columns=columns)
