"""A tokenization as an embed: a table of tokens, and their ids ready to copy."""

import discord

from bot.inference.model import Tokenization
from bot.rendering.answer import BLURPLE, Answer, Attachment, Computed, footer
from bot.rendering.escaping import code_block
from bot.rendering.tables import PHONE_WIDTH, ids_text, tokens_table

SHOWN_TOKENS = 40
BYTES_NOTE = "Rows like `\\xf0` are bytes: here one character is several tokens."


def tokenization_answer(result: Tokenization, computed: Computed) -> Answer:
    """Show the count, the tokens and the ids; what is longer than a screen goes into a file."""
    count = len(result.tokens)
    shown = result.tokens[:SHOWN_TOKENS]
    is_long = count > len(shown)
    embed = discord.Embed(
        title="1 token" if count == 1 else f"{count:,} tokens",
        description=code_block(tokens_table(shown, PHONE_WIDTH)),
        colour=BLURPLE,
    )
    if any("\\x" in token.text for token in shown):
        embed.description = f"{embed.description}\n{BYTES_NOTE}"
    if is_long:
        embed.description = f"The first {len(shown)}; all of them are in the file.\n{embed.description}"
    else:
        embed.add_field(name="Ids", value=code_block(ids_text([token.id for token in shown])), inline=False)
    embed.set_footer(text=footer(computed))
    return Answer(embed, (_whole(result),) if is_long else ())


def _whole(result: Tokenization) -> Attachment:
    ids = [token.id for token in result.tokens]
    return Attachment("tokens.txt", f"{tokens_table(result.tokens)}\n\nids = {ids}\n", "All tokens and their ids")
