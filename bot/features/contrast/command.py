"""`/contrast`: how the next-token distribution differs after two prompts."""

from dataclasses import replace

from discord import app_commands
from discord.ext import commands

from bot.answers.answer import Answer
from bot.answers.answering import answer
from bot.answers.client import BotClient, Interaction
from bot.answers.components import view_of
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.more import MoreButton
from bot.answers.parameters import Text, describe_options
from bot.features.contrast.embed import MOST_MOVERS, contrast_answer
from bot.features.contrast.picture import contrast_picture
from bot.features.contrast.text import movers_table
from bot.questions.contrast import Contrast, ContrastQuestion
from bot.questions.language_model import RunInfo


class ContrastCog(commands.Cog):
    """The command `/contrast`."""

    @app_commands.command(name="contrast", extras={"example": "/contrast a:The nurse said that b:The doctor said that"})
    @describe_options("contrast")
    @reply_on_error
    async def contrast(self, interaction: Interaction, a: Text, b: Text, private: bool = False) -> None:
        """Show how two prompts differ in what the model says next."""
        question = ContrastQuestion(a, b)
        render = with_receipt_below(question, _render)
        await answer(interaction, question, render, private=private, draw=contrast_picture)


class MoreMovers(MoreButton[Contrast], template="more:contrast"):
    """Shows all tokens that moved."""

    question = ContrastQuestion

    def whole_table(self, result: Contrast, columns: int | None) -> str:
        """Return each token with its probability after both prompts."""
        return movers_table(result, columns=columns)


def _render(result: Contrast, run: RunInfo) -> Answer:
    shown = contrast_answer(result, run)
    return shown if len(result.movers) <= MOST_MOVERS else replace(shown, view=view_of(MoreMovers()))


async def setup(bot: BotClient) -> None:
    """Add the command and its button, including buttons from before a restart."""
    await bot.add_cog(ContrastCog())
    bot.add_dynamic_items(MoreMovers)
