"""`/decide`: a ready-made question, or one's own, about a text."""

import re
from dataclasses import replace
from functools import partial
from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.answer import Answer
from bot.answers.answering import answer, defer, reply
from bot.answers.client import BotClient, Interaction
from bot.answers.components import Form, PersistentButton, view_of
from bot.answers.delivery import acknowledge
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.message_state import check_model, read_state
from bot.answers.more import MoreButton
from bot.answers.parameters import Text, describe_options
from bot.decisions.definition import define
from bot.decisions.presets import matching_presets, preset, preset_names
from bot.errors import UsageError
from bot.features.decision.embed import decision_answer, evidence_answer, question_answer
from bot.features.decision.picture import evidence_picture
from bot.features.decision.text import words_table
from bot.questions.decision import (
    QUESTION_LENGTH,
    Decision,
    DecisionEvidence,
    DecisionEvidenceQuestion,
    DecisionQuestion,
    DecisionReading,
    DecisionType,
)
from bot.questions.language_model import RunInfo
from bot.receipts.receipt import read_receipt_of
from bot.rendering.prose import visible_excerpt
from bot.rendering.word_effects import SHOWN_WORDS

MOST_CHOICES = 25  # Discord's limit of suggestions
CHOICE_LIMIT = 100  # characters of a suggestion's name
BETWEEN_LABELS = "|"


class Deciding(commands.Cog):
    """The command `/decide`."""

    @app_commands.command(
        name="decide", extras={"example": "/decide question:sentiment text:I laughed all the way home."}
    )
    @describe_options("decide")
    @reply_on_error
    async def decide(
        self,
        interaction: Interaction,
        question: app_commands.Range[str, 1, QUESTION_LENGTH],
        text: Text | None = None,
        type: Literal["template", "noul", "choice", "score"] | None = None,  # noqa: A002  # the name of the option
        labels: app_commands.Range[str, 1, 1000] | None = None,
        private: bool = False,
    ) -> None:
        """Ask a question with labels about a text, and show how sure the model is of each."""
        decision = parse_decision(question, labels, type)
        if text is None:
            await acknowledge(interaction, interaction.response.send_modal(TextForm(self, decision, private=private)))
        else:
            await self.judge(interaction, decision, text, private=private)

    @decide.autocomplete("question")
    async def suggest(self, _: Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Suggest the ready-made questions that fit what is typed so far."""
        return [
            app_commands.Choice(
                name=visible_excerpt(f"{found.name}: {found.description}", CHOICE_LIMIT), value=found.name
            )
            for found in matching_presets(current)[:MOST_CHOICES]
        ]

    async def judge(self, interaction: Interaction, decision: Decision, text: str, *, private: bool) -> None:
        """Answer with the decision about `text`."""
        question = DecisionQuestion(decision, text)
        await answer(
            interaction, question, with_receipt_below(question, partial(_with_buttons, decision, text)), private=private
        )


def parse_decision(question: str, labels: str | None, type_: DecisionType | None) -> Decision:
    """Return the ready-made question with this name, or the one that is written. Raises UsageError."""
    if question in preset_names():
        if labels is not None or type_ is not None:
            given = "labels" if labels is not None else "type"
            raise UsageError(f"{question} is a ready-made question with labels of its own. Leave out {given}.")
        return preset(question).decision
    return define(question, [] if labels is None else labels.split(BETWEEN_LABELS), type_)


class TextForm(Form, title="Decide about a text"):
    """The form for a text of several lines."""

    text: discord.ui.TextInput["TextForm"] = discord.ui.TextInput(
        custom_id="text",
        label="Text",
        style=discord.TextStyle.paragraph,
        max_length=4000,
        placeholder="Paste or type the text",
    )

    def __init__(self, cog: Deciding, decision: Decision, *, private: bool) -> None:
        super().__init__()
        self._cog = cog
        self._decision = decision
        self._private = private

    async def submit(self, interaction: Interaction) -> None:
        """Decide about the submitted text."""
        await self._cog.judge(interaction, self._decision, self.text.value, private=self._private)


class ExplainButton(PersistentButton, template="decide:explain"):
    """Shows privately the effect of each word on the most probable label."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Explain", custom_id="decide:explain"))

    @classmethod
    def of(cls, _: re.Match[str]) -> "ExplainButton":
        """Return the button."""
        return cls()

    async def press(self, interaction: Interaction) -> None:
        """Read the question from the message's receipt and show the evidence."""
        if not await defer(interaction, private=True):
            return
        asked, receipt = await read_state(interaction, partial(read_receipt_of, DecisionQuestion))
        check_model(receipt.model, interaction.client.executor.status.model)
        question = DecisionEvidenceQuestion(asked.decision, asked.text)
        render = with_receipt_below(question, partial(_render_evidence, asked.text))
        await answer(interaction, question, render, private=True, draw=partial(evidence_picture, asked.text))


class QuestionButton(PersistentButton, template="decide:question"):
    """Shows privately the whole question, with its examples."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Question", custom_id="decide:question"))

    @classmethod
    def of(cls, _: re.Match[str]) -> "QuestionButton":
        """Return the button."""
        return cls()

    async def press(self, interaction: Interaction) -> None:
        """Read the question from the message's receipt and show it."""
        if not await defer(interaction, private=True):
            return
        asked, _ = await read_state(interaction, partial(read_receipt_of, DecisionQuestion))
        await reply(interaction, question_answer(asked.decision))


class MoreWords(MoreButton[DecisionEvidence], template="more:explain_decision"):
    """Shows the effect of every word of a text."""

    question = DecisionEvidenceQuestion

    def whole_table(self, result: DecisionEvidence, columns: int | None) -> str:
        """Return each word in order with its effect."""
        return words_table(result, columns)


def _render_evidence(text: str, result: DecisionEvidence, run: RunInfo) -> Answer:
    shown = evidence_answer(text, result, run)
    return shown if len(result.words) <= SHOWN_WORDS else replace(shown, view=view_of(MoreWords()))


def _with_buttons(decision: Decision, text: str, result: DecisionReading, run: RunInfo) -> Answer:
    view = view_of(ExplainButton(), QuestionButton())
    return replace(decision_answer(decision, text, result, run), view=view)


async def setup(bot: BotClient) -> None:
    """Add the command and its buttons, including buttons from before a restart."""
    await bot.add_cog(Deciding())
    bot.add_dynamic_items(ExplainButton, QuestionButton, MoreWords)
