"""`/xray` and the context menu *X-ray*: how much each token of a text surprised the model."""

import re
from dataclasses import replace
from functools import partial
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.answer import Answer, Computed
from bot.answers.answering import PRIVATE_OPTION, answer, defer
from bot.answers.details import receipted
from bot.answers.error_reply import answers_errors
from bot.answers.message_state import check_model, read_attached
from bot.answers.message_text import text_to_read
from bot.answers.receipt import RECEIPT, read_receipt_of
from bot.engine.executor import ModelExecutor
from bot.features.xray.embed import expected_answer, surprising_options, xray_answer
from bot.features.xray.picture import xray_picture
from bot.questions.asked import AskedSurprisals
from bot.questions.xray import Surprisals
from bot.settings import Settings

Interaction = discord.Interaction[Any]


class Xray(commands.Cog):
    """Shows what of a text the model saw coming."""

    def __init__(self, executor: ModelExecutor) -> None:
        self._executor = executor

    @app_commands.command(name="xray", extras={"example": "/xray text:The old man looked at the banana."})
    @app_commands.describe(text="The text whose tokens are coloured by surprise", private=PRIVATE_OPTION)
    @answers_errors
    async def xray(
        self, interaction: Interaction, text: app_commands.Range[str, 1, 6000], private: bool = False
    ) -> None:
        """Show how much each token of a text surprised the model, and what it expected instead."""
        await self.show(interaction, text, private=private)

    @answers_errors
    async def xray_message(self, interaction: Interaction, message: discord.Message) -> None:
        """Show a message's surprises, for the asker alone."""
        await self.show(interaction, text_to_read(message), private=True)

    async def show(self, interaction: Interaction, text: str, *, private: bool) -> None:
        """Answer with the surprises of `text`."""
        question = AskedSurprisals(text)
        await answer(
            interaction,
            self._executor,
            question.ask,
            receipted(question, _with_menu),
            private=private,
            draw=xray_picture,
        )


class ExpectedMenu(discord.ui.DynamicItem[discord.ui.Select[Any]], template="xray:expected"):
    """Shows, for who chooses alone, what the model expected in a token's place; the value is its position."""

    def __init__(self, options: list[discord.SelectOption]) -> None:
        placeholder = "What did the model expect there?"
        super().__init__(discord.ui.Select(custom_id="xray:expected", placeholder=placeholder, options=options))

    @classmethod
    async def from_custom_id(cls, _: Interaction, item: discord.ui.Item[Any], __: re.Match[str], /) -> "ExpectedMenu":
        """Return the menu in which something was chosen."""
        assert isinstance(item, discord.ui.Select)  # noqa: S101  # its custom_id is a menu's
        return cls(item.options)

    @answers_errors
    async def callback(self, interaction: Interaction, /) -> None:
        """Read the text back from the message's file and look at the chosen place."""
        if not await defer(interaction, private=True):
            return
        executor: ModelExecutor = interaction.client.executor
        question, receipt = await read_attached(interaction.message, RECEIPT, partial(read_receipt_of, AskedSurprisals))
        check_model(receipt.model, executor.status.model)
        position = int(self.item.values[0])

        def render(result: Surprisals, computed: Computed) -> Answer:
            return expected_answer(result, position, computed)

        await answer(interaction, executor, question.ask, receipted(question, render), private=True)


def _with_menu(result: Surprisals, computed: Computed) -> Answer:
    menu = ExpectedMenu(surprising_options(result))
    return replace(xray_answer(result, computed), view=discord.ui.View(timeout=None).add_item(menu))


async def setup(bot: commands.Bot, executor: ModelExecutor, settings: Settings) -> None:
    """Add the command, the context menu, and the menu below its answers, also those of an earlier run."""
    cog = Xray(executor)
    await bot.add_cog(cog)
    bot.tree.add_command(app_commands.ContextMenu(name="X-ray", callback=cog.xray_message))
    bot.add_dynamic_items(ExpectedMenu)
