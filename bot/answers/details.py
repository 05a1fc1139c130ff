"""The buttons for an answer's receipt: *Details* shows what it was computed from, *Replay* computes it again."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import discord

from bot.answers.answer import Answer, State
from bot.answers.answering import answer, defer, reply
from bot.answers.client import Interaction
from bot.answers.components import PersistentButton, view_of
from bot.answers.details_embed import details_answer, incomparable_answer, replay_answer
from bot.answers.message_state import read_state
from bot.questions.language_model import RepeatableQuestion, RunInfo
from bot.questions.outcome import first_difference
from bot.receipts.receipt import read_receipt, receipt_of, write_receipt
from bot.rendering.json_objects import JsonObject

T = TypeVar("T")


def with_receipt_below(
    question: RepeatableQuestion[T], render: Callable[[T, RunInfo], Answer]
) -> Callable[[T, RunInfo], Answer]:
    """Return a `render` whose answers carry a receipt and the *Details* button."""
    return lambda result, run: with_receipt(render(result, run), question, result, run)


def with_receipt(
    rendered: Answer, question: RepeatableQuestion[T], result: T, run: RunInfo, state: JsonObject | None = None
) -> Answer:
    """Return the answer with its receipt and *Details*. `state` is extra data for the answer's own buttons."""
    receipt = write_receipt(receipt_of(question, result, run.model, state))
    view = discord.ui.View(timeout=None) if rendered.view is None else rendered.view
    return replace(rendered, state=State(receipt), view=view.add_item(DetailsButton()))


class DetailsButton(PersistentButton, template="details"):
    """Shows privately what an answer was computed from."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Details", custom_id="details"))

    @classmethod
    def of(cls, _: re.Match[str]) -> "DetailsButton":
        """Return the button."""
        return cls()

    async def press(self, interaction: Interaction) -> None:
        """Show the details of the message's receipt, and the receipt as a file."""
        if not await defer(interaction, private=True):
            return
        receipt = await read_state(interaction, read_receipt)
        view = view_of(ReplayButton())
        await reply(interaction, replace(details_answer(receipt), view=view))


class ReplayButton(PersistentButton, template="replay"):
    """Asks the question of a receipt again and compares the outcomes."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Replay", custom_id="replay"))

    @classmethod
    def of(cls, _: re.Match[str]) -> "ReplayButton":
        """Return the button."""
        return cls()

    async def press(self, interaction: Interaction) -> None:
        """Ask the receipt's question again, unless the model, its dtype or the engine has changed."""
        if not await defer(interaction, private=True):
            return
        receipt = await read_state(interaction, read_receipt)
        model = interaction.client.executor.status.model
        if model is not None and not receipt.model.is_comparable(model):
            await reply(interaction, incomparable_answer(receipt, model))
            return
        question = receipt.question_again()

        def render(result: object, run: RunInfo) -> Answer:
            now = question.outcome(result)
            return replay_answer(receipt, now, first_difference(receipt.outcome, now), run)

        await answer(interaction, question, render, private=True)
