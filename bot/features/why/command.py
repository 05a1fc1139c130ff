"""`/why`: which words of the prompt make one token more probable than another."""

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
from bot.answers.parameters import ChosenToken, Text, describe_options
from bot.features.why.embed import why_answer
from bot.features.why.picture import why_picture
from bot.features.why.text import words_table
from bot.questions.language_model import RunInfo
from bot.questions.why import TokenEvidence, WhyQuestion
from bot.rendering.word_effects import SHOWN_WORDS


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
        await answer(interaction, question, with_receipt_below(question, _render), private=private, draw=why_picture)


class MoreWords(MoreButton[TokenEvidence], template="more:why"):
    """Shows the effect of every word."""

    question = WhyQuestion

    def whole_table(self, result: TokenEvidence, columns: int | None) -> str:
        """Return each word in order with its effect."""
        return words_table(result, columns)


def _render(result: TokenEvidence, run: RunInfo) -> Answer:
    shown = why_answer(result, run)
    return shown if len(result.words) <= SHOWN_WORDS else replace(shown, view=view_of(MoreWords()))


async def setup(bot: BotClient) -> None:
    """Add the command and its button, including buttons from before a restart."""
    await bot.add_cog(Why())
    bot.add_dynamic_items(MoreWords)
