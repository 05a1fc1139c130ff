"""The next-token distribution as an embed."""

import discord

from bot.inference.model import NextTokens
from bot.rendering.answer import BLURPLE, Answer, Computed, footer
from bot.rendering.escaping import code_block
from bot.rendering.prose import prompt_excerpt
from bot.rendering.tables import PHONE_WIDTH, next_tokens_table


def next_tokens_answer(result: NextTokens, computed: Computed) -> Answer:
    """Show the prompt and the table of its most probable next tokens."""
    embed = discord.Embed(
        title="Next token",
        description=f"{prompt_excerpt(result.prompt).text} **▁**\n{code_block(next_tokens_table(result, PHONE_WIDTH))}",
        colour=BLURPLE,
    )
    embed.set_footer(text=footer(computed))
    return Answer(embed)
