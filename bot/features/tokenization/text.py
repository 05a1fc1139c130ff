"""All tokens of a text, or of two, as text."""

from bot.questions.tokenization import Tokenization
from bot.rendering.tables import ids_text, tokens_table


def whole_tables(results: tuple[Tokenization, Tokenization | None], columns: int | None = None) -> str:
    """Return all tokens of each text, and their ids to copy."""
    return "\n\n".join(_whole_table(result, columns) for result in results if result is not None)


def _whole_table(result: Tokenization, columns: int | None) -> str:
    ids = [token.id for token in result.tokens]
    return f"{tokens_table(result.tokens, columns)}\n\n{ids if columns is None else ids_text(ids)}"
