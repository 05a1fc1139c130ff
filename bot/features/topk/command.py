"""`/topk`: the most probable next tokens, and a walk along them."""

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.answer import Answer, Computed
from bot.answers.answering import PRIVATE_OPTION, answer
from bot.answers.error_reply import answers_errors
from bot.engine.executor import ModelExecutor
from bot.features.topk.walk import StepMenu, WalkButton, Walked, drawn_walk, steerable, walked
from bot.settings import Settings

DEFAULT_K = 10
MAX_K = 25


class TopK(commands.Cog):
    """Shows what the model would say next, and how sure it is."""

    def __init__(self, executor: ModelExecutor) -> None:
        self._executor = executor

    @app_commands.command(name="topk", extras={"example": "/topk prompt:It was a dark and stormy k:10"})
    @app_commands.describe(
        prompt="The text whose next token is asked for",
        k=f"How many tokens to show, 1 to {MAX_K} ({DEFAULT_K} unless given)",
        private=PRIVATE_OPTION,
    )
    @answers_errors
    async def topk(
        self,
        interaction: discord.Interaction[Any],
        prompt: app_commands.Range[str, 1, 6000],
        k: app_commands.Range[int, 1, MAX_K] = DEFAULT_K,
        private: bool = False,
    ) -> None:
        """Show the model's most probable next tokens after a prompt, and choose your way along them."""
        can_open = not private and interaction.guild_id is not None

        def render(result: Walked, computed: Computed) -> Answer:
            return steerable(result, computed, can_open=can_open)

        operation = walked(prompt, k, interaction.user.id)
        await answer(interaction, self._executor, operation, render, private=private, draw=drawn_walk)


async def setup(bot: commands.Bot, executor: ModelExecutor, settings: Settings) -> None:
    """Add the command and the walk below its answers, also those of an earlier run."""
    await bot.add_cog(TopK(executor))
    bot.add_dynamic_items(StepMenu, WalkButton)
