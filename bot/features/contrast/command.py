"""`/contrast`: how the next-token distribution differs after two prompts."""

from discord import app_commands
from discord.ext import commands

from bot.answers.answering import answer
from bot.answers.client import BotClient, Interaction
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import Text, describe_options
from bot.features.contrast.embed import contrast_answer
from bot.features.contrast.picture import contrast_picture
from bot.questions.contrast import ContrastQuestion


class ContrastCog(commands.Cog):
    """The command `/contrast`."""

    @app_commands.command(name="contrast", extras={"example": "/contrast a:The nurse said that b:The doctor said that"})
    @describe_options("contrast")
    @reply_on_error
    async def contrast(self, interaction: Interaction, a: Text, b: Text, private: bool = False) -> None:
        """Show how two prompts differ in what the model says next."""
        question = ContrastQuestion(a, b)
        render = with_receipt_below(question, contrast_answer)
        await answer(interaction, question, render, private=private, draw=contrast_picture)


async def setup(bot: BotClient) -> None:
    """Add the command."""
    await bot.add_cog(ContrastCog())
