"""`/model`: which model answers, and what it is doing."""

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot import __version__
from bot.answering import PRIVATE_OPTION
from bot.delivery import acknowledge
from bot.engine.executor import ModelExecutor
from bot.error_reply import answers_errors
from bot.rendering.model_card import model_card_answer
from bot.settings import Settings


class ModelCard(commands.Cog):
    """Shows the model; computes nothing, so it answers also while the model loads."""

    def __init__(self, executor: ModelExecutor) -> None:
        self._executor = executor

    @app_commands.command(name="model", extras={"example": "/model"})
    @app_commands.describe(private=PRIVATE_OPTION)
    @answers_errors
    async def model(self, interaction: discord.Interaction[Any], private: bool = False) -> None:
        """Show which model answers, in what it computes, and how long the queue is."""
        card = model_card_answer(self._executor.status, __version__)
        await acknowledge(interaction, interaction.response.send_message(embed=card.embed, ephemeral=private))


async def setup(bot: commands.Bot, executor: ModelExecutor, settings: Settings) -> None:
    """Add the command."""
    await bot.add_cog(ModelCard(executor))
