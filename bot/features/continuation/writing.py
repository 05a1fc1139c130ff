"""Shows a continuation while it is being written, and handles the buttons below it."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import discord

from bot.answers.answer import Answer
from bot.answers.answering import Progress, answer, defer
from bot.answers.client import Interaction
from bot.answers.components import PersistentButton, PersistentMenu, view_of
from bot.answers.delivery import acknowledge
from bot.answers.details import with_receipt_below
from bot.answers.endings import set_ending
from bot.answers.message_state import check_model, read_state
from bot.answers.observer import Ending
from bot.engine.waiting import Place
from bot.errors import NotYours
from bot.features.continuation.embed import continuation_answer, cut_off_embed, draft_answer, token_options
from bot.features.continuation.picture import continuation_picture
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.language_model import RunInfo
from bot.receipts.receipt import read_receipt_of
from bot.rendering.pictures.picture import Picture

PACE_SECONDS = 1.2  # between two edits of one message; Discord allows five edits in five seconds
MORE_TOKENS = 20


async def write(interaction: Interaction, question: ContinuationQuestion, *, private: bool) -> None:
    """Answer with a continuation that people can watch and stop."""
    writing = _Writing(interaction, question)
    render = with_receipt_below(question, with_buttons)
    with interaction.client.open_answers.stoppable(interaction.id, writing):
        is_shown = await answer(interaction, question, render, private=private, progress=writing, draw=_picture)
        if is_shown and writing.wants_end():
            set_ending(interaction, Ending.STOPPED)


class _Writing(Progress[Continuation]):
    """The draft of a running continuation, updated at most once in `PACE_SECONDS`."""

    def __init__(self, interaction: Interaction, question: ContinuationQuestion) -> None:
        written = question.written
        self._latest = Continuation(question.prompt, question.parameters, (), written, "", "length", len(written))
        self._loop = asyncio.get_running_loop()
        self._updated = time.perf_counter()
        self._has_begun = False
        self._is_stopped = False
        self._stop_button = StopButton(interaction.id, interaction.user.id)
        self.changed = asyncio.Event()
        self.is_withdrawn = False

    def stop(self) -> None:
        """Keep the text so far, or cancel the request if it is still waiting."""
        self._is_stopped = True
        self.is_withdrawn = not self._has_begun
        if self.is_withdrawn:
            self.changed.set()

    def begin(self) -> None:
        """Note that the computation has begun: from now on, *Stop* keeps the text so far."""
        self._has_begun = True

    def wants_end(self) -> bool:
        """Return whether someone pressed *Stop*."""
        return self._is_stopped

    def offer(self, partial: Callable[[], Continuation]) -> None:
        """Update the draft, unless the last update is too recent."""
        now = time.perf_counter()
        if now - self._updated >= PACE_SECONDS:
            self._updated = now
            self._latest = partial()
            self._loop.call_soon_threadsafe(self.changed.set)

    def render(self, place: Place | None) -> Answer:
        """Return the draft, or the place in the queue, with a *Stop* button."""
        return replace(draft_answer(self._latest, place), view=view_of(self._stop_button))


def _picture(result: Continuation) -> Picture | None:
    return continuation_picture(result) if result.tokens else None


def with_buttons(result: Continuation, run: RunInfo) -> Answer:
    """Return the finished continuation with the menu and the buttons that apply."""
    items: list[PersistentButton | PersistentMenu] = []
    if options := token_options(result):
        items.append(TokenMenu(options))
    if result.finish_reason != "stop":
        items.append(AgainButton("more"))
    if result.parameters.do_sample:
        items.append(AgainButton("retry"))
    return replace(continuation_answer(result, run), view=view_of(*items) if items else None)


class StopButton(PersistentButton, template=r"continue:stop:(?P<interaction_id>\d+):(?P<asker>\d+)"):
    """Stops a continuation. Only for its asker and for moderators."""

    def __init__(self, interaction_id: int, asker: int) -> None:
        super().__init__(discord.ui.Button(label="Stop", custom_id=f"continue:stop:{interaction_id}:{asker}"))
        self._interaction_id, self._asker = interaction_id, asker

    @classmethod
    def of(cls, match: re.Match[str]) -> "StopButton":
        """Return the button."""
        return cls(int(match["interaction_id"]), int(match["asker"]))

    async def press(self, interaction: Interaction) -> None:
        """Stop the continuation, or show that a restart interrupted it."""
        if interaction.user.id != self._asker and not interaction.permissions.manage_messages:
            raise NotYours("Only the person who asked, or a moderator (Manage Messages), can stop this.")
        running = interaction.client.open_answers.find(self._interaction_id)
        if running is not None:
            running.stop()
            await acknowledge(interaction, interaction.response.defer())
        elif interaction.message is not None:
            embed = cut_off_embed(interaction.message.embeds[0])
            await acknowledge(interaction, interaction.response.edit_message(embed=embed, view=None))


class AgainButton(PersistentButton, template="continue:(?P<how>more|retry)"):
    """*Continue* and *Retry*: writes a new message from this message's receipt."""

    def __init__(self, how: str) -> None:
        label, self._change = _AGAIN[how]
        super().__init__(discord.ui.Button(label=label, custom_id=f"continue:{how}"))

    @classmethod
    def of(cls, match: re.Match[str]) -> "AgainButton":
        """Return the button."""
        return cls(match["how"])

    async def press(self, interaction: Interaction) -> None:
        """Read the receipt and write a new continuation."""
        await _write_again(interaction, self._change)


class TokenMenu(PersistentMenu, template="continue:token"):
    """Goes on from another token, in a new message. The value has the position in the output ids and the token's id."""

    def __init__(self, options: list[discord.SelectOption]) -> None:
        placeholder = "Go on from another token"
        super().__init__(discord.ui.Select(custom_id="continue:token", placeholder=placeholder, options=options))

    @classmethod
    def of(cls, _: re.Match[str], options: list[discord.SelectOption]) -> "TokenMenu":
        """Return the menu."""
        return cls(options)

    async def choose(self, interaction: Interaction, value: str) -> None:
        """Read the receipt and write a continuation of its text up to the chosen token."""
        position, id_ = map(int, value.split(":"))
        await _write_again(interaction, lambda question: question.from_another_token(position, id_, MORE_TOKENS))


async def _write_again(
    interaction: Interaction, change: Callable[[ContinuationQuestion], ContinuationQuestion]
) -> None:
    """Write a new message. `change` gets the question of this message's receipt, with the ids that it wrote."""
    message = interaction.message
    assert message is not None  # noqa: S101  # a button or a menu belongs to a message
    private = message.flags.ephemeral
    if not await defer(interaction, private=private):
        return
    question, receipt = await read_state(interaction, partial(read_receipt_of, ContinuationQuestion))
    check_model(receipt.model, interaction.client.executor.status.model)
    (written,) = receipt.outcome.outputs
    await write(interaction, change(replace(question, written=written)), private=private)


def _with_more_tokens(question: ContinuationQuestion) -> ContinuationQuestion:
    """Return the question for the text so far plus `MORE_TOKENS`."""
    return replace(question, parameters=question.parameters.with_max_new_tokens(len(question.written) + MORE_TOKENS))


def _with_another_seed(question: ContinuationQuestion) -> ContinuationQuestion:
    """Return the question with a new seed, from the prompt or the token that a person chose on."""
    return replace(question, parameters=question.parameters.with_new_seed(), written=question.written[: question.fixed])


# The key is the last part of the custom_id; the values are the label and the function that changes the question.
_AGAIN = {"more": (f"Continue ({MORE_TOKENS} more)", _with_more_tokens), "retry": ("Retry", _with_another_seed)}
