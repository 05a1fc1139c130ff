"""A contrast as an embed: both prompts, the tokens that moved most, and what the divergences mean."""

import discord

from bot.answers.answer import BLURPLE, Answer, footer
from bot.features.contrast.text import figures, movers_table, nothing_moved
from bot.questions.contrast import Contrast
from bot.questions.language_model import RunInfo
from bot.rendering.escaping import code_block
from bot.rendering.prose import prompt_excerpt
from bot.rendering.tables import PHONE_WIDTH

MOST_MOVERS = 8
PROMPT_LIMIT = 90  # characters of a prompt, escaped: the answer fits on one screen


def contrast_answer(result: Contrast, run: RunInfo) -> Answer:
    """Show the tokens that moved most between the two distributions, and the divergences."""
    moved = code_block(movers_table(result, MOST_MOVERS, PHONE_WIDTH)) if result.movers else nothing_moved(result)
    lines = [f"**{name}**: {_end_of(prompt)} **▁**" for name, prompt in (("a", result.a), ("b", result.b))]
    meanings = [f"**{value}** {meaning}" for value, meaning in figures(result)]
    embed = discord.Embed(title="Contrast", description="\n".join([*lines, moved, *meanings]), colour=BLURPLE)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def _end_of(prompt: str) -> str:
    """Return the end of a prompt on one line."""
    return prompt_excerpt(prompt.replace("\r\n", "\n").replace("\n", "↵"), PROMPT_LIMIT).text
