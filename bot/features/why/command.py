"""`/why`: which words of the prompt make one token more probable than another."""

from discord import app_commands
from discord.ext import commands

from bot.answers.answering import answer
from bot.answers.client import BotClient, Interaction
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import ChosenToken, Text, describe_options
from bot.features.why.embed import why_answer
from bot.features.why.picture import why_picture
from bot.questions.why import WhyQuestion


class Why(commands.Cog):
    """The command `/why`."""

    @app_commands.command(
        name="why", extras={"example": "/why prompt:It was a dark and stormy token:night instead_of:day"}
    )
    @describe_options("why")
    @reply_on_error
    async def why(
        self,
        interaction: Interaction,
        prompt: Text,
        token: ChosenToken | None = None,
        instead_of: ChosenToken | None = None,
        private: bool = False,
    ) -> None:
        """Show which words of the prompt make one token more probable than another."""
        question = WhyQuestion(prompt, token, instead_of)
        await answer(interaction, question, with_receipt_below(question, why_answer), private=private, draw=why_picture)


async def setup(bot: BotClient) -> None:
    """Add the command."""
    await bot.add_cog(Why())
