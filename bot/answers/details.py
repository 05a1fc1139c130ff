"""The receipt below every answer: *Details* says what it came from, *Replay* computes it again and compares."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import discord

from bot.answers.answer import Answer, Computed
from bot.answers.answering import answer, defer, reply
from bot.answers.details_embed import details_answer, incomparable_answer, replay_answer
from bot.answers.error_reply import answers_errors
from bot.answers.message_state import read_attached
from bot.answers.receipt import RECEIPT, read_receipt, receipt_file
from bot.engine.executor import ModelExecutor
from bot.questions.asked import Asked
from bot.questions.language_model import LanguageModel, ShouldStop
from bot.questions.outcome import Outcome, first_difference
from bot.rendering.json_objects import JsonObject

T = TypeVar("T")
Interaction = discord.Interaction[Any]
Button = discord.ui.DynamicItem[discord.ui.Button[Any]]


def receipted(question: Asked[T], render: Callable[[T, Computed], Answer]) -> Callable[[T, Computed], Answer]:
    """Return `render` with a receipt below each answer."""
    return lambda result, computed: with_receipt(render(result, computed), question, result, computed)


def with_receipt(
    answered: Answer, question: Asked[T], result: T, computed: Computed, state: JsonObject | None = None
) -> Answer:
    """Return an answer with its receipt and *Details* below it; `state` is what its own buttons need besides."""
    file = receipt_file(question, question.outcome(result), computed.model, state or {})
    view = discord.ui.View(timeout=None) if answered.view is None else answered.view
    return replace(answered, attachments=(file, *answered.attachments), view=view.add_item(DetailsButton()))


class DetailsButton(Button, template="details"):
    """Shows, for who presses it alone, what an answer came from."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Details", custom_id="details"))

    @classmethod
    async def from_custom_id(cls, _: Interaction, __: discord.ui.Item[Any], ___: re.Match[str], /) -> "DetailsButton":
        """Return the button that was pressed."""
        return cls()

    @answers_errors
    async def callback(self, interaction: Interaction, /) -> None:
        """Read the receipt back from the message's file and show it, with a button to compute it again."""
        if not await defer(interaction, private=True):
            return
        receipt = await read_attached(interaction.message, RECEIPT, read_receipt)
        view = discord.ui.View(timeout=None).add_item(ReplayButton())
        await reply(interaction, replace(details_answer(receipt), view=view))


class ReplayButton(Button, template="replay"):
    """Computes again what a receipt says, and compares."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Replay", custom_id="replay"))

    @classmethod
    async def from_custom_id(cls, _: Interaction, __: discord.ui.Item[Any], ___: re.Match[str], /) -> "ReplayButton":
        """Return the button that was pressed."""
        return cls()

    @answers_errors
    async def callback(self, interaction: Interaction, /) -> None:
        """Ask the same question, unless another model answers now."""
        if not await defer(interaction, private=True):
            return
        receipt = await read_attached(interaction.message, RECEIPT, read_receipt)
        executor: ModelExecutor = interaction.client.executor
        model = executor.status.model
        if model is not None and not (receipt.model.is_model(model) and receipt.model.dtype == model.dtype):
            await reply(interaction, incomparable_answer(receipt, model))
            return
        question = receipt.asked.again(receipt.outcome)

        def operation(model: LanguageModel, should_stop: ShouldStop) -> Outcome:
            return question.outcome(question.ask(model, should_stop))

        def render(now: Outcome, computed: Computed) -> Answer:
            return replay_answer(receipt, now, first_difference(receipt.outcome, now), computed)

        await answer(interaction, executor, operation, render, private=True)
