"""A tokenization as an embed: a table of the first tokens, and their ids to copy."""

import discord

from bot.answers.answer import BLURPLE, Answer, footer
from bot.answers.more import SHOWN_ROWS
from bot.questions.language_model import RunInfo
from bot.questions.tokenization import Tokenization
from bot.questions.tokens import Token
from bot.rendering.escaping import code_block
from bot.rendering.pictures.flow import more_text
from bot.rendering.tables import PHONE_WIDTH, ids_text, tokens_table

COMPARED_ROWS = 6  # of each text's table when two are compared, so that the answer fits on one screen
BYTES_NOTE = "Rows like `\\xf0` are single bytes of a character that takes several tokens."


def tokenization_answer(result: Tokenization, run: RunInfo, other: Tokenization | None = None) -> Answer:
    """Show the count and the first tokens of a text and of an `other` text, and the ids of a short text."""
    most = SHOWN_ROWS if other is None else COMPARED_ROWS
    embed = discord.Embed(
        title=_count(result) if other is None else f"{_count(result)}, compared with {len(other.tokens):,}",
        description=_first_rows(result, most),
        colour=BLURPLE,
    )
    if any("\\x" in token.text for token in _shown(result, most)):
        embed.description = f"{embed.description}\n{BYTES_NOTE}"
    if other is not None:
        ids = {token.id for token in result.tokens}
        shared = sum(token.id in ids for token in other.tokens)
        name = f"Compared with: {_count(other)}, {shared:,} in both"
        embed.add_field(name=name, value=_first_rows(other, most), inline=False)
    elif not has_more(result):
        embed.add_field(name="Ids", value=code_block(ids_text([token.id for token in result.tokens])), inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def has_more(result: Tokenization, other: Tokenization | None = None) -> bool:
    """Return whether the embed leaves out tokens."""
    if other is None:
        return _is_cut(result, SHOWN_ROWS)
    return _is_cut(result, COMPARED_ROWS) or _is_cut(other, COMPARED_ROWS)


def _first_rows(result: Tokenization, most: int) -> str:
    shown = _shown(result, most)
    rows, hidden = tokens_table(shown, PHONE_WIDTH), len(result.tokens) - len(shown)
    return code_block(f"{rows}\n{more_text(hidden, 'token')}" if hidden else rows)


def _shown(result: Tokenization, most: int) -> tuple[Token, ...]:
    return result.tokens[:most] if _is_cut(result, most) else result.tokens


def _is_cut(result: Tokenization, most: int) -> bool:
    """Return whether rows are left out. A single row is not: the line that counts it would take its place."""
    return len(result.tokens) > most + 1


def _count(result: Tokenization) -> str:
    return "1 token" if len(result.tokens) == 1 else f"{len(result.tokens):,} tokens"
