"""`/topk`: the most probable next tokens."""

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.answering import PRIVATE_OPTION, answer
from bot.error_reply import answers_errors
from bot.inference.executor import ModelExecutor
from bot.inference.model import LanguageModel, NextTokens
from bot.rendering.next_tokens import next_tokens_answer
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
        """Show the model's most probable next tokens after a prompt."""

        def operation(model: LanguageModel, _: object) -> NextTokens:
            return model.next_tokens(prompt, k)

        await answer(interaction, self._executor, operation, next_tokens_answer, private=private)


async def setup(bot: commands.Bot, executor: ModelExecutor, settings: Settings) -> None:
    """Add the command."""
    await bot.add_cog(TopK(executor))
