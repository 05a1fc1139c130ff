"""`/xray` and the context menu *X-ray*: the surprisal of each token of a text."""

import re
from dataclasses import replace
from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.answer import Answer
from bot.answers.answering import answer, defer
from bot.answers.client import BotClient, Interaction
from bot.answers.components import PersistentMenu, view_of
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.message_state import check_model, read_state
from bot.answers.message_text import text_to_read
from bot.answers.more import MoreButton
from bot.answers.parameters import Text, describe_options
from bot.features.xray.embed import MOST_SURPRISING, expected_answer, surprising_options, xray_answer
from bot.features.xray.picture import xray_picture
from bot.features.xray.text import surprisals_table
from bot.questions.language_model import RunInfo
from bot.questions.xray import Surprisals, XrayQuestion
from bot.receipts.receipt import read_receipt_of


class Xray(commands.Cog):
    """The command `/xray` and the context menu *X-ray*."""

    @app_commands.command(name="xray", extras={"example": "/xray text:The old man looked at the banana."})
    @describe_options("xray")
    @reply_on_error
    async def xray(self, interaction: Interaction, text: Text, private: bool = False) -> None:
        """Show how much each token of a text surprised the model, and what it expected instead."""
        await self.show(interaction, text, private=private)

    @reply_on_error
    async def xray_message(self, interaction: Interaction, message: discord.Message) -> None:
        """Show the surprisals of a message, privately."""
        await self.show(interaction, text_to_read(message), private=True)

    async def show(self, interaction: Interaction, text: str, *, private: bool) -> None:
        """Answer with the surprisals of `text`."""
        question = XrayQuestion(text)
        render = with_receipt_below(question, _with_menu)
        await answer(interaction, question, render, private=private, draw=xray_picture)


class ExpectedMenu(PersistentMenu, template="xray:expected"):
    """Shows privately what the model expected instead of a token. The value is the token's position."""

    def __init__(self, options: list[discord.SelectOption]) -> None:
        placeholder = "What did the model expect instead?"
        super().__init__(discord.ui.Select(custom_id="xray:expected", placeholder=placeholder, options=options))

    @classmethod
    def of(cls, _: re.Match[str], options: list[discord.SelectOption]) -> "ExpectedMenu":
        """Return the menu."""
        return cls(options)

    async def choose(self, interaction: Interaction, value: str) -> None:
        """Read the text from the message's receipt and show the chosen position."""
        if not await defer(interaction, private=True):
            return
        question, receipt = await read_state(interaction, partial(read_receipt_of, XrayQuestion))
        check_model(receipt.model, interaction.client.executor.status.model)
        position = int(value)

        def render(result: Surprisals, run: RunInfo) -> Answer:
            return expected_answer(result, position, run)

        await answer(interaction, question, with_receipt_below(question, render), private=True)


class MoreSurprisals(MoreButton[Surprisals], template="more:xray"):
    """Shows the surprisal of every token."""

    question = XrayQuestion

    def whole_table(self, result: Surprisals, columns: int | None) -> str:
        """Return each token with its rank, surprisal and probability."""
        return surprisals_table(result, columns)


def _with_menu(result: Surprisals, run: RunInfo) -> Answer:
    view = view_of(ExpectedMenu(surprising_options(result)))
    if len(result.tokens) > MOST_SURPRISING:
        view.add_item(MoreSurprisals())
    return replace(xray_answer(result, run), view=view)


async def setup(bot: BotClient) -> None:
    """Add the command, the context menu, and the components below answers, including answers from before a restart."""
    cog = Xray()
    await bot.add_cog(cog)
    bot.tree.add_command(app_commands.ContextMenu(name="X-ray", callback=cog.xray_message))
    bot.add_dynamic_items(ExpectedMenu, MoreSurprisals)
