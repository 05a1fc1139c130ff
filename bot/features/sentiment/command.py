"""`/sentiment` and the context menu *Score sentiment*: is a review positive or negative, judged zero-shot."""

import re
from dataclasses import replace
from functools import partial
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.answer import Answer, Computed
from bot.answers.answering import PRIVATE_OPTION, answer, defer
from bot.answers.delivery import acknowledge
from bot.answers.details import receipted
from bot.answers.error_reply import Form, answers_errors
from bot.answers.message_state import check_model, read_attached
from bot.answers.message_text import text_to_read
from bot.answers.receipt import RECEIPT, read_receipt_of
from bot.engine.executor import ModelExecutor
from bot.features.sentiment.embed import evidence_answer, sentiment_answer
from bot.features.sentiment.picture import words_picture
from bot.questions.asked import AskedEvidence, AskedSentiment
from bot.questions.sentiment import Sentiment
from bot.settings import Settings

Interaction = discord.Interaction[Any]


class SentimentVerdict(commands.Cog):
    """Judges reviews by comparing two logits."""

    def __init__(self, executor: ModelExecutor) -> None:
        self._executor = executor

    @app_commands.command(name="sentiment", extras={"example": "/sentiment review:I laughed all the way home."})
    @app_commands.describe(review="The review, in its writer's words; without it a form opens", private=PRIVATE_OPTION)
    @answers_errors
    async def sentiment(
        self,
        interaction: Interaction,
        review: app_commands.Range[str, 1, 6000] | None = None,
        private: bool = False,
    ) -> None:
        """Judge a film review: positive or negative, and on what evidence."""
        if review is None:
            await acknowledge(interaction, interaction.response.send_modal(ReviewForm(self, private=private)))
        else:
            await self.judge(interaction, review, private=private)

    @answers_errors
    async def score_message(self, interaction: Interaction, message: discord.Message) -> None:
        """Judge a message, for the asker alone."""
        await self.judge(interaction, text_to_read(message), private=True)

    async def judge(self, interaction: Interaction, review: str, *, private: bool) -> None:
        """Answer with the verdict on `review`."""
        question = AskedSentiment(review)
        await answer(interaction, self._executor, question.ask, receipted(question, _with_button), private=private)


class ReviewForm(Form, title="Sentiment of a review"):
    """Takes a review of several lines."""

    review: discord.ui.TextInput["ReviewForm"] = discord.ui.TextInput(
        custom_id="review",
        label="Review",
        style=discord.TextStyle.paragraph,
        max_length=4000,
        placeholder="The review, as it was written",
    )

    def __init__(self, cog: SentimentVerdict, *, private: bool) -> None:
        super().__init__()
        self._cog = cog
        self._private = private

    @answers_errors
    async def on_submit(self, interaction: Interaction, /) -> None:
        """Judge what was written."""
        await self._cog.judge(interaction, self.review.value, private=self._private)


class ExplainButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template="sentiment:explain"):
    """Shows, for who presses it alone, what each word did to the verdict."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Explain", custom_id="sentiment:explain"))

    @classmethod
    async def from_custom_id(cls, _: Interaction, __: discord.ui.Item[Any], ___: re.Match[str], /) -> "ExplainButton":
        """Return the button that was pressed."""
        return cls()

    @answers_errors
    async def callback(self, interaction: Interaction, /) -> None:
        """Read the review back from the message's file and take it apart."""
        if not await defer(interaction, private=True):
            return
        executor: ModelExecutor = interaction.client.executor
        verdict, receipt = await read_attached(interaction.message, RECEIPT, partial(read_receipt_of, AskedSentiment))
        check_model(receipt.model, executor.status.model)
        question = AskedEvidence(verdict.review)
        await answer(
            interaction, executor, question.ask, receipted(question, evidence_answer), private=True, draw=words_picture
        )


def _with_button(result: Sentiment, computed: Computed) -> Answer:
    view = discord.ui.View(timeout=None).add_item(ExplainButton())
    return replace(sentiment_answer(result, computed), view=view)


async def setup(bot: commands.Bot, executor: ModelExecutor, settings: Settings) -> None:
    """Add the command, the context menu, and the button below its answers, also those of an earlier run."""
    cog = SentimentVerdict(executor)
    await bot.add_cog(cog)
    bot.tree.add_command(app_commands.ContextMenu(name="Score sentiment", callback=cog.score_message))
    bot.add_dynamic_items(ExplainButton)
