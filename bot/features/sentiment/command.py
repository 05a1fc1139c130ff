"""`/sentiment` and the context menu *Score sentiment*: a zero-shot verdict on a review."""

import re
from dataclasses import replace
from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.answer import Answer
from bot.answers.answering import answer, defer
from bot.answers.client import BotClient, Interaction
from bot.answers.components import Form, PersistentButton, view_of
from bot.answers.delivery import acknowledge
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.message_state import check_model, read_state
from bot.answers.message_text import text_to_read
from bot.answers.more import MoreButton
from bot.answers.parameters import Text, describe_options
from bot.features.sentiment.embed import evidence_answer, sentiment_answer
from bot.features.sentiment.picture import evidence_picture
from bot.features.sentiment.text import words_table
from bot.questions.language_model import RunInfo
from bot.questions.sentiment import EvidenceQuestion, Sentiment, SentimentEvidence, SentimentQuestion
from bot.receipts.receipt import read_receipt_of
from bot.rendering.word_effects import SHOWN_WORDS


class SentimentVerdict(commands.Cog):
    """The command `/sentiment` and the context menu *Score sentiment*."""

    @app_commands.command(name="sentiment", extras={"example": "/sentiment review:I laughed all the way home."})
    @describe_options("sentiment")
    @reply_on_error
    async def sentiment(
        self,
        interaction: Interaction,
        review: Text | None = None,
        private: bool = False,
    ) -> None:
        """Judge whether a film review is positive or negative, and show the evidence."""
        if review is None:
            await acknowledge(interaction, interaction.response.send_modal(ReviewForm(self, private=private)))
        else:
            await self.judge(interaction, review, private=private)

    @reply_on_error
    async def score_message(self, interaction: Interaction, message: discord.Message) -> None:
        """Judge a message, privately."""
        await self.judge(interaction, text_to_read(message), private=True)

    async def judge(self, interaction: Interaction, review: str, *, private: bool) -> None:
        """Answer with the verdict on `review`."""
        question = SentimentQuestion(review)
        await answer(interaction, question, with_receipt_below(question, _with_button), private=private)


class ReviewForm(Form, title="Sentiment of a review"):
    """The form for a review of several lines."""

    review: discord.ui.TextInput["ReviewForm"] = discord.ui.TextInput(
        custom_id="review",
        label="Review",
        style=discord.TextStyle.paragraph,
        max_length=4000,
        placeholder="Paste or type the review",
    )

    def __init__(self, cog: SentimentVerdict, *, private: bool) -> None:
        super().__init__()
        self._cog = cog
        self._private = private

    async def submit(self, interaction: Interaction) -> None:
        """Judge the submitted review."""
        await self._cog.judge(interaction, self.review.value, private=self._private)


class ExplainButton(PersistentButton, template="sentiment:explain"):
    """Shows privately the effect of each word on the verdict."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Explain", custom_id="sentiment:explain"))

    @classmethod
    def of(cls, _: re.Match[str]) -> "ExplainButton":
        """Return the button."""
        return cls()

    async def press(self, interaction: Interaction) -> None:
        """Read the review from the message's receipt and show the evidence."""
        if not await defer(interaction, private=True):
            return
        verdict, receipt = await read_state(interaction, partial(read_receipt_of, SentimentQuestion))
        check_model(receipt.model, interaction.client.executor.status.model)
        question = EvidenceQuestion(verdict.review)
        await answer(
            interaction, question, with_receipt_below(question, _render_evidence), private=True, draw=evidence_picture
        )


class MoreWords(MoreButton[SentimentEvidence], template="more:explain"):
    """Shows the effect of every word of a review."""

    question = EvidenceQuestion

    def whole_table(self, result: SentimentEvidence, columns: int | None) -> str:
        """Return each word in order with its effect."""
        return words_table(result, columns)


def _render_evidence(result: SentimentEvidence, run: RunInfo) -> Answer:
    shown = evidence_answer(result, run)
    return shown if len(result.words) <= SHOWN_WORDS else replace(shown, view=view_of(MoreWords()))


def _with_button(result: Sentiment, run: RunInfo) -> Answer:
    view = view_of(ExplainButton())
    return replace(sentiment_answer(result, run), view=view)


async def setup(bot: BotClient) -> None:
    """Add the command, the context menu and the buttons, including buttons from before a restart."""
    cog = SentimentVerdict()
    await bot.add_cog(cog)
    bot.tree.add_command(app_commands.ContextMenu(name="Score sentiment", callback=cog.score_message))
    bot.add_dynamic_items(ExplainButton, MoreWords)
