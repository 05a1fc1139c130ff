"""The components of a token walk below `/topk`. Their state is in the custom_ids and the message's receipt."""

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
from bot.answers.message_state import check_model, custom_ids_of, read_side_state, read_state
from bot.answers.more import MoreButton
from bot.errors import NotYours, OptionOutOfRange, ReceiptUnusable
from bot.features.topk.embed import candidate_options, has_more, walk_answer
from bot.features.topk.picture import walk_picture
from bot.features.topk.record import TakenStep, WalkRecord, read_names, read_temperature, read_walk, walk_state
from bot.features.topk.text import walk_tables
from bot.questions.language_model import RunInfo
from bot.questions.options import MAX_SEED, TEMPERATURE
from bot.questions.topk import SampledStepQuestion, TopKQuestion, Walk

TURN_TAKEN = "Someone else got there first, and the walk has changed. Check the message above, then choose again."
Change = Callable[[WalkRecord], WalkRecord]

_BUTTONS = {"sample": "Sample", "undo": "Undo", "temperature": "Temperature", "open": "Open to everyone"}


@dataclass(frozen=True, slots=True)
class WalkState:
    """The part of a walk's state that is in every custom_id: the turn, the opener, and whether the walk is open.

    Permissions can therefore be checked before the receipt is read, which never says whose walk it is.
    """

    turn: int
    opener: int
    is_open: bool

    TEMPLATE = r":(?P<turn>\d+):(?P<opener>\d+):(?P<is_open>[01])"

    @classmethod
    def of(cls, record: WalkRecord) -> "WalkState":
        """Return the state of a walk."""
        return cls(record.turn, record.opener, record.is_open)

    @classmethod
    def read(cls, match: re.Match[str]) -> "WalkState":
        """Return the state in a custom_id."""
        return cls(int(match["turn"]), int(match["opener"]), match["is_open"] == "1")

    @classmethod
    def below(cls, message: discord.Message) -> "WalkState | None":
        """Return the state in the custom_ids below a message, or None."""
        matches = (re.match(r"walk:\w+" + cls.TEMPLATE, custom_id) for custom_id in custom_ids_of(message))
        return next((cls.read(match) for match in matches if match is not None), None)

    def __str__(self) -> str:
        return f":{self.turn}:{self.opener}:{int(self.is_open)}"

    def check(self, interaction: Interaction) -> None:
        """Raise NotYours if this person can't control the walk, and ReceiptUnusable if its turn is taken."""
        if not self.is_open and interaction.user.id != self.opener:
            raise NotYours("Only the person who started this walk can control it. Use /topk to start your own.")
        message = interaction.message
        if message is not None and interaction.client.turns.is_taken(message.id, self.turn):
            raise ReceiptUnusable(TURN_TAKEN)


async def start_walk(interaction: Interaction, question: TopKQuestion, *, private: bool) -> None:
    """Answer with the most probable next tokens, and the components to walk along them."""
    record = WalkRecord(question.prompt, question.k, question.temperature, interaction.user.id)
    can_open = not private and interaction.guild_id is not None

    def render(result: Walk, run: RunInfo) -> Answer:
        return render_walk(record, result, run, can_open=can_open)

    await answer(interaction, record.question, render, private=private, draw=walk_picture)


def render_walk(record: WalkRecord, walk: Walk, run: RunInfo, *, can_open: bool) -> Answer:
    """Return the answer with its receipt, the menu of candidates and the buttons that apply."""
    view, state = discord.ui.View(timeout=None), WalkState.of(record)
    actions = ["sample", "undo", "temperature", "open"]
    if walk.ended:
        actions = ["undo"]
    else:
        view.add_item(StepMenu(state, candidate_options(walk)))
    for action in actions:
        if action == "open" and (record.is_open or not can_open):
            continue
        view.add_item(WalkButton(action, state, disabled=action == "undo" and not record.steps))
    if has_more(walk):
        view.add_item(MoreOfWalk())
    shown = replace(walk_answer(record, walk, run), view=view)
    shown = with_receipt(shown, record.question, walk, run, walk_state(record, walk))
    return replace(shown, side_state={"by": record.names} if record.names else {})


class MoreOfWalk(MoreButton[Walk], template="more:topk"):
    """Shows all candidates, and the whole path."""

    question = TopKQuestion

    def whole_table(self, result: Walk, columns: int | None) -> str:
        """Return the path and the candidates."""
        return walk_tables(result, columns)


class StepMenu(PersistentMenu, template=r"walk:step" + WalkState.TEMPLATE):
    """The menu of candidates for the next step."""

    def __init__(self, state: WalkState, options: list[discord.SelectOption]) -> None:
        super().__init__(
            discord.ui.Select(custom_id=f"walk:step{state}", placeholder="Choose the next token", options=options)
        )
        self._state = state

    @classmethod
    def of(cls, match: re.Match[str], options: list[discord.SelectOption]) -> "StepMenu":
        """Return the menu."""
        return cls(WalkState.read(match), options)

    async def choose(self, interaction: Interaction, value: str) -> None:
        """Append the chosen token and show the next candidates."""
        step = TakenStep(int(value), "chosen", interaction.user.display_name)
        await take_turn(interaction, self._state, lambda record: record.with_step(step))


class WalkButton(
    PersistentButton,
    template=r"walk:(?P<action>sample|undo|temperature|open)" + WalkState.TEMPLATE,
):
    """*Sample*, *Undo*, *Temperature* or *Open to everyone*."""

    def __init__(self, action: str, state: WalkState, *, disabled: bool = False) -> None:
        label, custom_id = _BUTTONS[action], f"walk:{action}{state}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id, disabled=disabled))
        self._action, self._state = action, state

    @classmethod
    def of(cls, match: re.Match[str]) -> "WalkButton":
        """Return the button."""
        return cls(match["action"], WalkState.read(match))

    async def press(self, interaction: Interaction) -> None:
        """Sample, undo, ask for a temperature, or open the walk to everyone."""
        if self._action == "temperature":
            self._state.check(interaction)
            await acknowledge(interaction, interaction.response.send_modal(TemperatureForm(self._state)))
        elif self._action == "sample":
            await take_turn(interaction, self._state, lambda record: record, sample=True)
        elif self._action == "undo":
            await take_turn(interaction, self._state, lambda record: record.without_last_step())
        else:
            name = interaction.user.display_name  # the opener's, who took all steps so far
            await take_turn(
                interaction,
                self._state,
                lambda record: replace(record, is_open=True).with_names([name] * len(record.steps)),
            )


class TemperatureForm(Form, title="Temperature"):
    """The form for the temperature that *Sample* uses."""

    temperature: discord.ui.TextInput["TemperatureForm"] = discord.ui.TextInput(
        custom_id="temperature",
        label="Below 1 safer, above 1 wilder, 1 no change",
        placeholder="0.8",
        max_length=10,
    )

    def __init__(self, state: WalkState) -> None:
        super().__init__()
        self._state = state

    async def submit(self, interaction: Interaction) -> None:
        """Show the candidates at this temperature."""
        temperature = read_temperature(self.temperature.value)
        if temperature is None:
            smallest, largest = TEMPERATURE.range
            raise OptionOutOfRange("temperature", self.temperature.value, f"a number from {smallest} to {largest}")
        chosen = temperature
        await take_turn(interaction, self._state, lambda record: replace(record, temperature=chosen))


async def take_turn(interaction: Interaction, state: WalkState, change: Change, *, sample: bool = False) -> None:
    """Read the walk from its message, change it, and show it in the same message. Each turn is taken once.

    With `sample`, the model also samples the next token.
    """
    state.check(interaction)
    message, turns = interaction.message, interaction.client.turns
    assert message is not None  # noqa: S101  # a component belongs to a message
    turns.take(message.id, state.turn)  # no await since the check, so no other press can take this turn
    is_shown = False
    try:
        if await acknowledge(interaction, interaction.response.defer()):
            is_shown = await _change_walk(interaction, message, state, change, sample=sample)
    finally:
        if not is_shown:  # the message is unchanged, so its buttons must work again
            turns.release(message.id)


async def _change_walk(
    interaction: Interaction, message: discord.Message, state: WalkState, change: Change, *, sample: bool
) -> bool:
    record, written_by = await read_state(interaction, read_walk)
    if WalkState.below(message) != state:
        raise ReceiptUnusable(TURN_TAKEN)
    record = replace(record, opener=state.opener, is_open=state.is_open, turn=state.turn)
    record = record.with_names(read_names(read_side_state(message)))
    check_model(written_by, interaction.client.executor.status.model)
    record = replace(change(record), turn=record.turn + 1)
    seed = random.randint(0, MAX_SEED)  # each sampled step has its own seed, stored in the receipt
    question = SampledStepQuestion(record.question, seed) if sample else record.question

    def render(result: Walk, run: RunInfo) -> Answer:
        shown = record
        if sample:
            id_, by = result.steps[-1].token.id, interaction.user.display_name
            shown = record.with_step(TakenStep(id_, "drawn", by, record.temperature, seed))
        can_open = not message.flags.ephemeral and interaction.guild_id is not None
        return render_walk(shown, result, run, can_open=can_open)

    # Private, so that a step that finishes after 15 minutes is not posted as a separate message.
    return await answer(interaction, question, render, private=True, draw=walk_picture)
