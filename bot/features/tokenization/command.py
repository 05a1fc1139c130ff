"""`/tokenize` and the context menu *Tokenize*: the tokens of a text."""

from dataclasses import replace

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.answer import Answer
from bot.answers.answering import answer
from bot.answers.client import BotClient, Interaction
from bot.answers.components import view_of
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.message_text import text_to_read
from bot.answers.more import MoreButton
from bot.answers.parameters import Text, describe_options
from bot.features.tokenization.embed import has_more, tokenization_answer
from bot.features.tokenization.picture import token_borders_picture
from bot.features.tokenization.text import whole_tables
from bot.questions.language_model import RunInfo
from bot.questions.tokenization import Tokenization, TokenizationQuestion
from bot.rendering.pictures.picture import Picture

Compared = tuple[Tokenization, Tokenization | None]


class Tokenize(commands.Cog):
    """The command `/tokenize` and the context menu *Tokenize*."""

    @app_commands.command(name="tokenize", extras={"example": "/tokenize text:dark and stormy"})
    @describe_options("tokenize")
    @reply_on_error
    async def tokenize(
        self,
        interaction: Interaction,
        text: Text,
        compare_with: Text | None = None,
        private: bool = False,
    ) -> None:
        """Show how the model splits a text into tokens, with their ids."""
        await self.show(interaction, text, compare_with, private=private)

    @reply_on_error
    async def tokenize_message(self, interaction: Interaction, message: discord.Message) -> None:
        """Show a message's tokens, privately."""
        await self.show(interaction, text_to_read(message), private=True)

    async def show(
        self, interaction: Interaction, text: str, compare_with: str | None = None, *, private: bool
    ) -> None:
        """Answer with the tokens of `text` and of `compare_with`."""
        question = TokenizationQuestion(text, compare_with)
        await answer(interaction, question, with_receipt_below(question, _render), private=private, draw=_draw)


class MoreTokens(MoreButton[Compared], template="more:tokenize"):
    """Shows all tokens, and their ids to copy."""

    question = TokenizationQuestion

    def whole_table(self, result: Compared, columns: int | None) -> str:
        """Return the tokens of each text."""
        return whole_tables(result, columns)


def _render(results: Compared, run: RunInfo) -> Answer:
    result, other = results
    shown = tokenization_answer(result, run, other)
    return replace(shown, view=view_of(MoreTokens())) if has_more(result, other) else shown


def _draw(results: Compared) -> Picture:
    return token_borders_picture(*results)


async def setup(bot: BotClient) -> None:
    """Add the command, the context menu and the button, including buttons from before a restart."""
    cog = Tokenize()
    await bot.add_cog(cog)
    bot.tree.add_command(app_commands.ContextMenu(name="Tokenize", callback=cog.tokenize_message))
    bot.add_dynamic_items(MoreTokens)
