"""A walk along tokens below `/topk`: who may take the next step, and each step from the message's own file."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import discord

from bot.answers.answer import Answer
from bot.answers.answering import answer
from bot.answers.client import Interaction
from bot.answers.components import Form, PersistentButton, PersistentMenu
from bot.answers.delivery import acknowledge
from bot.answers.details import with_receipt
from bot.answers.message_state import check_model, read_attached
from bot.answers.receipt import RECEIPT
from bot.errors import NotYours, OptionOutOfRange, ReceiptUnusable
from bot.features.topk.embed import candidate_options, walk_answer, walk_picture
from bot.features.topk.record import WalkedStep, WalkRecord, read_temperature, read_walk, walk_state
from bot.questions.language_model import RunInfo
from bot.questions.options import MAX_SEED, TEMPERATURE
from bot.questions.topk import SampledStepQuestion, TopKQuestion, Walk

FASTER = "Another press was faster, and the walk has gone on. Look where it stands now, then choose."
Change = Callable[[WalkRecord], WalkRecord]

_BUTTONS = {"sample": "Sample", "undo": "Undo", "temperature": "Temperature", "open": "Open to everyone"}


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
        if message is not None and interaction.client.turns.is_taken(message.id, self.turn):
            raise ReceiptUnusable(FASTER)


async def start_walk(interaction: Interaction, question: TopKQuestion, *, private: bool) -> None:
    """Answer with the next tokens, and with what is needed to walk along them."""
    record = WalkRecord(question.prompt, question.k, question.temperature, interaction.user.id)
    can_open = not private and interaction.guild_id is not None

    def render(result: Walk, run: RunInfo) -> Answer:
        return steerable(record, result, run, can_open=can_open)

    await answer(interaction, record.question, render, private=private, draw=walk_picture)


def steerable(record: WalkRecord, walk: Walk, run: RunInfo, *, can_open: bool) -> Answer:
    """Return the answer with the menu of candidates and the buttons that make sense."""
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
    shown = replace(walk_answer(record, walk, run), view=view)
    return with_receipt(shown, record.question, walk, run, walk_state(record, walk))


class StepMenu(PersistentMenu, template=r"walk:step" + Steering.TEMPLATE):
    """Takes the step to the candidate that is chosen."""

    def __init__(self, steering: Steering, options: list[discord.SelectOption]) -> None:
        super().__init__(
            discord.ui.Select(custom_id=f"walk:step{steering}", placeholder="Choose the next token", options=options)
        )
        self._steering = steering

    @classmethod
    def of(cls, match: re.Match[str], options: list[discord.SelectOption]) -> "StepMenu":
        """Return the menu in which something was chosen."""
        return cls(Steering.read(match), options)

    async def choose(self, interaction: Interaction, value: str) -> None:
        """Append the token and show what can follow it."""
        step = WalkedStep(int(value), interaction.user.display_name, "chosen")
        await take_turn(interaction, self._steering, lambda record: record.then(step))


class WalkButton(
    PersistentButton,
    template=r"walk:(?P<action>sample|undo|temperature|open)" + Steering.TEMPLATE,
):
    """*Sample*, *Undo*, *Temperature* or *Open to everyone*."""

    def __init__(self, action: str, steering: Steering, *, disabled: bool = False) -> None:
        label, custom_id = _BUTTONS[action], f"walk:{action}{steering}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id, disabled=disabled))
        self._action, self._steering = action, steering

    @classmethod
    def of(cls, match: re.Match[str]) -> "WalkButton":
        """Return the button that was pressed."""
        return cls(match["action"], Steering.read(match))

    async def press(self, interaction: Interaction) -> None:
        """Do what the button says; who opened a walk alone hands it to everyone."""
        if self._action == "temperature":
            self._steering.check(interaction)
            await acknowledge(interaction, interaction.response.send_modal(TemperatureForm(self._steering)))
        elif self._action == "sample":
            await take_turn(interaction, self._steering, lambda record: record, sample=True)
        elif self._action == "undo":
            await take_turn(interaction, self._steering, lambda record: record.undone())
        else:
            await take_turn(interaction, self._steering, lambda record: replace(record, is_open=True))


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

    async def submit(self, interaction: Interaction) -> None:
        """Show the candidates at that temperature."""
        found = read_temperature(self.temperature.value)
        if found is None:
            smallest, largest = TEMPERATURE.range
            raise OptionOutOfRange("temperature", self.temperature.value, f"a number from {smallest} to {largest}")
        temperature = found
        await take_turn(interaction, self._steering, lambda record: replace(record, temperature=temperature))


async def take_turn(interaction: Interaction, steering: Steering, change: Change, *, sample: bool = False) -> None:
    """Go on from what the message's file says, and show it in the same message; one press a turn.

    With `sample` the model draws the next token.
    """
    steering.check(interaction)
    message, turns = interaction.message, interaction.client.turns
    assert message is not None  # noqa: S101  # a component is below one
    turns.take(message.id, steering.turn)  # nothing was awaited since the check, so nobody else takes this turn
    is_shown = False
    try:
        if await acknowledge(interaction, interaction.response.defer()):
            is_shown = await _go(interaction, message, steering, change, sample=sample)
    finally:
        if not is_shown:  # the message stands where it stood, and can be pressed again
            turns.give_back(message.id)


async def _go(
    interaction: Interaction, message: discord.Message, steering: Steering, change: Change, *, sample: bool
) -> bool:
    record, written_by = await read_attached(message, RECEIPT, read_walk)
    if Steering.of(record) != steering:
        raise ReceiptUnusable(FASTER)
    check_model(written_by, interaction.client.executor.status.model)
    record = replace(change(record), turn=record.turn + 1)
    seed = random.randint(0, MAX_SEED)  # each draw has a seed of its own, which the file names
    question = SampledStepQuestion(record.question, seed) if sample else record.question

    def render(result: Walk, run: RunInfo) -> Answer:
        at = record
        if sample:
            id_, by = result.steps[-1].token.id, interaction.user.display_name
            at = record.then(WalkedStep(id_, by, "drawn", record.temperature, seed))
        can_open = not message.flags.ephemeral and interaction.guild_id is not None
        return steerable(at, result, run, can_open=can_open)

    # Private, so that a step that comes too late for Discord is not posted as a message of its own.
    return await answer(interaction, question, render, private=True, draw=walk_picture)
