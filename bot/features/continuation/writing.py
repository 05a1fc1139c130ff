"""A continuation while people watch it being written, and the buttons below it."""

import asyncio
import re
from dataclasses import replace
from functools import partial
from typing import Any

import discord

from bot.answers.answer import Answer, Computed
from bot.answers.answering import answer, defer
from bot.answers.delivery import acknowledge
from bot.answers.details import receipted
from bot.answers.error_reply import answers_errors
from bot.answers.message_state import check_model, read_attached
from bot.answers.receipt import RECEIPT, read_receipt_of
from bot.engine.executor import ModelExecutor
from bot.engine.waiting import Place
from bot.errors import NotYours
from bot.features.continuation.embed import continuation_answer, cut_off, draft_answer
from bot.questions.asked import AskedContinuation
from bot.questions.continuation import Continuation, Draft
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import LanguageModel, ShouldStop

PACE_SECONDS = 1.2  # between two edits of one message; Discord takes five in five seconds
MORE_TOKENS = 20

Interaction = discord.Interaction[Any]
Button = discord.ui.DynamicItem[discord.ui.Button[Any]]

_under_way: "dict[int, _Writing]" = {}  # by the id of the interaction that asked


async def write(
    interaction: Interaction,
    executor: ModelExecutor,
    prompt: str,
    parameters: GenerationParameters,
    *,
    private: bool,
    written: tuple[int, ...] = (),
) -> None:
    """Answer with the continuation of `prompt`, which goes on after the output ids `written`."""
    writing = _Writing(interaction, prompt, parameters, written)
    question = AskedContinuation(prompt, parameters, written)

    def operation(model: LanguageModel, should_stop: ShouldStop) -> Continuation:
        writing.begun = True
        return question.ask(model, should_stop, writing.draft)

    _under_way.setdefault(interaction.id, writing)  # an interaction may arrive twice; the first is answered
    try:
        render = receipted(question, with_buttons)
        await answer(interaction, executor, operation, render, private=private, progress=writing)
    finally:
        if _under_way.get(interaction.id) is writing:
            del _under_way[interaction.id]


class _Writing:
    """A continuation under way, as its asker sees it."""

    def __init__(
        self, interaction: Interaction, prompt: str, parameters: GenerationParameters, written: tuple[int, ...]
    ) -> None:
        loop = asyncio.get_running_loop()
        self._nothing_yet = Continuation(prompt, parameters, (), written, "", "length", len(written))
        self.changed = asyncio.Event()
        self.withdrawn = False
        self.begun = False
        self.draft = Draft(PACE_SECONDS, lambda: loop.call_soon_threadsafe(self.changed.set))
        self._stop_button = StopButton(interaction.id, interaction.user.id)

    def stop(self) -> None:
        """End it with what is written, or at once where it has not begun."""
        self.draft.stop()
        self.withdrawn = not self.begun
        if self.withdrawn:
            self.changed.set()

    def render(self, place: Place | None) -> Answer:
        """Return what is written so far, or the place in the queue, with a button to stop it."""
        shown = draft_answer(self.draft.latest or self._nothing_yet, place)
        return replace(shown, view=_view(self._stop_button))


def with_buttons(result: Continuation, computed: Computed) -> Answer:
    """Return the finished continuation, with the buttons that make sense below it."""
    buttons: list[Button] = []
    if result.finish_reason != "stop":
        buttons.append(AgainButton("more"))
    if result.parameters.do_sample:
        buttons.append(AgainButton("retry"))
    return replace(continuation_answer(result, computed), view=_view(*buttons) if buttons else None)


def _view(*buttons: Button) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    return view


class StopButton(Button, template=r"continue:stop:(?P<asked>\d+):(?P<asker>\d+)"):
    """Ends a continuation; for its asker and for moderators."""

    def __init__(self, asked: int, asker: int) -> None:
        super().__init__(discord.ui.Button(label="Stop", custom_id=f"continue:stop:{asked}:{asker}"))
        self._asked, self._asker = asked, asker

    @classmethod
    async def from_custom_id(cls, _: Interaction, __: discord.ui.Item[Any], match: re.Match[str], /) -> "StopButton":
        """Return the button that was pressed."""
        return cls(int(match["asked"]), int(match["asker"]))

    @answers_errors
    async def callback(self, interaction: Interaction, /) -> None:
        """Stop it, or say that it ended with an earlier run of the bot."""
        if interaction.user.id != self._asker and not interaction.permissions.manage_messages:
            raise NotYours("Only who asked can stop this, and moderators, who may manage messages.")
        writing = _under_way.get(self._asked)
        if writing is not None:
            writing.stop()
            await acknowledge(interaction, interaction.response.defer())
        elif interaction.message is not None:
            embed = cut_off(interaction.message.embeds[0])
            await acknowledge(interaction, interaction.response.edit_message(embed=embed, view=None))


class AgainButton(Button, template="continue:(?P<how>more|retry)"):
    """Goes on from what the message holds, in a new message: *Continue* and *Retry*."""

    def __init__(self, how: str) -> None:
        label, self._change = _AGAIN[how]
        super().__init__(discord.ui.Button(label=label, custom_id=f"continue:{how}"))

    @classmethod
    async def from_custom_id(cls, _: Interaction, __: discord.ui.Item[Any], match: re.Match[str], /) -> "AgainButton":
        """Return the button that was pressed."""
        return cls(match["how"])

    @answers_errors
    async def callback(self, interaction: Interaction, /) -> None:
        """Write again from what the message's file says."""
        message = interaction.message
        assert message is not None  # noqa: S101  # a button is below one
        private = message.flags.ephemeral
        if not await defer(interaction, private=private):
            return
        executor: ModelExecutor = interaction.client.executor
        asked, receipt = await read_attached(message, RECEIPT, partial(read_receipt_of, AskedContinuation))
        check_model(receipt.model, executor.status.model)
        (written,) = receipt.outcome.outputs
        again = self._change(replace(asked, written=written))
        await write(interaction, executor, again.prompt, again.parameters, private=private, written=again.written)


def _with_more_tokens(asked: AskedContinuation) -> AskedContinuation:
    """Return what asks for all of it at once."""
    return replace(asked, parameters=asked.parameters.with_max_new_tokens(len(asked.written) + MORE_TOKENS))


def _with_another_seed(asked: AskedContinuation) -> AskedContinuation:
    return replace(asked, parameters=asked.parameters.with_new_seed(), written=())


# By the last part of the button's custom_id: its label, and what is asked when it is pressed.
_AGAIN = {"more": (f"Continue ({MORE_TOKENS} more)", _with_more_tokens), "retry": ("Retry", _with_another_seed)}
