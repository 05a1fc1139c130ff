"""A tokenization as an embed: a table of tokens, and their ids to copy."""

import discord

from bot.answers.answer import BLURPLE, Answer, Attachment, footer
from bot.questions.language_model import RunInfo
from bot.questions.tokenization import Tokenization
from bot.rendering.escaping import code_block
from bot.rendering.tables import PHONE_WIDTH, ids_text, tokens_table

SHOWN_TOKENS = 40
COMPARED_TOKENS = 16  # of the second text, whose table is in a field
BYTES_NOTE = "Rows like `\\xf0` are single bytes of a character that takes several tokens."


def tokenization_answer(result: Tokenization, run: RunInfo, other: Tokenization | None = None) -> Answer:
    """Show the count, tokens and ids of a text and of an `other` text. Long lists go into files."""
    count = len(result.tokens)
    shown = result.tokens[:SHOWN_TOKENS]
    is_long = count > len(shown)
    embed = discord.Embed(
        title=_count(result) if other is None else f"{_count(result)}, compared with {len(other.tokens):,}",
        description=code_block(tokens_table(shown, PHONE_WIDTH)),
        colour=BLURPLE,
    )
    if any("\\x" in token.text for token in shown):
        embed.description = f"{embed.description}\n{BYTES_NOTE}"
    if is_long:
        embed.description = (
            f"These are the first {len(shown)}. The full list is in the attached file.\n{embed.description}"
        )
    else:
        embed.add_field(name="Ids", value=code_block(ids_text([token.id for token in shown])), inline=False)
    files = [_whole(result, "tokens.txt", "All tokens and their ids")] if is_long else []
    if other is not None:
        compared = other.tokens[:COMPARED_TOKENS]
        ids = {token.id for token in result.tokens}
        shared = sum(token.id in ids for token in other.tokens)
        embed.add_field(
            name=f"Compared with: {_count(other)}, {shared:,} in both",
            value=code_block(tokens_table(compared, PHONE_WIDTH)),
            inline=False,
        )
        if len(compared) < len(other.tokens):
            files.append(_whole(other, "compared.txt", "All tokens and ids of the second text"))
        else:
            value = code_block(ids_text([token.id for token in compared]))
            embed.add_field(name="Ids of the second text", value=value, inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed, tuple(files))


def _count(result: Tokenization) -> str:
    return "1 token" if len(result.tokens) == 1 else f"{len(result.tokens):,} tokens"


def _whole(result: Tokenization, filename: str, description: str) -> Attachment:
    ids = [token.id for token in result.tokens]
    return Attachment(filename, f"{tokens_table(result.tokens)}\n\nids = {ids}\n", description)
