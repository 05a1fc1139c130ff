"""A walk along tokens below `/topk`: who may take the next step, and each step from the message's own file."""

import random
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import discord

from bot.answers.answer import Answer, Computed
from bot.answers.answering import answer
from bot.answers.delivery import acknowledge
from bot.answers.details import with_receipt
from bot.answers.error_reply import Form, answers_errors
from bot.answers.message_state import check_model, read_attached
from bot.answers.receipt import RECEIPT
from bot.engine.executor import ModelExecutor
from bot.errors import NotYours, OptionOutOfRange, ReceiptUnusable
from bot.features.topk.embed import candidate_options, walk_answer, walk_picture
from bot.features.topk.record import WalkedStep, WalkRecord, read_temperature, read_walk, walk_state
from bot.questions.generation import MAX_SEED, RANGES
from bot.questions.language_model import LanguageModel
from bot.questions.topk import Walk
from bot.rendering.pictures.picture import Picture

Interaction = discord.Interaction[Any]
Walked = tuple[WalkRecord, Walk]
Step = Callable[[LanguageModel, WalkRecord], WalkRecord]

KEPT_TURNS = 1000  # messages of which the latest turn is remembered: presses at the same time meet within seconds
FASTER = "Another press was faster, and the walk has gone on. Look where it stands now, then choose."
_BUTTONS = {"sample": "Sample", "undo": "Undo", "temperature": "Temperature", "open": "Open to everyone"}

_turns: "OrderedDict[int, int]" = OrderedDict()  # by a message's id: the turn that was taken last


@dataclass(frozen=True, slots=True)
class Steering:
    """What every component of a walk says in its custom_id: whose walk it is, and at which turn it stands.

    So it is known before anything is read, and in time, who may press it.
    """

    turn: int
    opener: int
    is_open: bool

    TEMPLATE = r":(?P<turn>\d+):(?P<opener>\d+):(?P<is_open>[01])"

    @classmethod
    def of(cls, record: WalkRecord) -> "Steering":
        """Return that of a walk."""
        return cls(record.turn, record.opener, record.is_open)

    @classmethod
    def read(cls, match: re.Match[str]) -> "Steering":
        """Return what a custom_id says."""
        return cls(int(match["turn"]), int(match["opener"]), match["is_open"] == "1")

    def __str__(self) -> str:
        return f":{self.turn}:{self.opener}:{int(self.is_open)}"

    def check(self, interaction: Interaction) -> None:
        """Raise NotYours for who may not steer, and ReceiptUnusable where somebody was faster."""
        if not self.is_open and interaction.user.id != self.opener:
            raise NotYours("Only who opened this walk steers it. Ask /topk for one of your own.")
        message = interaction.message
        if message is not None and _turns.get(message.id, self.turn) > self.turn:
            raise ReceiptUnusable(FASTER)


def walked(prompt: str, k: int, opener: int) -> Callable[[LanguageModel, object], Walked]:
    """Return the operation that begins a walk."""
    record = WalkRecord(prompt, k, 1.0, opener)
    return lambda model, _: _at(model, record)


def drawn_walk(result: Walked) -> Picture | None:
    """Return the picture of where a walk stands."""
    return walk_picture(result[1])


def steerable(result: Walked, computed: Computed, *, can_open: bool) -> Answer:
    """Return the answer with the menu of candidates and the buttons that make sense."""
    record, walk = result
    view, steering = discord.ui.View(timeout=None), Steering.of(record)
    actions = ["sample", "undo", "temperature", "open"]
    if walk.ended:
        actions = ["undo"]
    else:
        view.add_item(StepMenu(steering, candidate_options(walk)))
    for action in actions:
        if action == "open" and (record.is_open or not can_open):
            continue
        view.add_item(WalkButton(action, steering, disabled=action == "undo" and not record.steps))
    shown = replace(walk_answer(record, walk, computed), view=view)
    return with_receipt(shown, record.asked, walk, computed, walk_state(record, walk))


class StepMenu(discord.ui.DynamicItem[discord.ui.Select[Any]], template=r"walk:step" + Steering.TEMPLATE):
    """Takes the step to the candidate that is chosen."""

    def __init__(self, steering: Steering, options: list[discord.SelectOption]) -> None:
        super().__init__(
            discord.ui.Select(custom_id=f"walk:step{steering}", placeholder="Choose the next token", options=options)
        )
        self._steering = steering

    @classmethod
    async def from_custom_id(cls, _: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /) -> "StepMenu":
        """Return the menu in which something was chosen."""
        assert isinstance(item, discord.ui.Select)  # noqa: S101  # its custom_id is a menu's
        return cls(Steering.read(match), item.options)

    @answers_errors
    async def callback(self, interaction: Interaction, /) -> None:
        """Append the token and show what can follow it."""
        step = WalkedStep(int(self.item.values[0]), interaction.user.display_name, "chosen")
        await take_turn(interaction, self._steering, lambda _, record: record.then(step))


class WalkButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"walk:(?P<action>sample|undo|temperature|open)" + Steering.TEMPLATE,
):
    """*Sample*, *Undo*, *Temperature* or *Open to everyone*."""

    def __init__(self, action: str, steering: Steering, *, disabled: bool = False) -> None:
        label, custom_id = _BUTTONS[action], f"walk:{action}{steering}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id, disabled=disabled))
        self._action, self._steering = action, steering

    @classmethod
    async def from_custom_id(cls, _: Interaction, __: discord.ui.Item[Any], match: re.Match[str], /) -> "WalkButton":
        """Return the button that was pressed."""
        return cls(match["action"], Steering.read(match))

    @answers_errors
    async def callback(self, interaction: Interaction, /) -> None:
        """Do what the button says; who opened a walk alone hands it to everyone."""
        if self._action == "temperature":
            self._steering.check(interaction)
            await acknowledge(interaction, interaction.response.send_modal(TemperatureForm(self._steering)))
        elif self._action == "sample":
            await take_turn(interaction, self._steering, _sampled(interaction.user.display_name))
        elif self._action == "undo":
            await take_turn(interaction, self._steering, lambda _, record: record.undone())
        else:
            await take_turn(interaction, self._steering, lambda _, record: replace(record, is_open=True))


class TemperatureForm(Form, title="Temperature"):
    """Takes the temperature at which *Sample* draws."""

    temperature: discord.ui.TextInput["TemperatureForm"] = discord.ui.TextInput(
        custom_id="temperature",
        label="Below 1 safer, above 1 wilder, 1 as it is",
        placeholder="0.8",
        max_length=10,
    )

    def __init__(self, steering: Steering) -> None:
        super().__init__()
        self._steering = steering

    @answers_errors
    async def on_submit(self, interaction: Interaction, /) -> None:
        """Show the candidates at that temperature."""
        found = read_temperature(self.temperature.value)
        if found is None:
            smallest, largest = RANGES["temperature"]
            raise OptionOutOfRange("temperature", self.temperature.value, f"a number from {smallest} to {largest}")
        temperature = found
        await take_turn(interaction, self._steering, lambda _, record: replace(record, temperature=temperature))


async def take_turn(interaction: Interaction, steering: Steering, step: Step) -> None:
    """Go on from what the message's file says, and show it in the same message; one press a turn."""
    steering.check(interaction)
    message = interaction.message
    assert message is not None  # noqa: S101  # a component is below one
    _turns[message.id] = steering.turn + 1  # nothing was awaited since the check, so nobody else takes this turn
    _turns.move_to_end(message.id)
    if len(_turns) > KEPT_TURNS:
        _turns.popitem(last=False)
    is_shown = False
    try:
        if await acknowledge(interaction, interaction.response.defer()):
            is_shown = await _go(interaction, message, steering, step)
    finally:
        if not is_shown:  # the message stands where it stood, and can be pressed again
            _turns.pop(message.id, None)


async def _go(interaction: Interaction, message: discord.Message, steering: Steering, step: Step) -> bool:
    executor: ModelExecutor = interaction.client.executor
    record, written_by = await read_attached(message, RECEIPT, read_walk)
    if Steering.of(record) != steering:
        raise ReceiptUnusable(FASTER)
    check_model(written_by, executor.status.model)

    def operation(model: LanguageModel, _: object) -> Walked:
        return _at(model, replace(step(model, record), turn=record.turn + 1))

    def render(result: Walked, computed: Computed) -> Answer:
        return steerable(result, computed, can_open=not message.flags.ephemeral and interaction.guild_id is not None)

    # Private, so that a step that comes too late for Discord is not posted as a message of its own.
    return await answer(interaction, executor, operation, render, private=True, draw=drawn_walk)


def _at(model: LanguageModel, record: WalkRecord) -> Walked:
    return record, record.asked.ask(model, lambda: False)


def _sampled(by: str) -> Step:
    """Return the step to a token that is drawn; each draw has a seed of its own, which the file names."""
    seed = random.randint(0, MAX_SEED)

    def step(model: LanguageModel, record: WalkRecord) -> WalkRecord:
        found = model.drawn(record.prompt, record.ids, record.temperature, seed)
        return record.then(WalkedStep(found.token.id, by, "drawn", record.temperature, seed))

    return step
