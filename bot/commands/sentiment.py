"""`/sentiment`: is a review positive or negative, judged zero-shot."""

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.answering import PRIVATE, answer
from bot.error_reply import answers_errors
from bot.inference.executor import ModelExecutor
from bot.inference.model import LanguageModel, Sentiment
from bot.rendering.sentiment import sentiment_answer
from bot.settings import Settings


class SentimentVerdict(commands.Cog):
    """Judges reviews by comparing two logits."""

    def __init__(self, executor: ModelExecutor) -> None:
        self._executor = executor

    @app_commands.command(name="sentiment")
    @app_commands.describe(review="The review, in its writer's words", private=PRIVATE)
    @answers_errors
    async def sentiment(
        self,
        interaction: discord.Interaction[Any],
        review: app_commands.Range[str, 1, 6000],
        private: bool = False,
    ) -> None:
        """Judge a film review: positive or negative, and on what evidence."""

        def operation(model: LanguageModel, _: object) -> Sentiment:
            return model.sentiment(review)

        await answer(interaction, self._executor, operation, sentiment_answer, private=private)


async def setup(bot: commands.Bot, executor: ModelExecutor, settings: Settings) -> None:
    """Add the command."""
    await bot.add_cog(SentimentVerdict(executor))
