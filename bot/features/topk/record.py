"""The state of a token walk, stored in its message. Each press continues from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bot.questions.options import TEMPERATURE
from bot.questions.topk import TopKQuestion, Walk
from bot.receipts.receipt import AnsweredBy, read_receipt_of, read_value
from bot.rendering.json_objects import JsonObject

MOST_NAMES = 20  # of the last steps: an embed shows 5, and *Undo* brings back earlier ones
NAME_LIMIT = 16  # characters of a name, which is shown in 10 columns

How = Literal["chosen", "drawn"]


@dataclass(frozen=True, slots=True)
class TakenStep:
    """A token of the path: chosen by a person, or sampled with a seed at a temperature.

    `by` is the person's name, or "" if it isn't known. Only open walks show it.
    """

    id: int
    how: How
    by: str = ""
    temperature: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class WalkRecord:
    """A walk so far. `turn` counts the presses, so that a late press can be recognised."""

    prompt: str
    k: int
    temperature: float
    opener: int = 0  # the user's id
    is_open: bool = False  # open to everyone
    turn: int = 0
    steps: tuple[TakenStep, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """The token ids of the path."""
        return tuple(step.id for step in self.steps)

    @property
    def question(self) -> TopKQuestion:
        """The question for the current state of the walk."""
        return TopKQuestion(self.prompt, self.k, self.ids, self.temperature)

    @property
    def names(self) -> list[str]:
        """The names of the people who took the last steps, if the walk is open: a closed walk is its opener's alone."""
        return [step.by[:NAME_LIMIT] for step in self.steps[-MOST_NAMES:]] if self.is_open else []

    def with_names(self, names: Sequence[str]) -> "WalkRecord":
        """Return the walk with the names of the people who took the last steps."""
        before = len(self.steps) - len(names)
        steps = [replace(step, by=name) for step, name in zip(self.steps[max(0, before) :], names, strict=False)]
        return replace(self, steps=(*self.steps[: max(0, before)], *steps))

    def with_step(self, step: TakenStep) -> "WalkRecord":
        """Return the walk with one more step."""
        return replace(self, steps=(*self.steps, step))

    def without_last_step(self) -> "WalkRecord":
        """Return the walk without its last step."""
        return replace(self, steps=self.steps[:-1])


def walk_state(record: WalkRecord, walk: Walk) -> JsonObject:
    """Return the path for the receipt, with the figures of each step and of the whole. It holds no names."""
    steps = [
        {
            "id": taken.id,
            "token": step.token.text,
            "log_probability": step.likelihood.log_probability,
            "rank": step.likelihood.rank,
            "how": taken.how,
            "temperature": taken.temperature,
            "seed": taken.seed,
        }
        for taken, step in zip(record.steps, walk.steps, strict=True)
    ]
    return {
        "log_probability": walk.log_probability,
        "steps": steps,
    }


def read_walk(text: str) -> tuple[WalkRecord, AnsweredBy]:
    """Return a walk and the model that answered. Raises ValueError if `text` is not the receipt of a walk.

    Whose walk it is, whether it is open, and its turn are in the custom_ids. Earlier versions wrote them here, too.
    """
    question, receipt = read_receipt_of(TopKQuestion, text)
    options = {"prompt": question.prompt, "k": question.k, "temperature": question.temperature}
    return read_value(WalkRecord, receipt.state | options, "the receipt of a walk"), receipt.model


def read_names(side_state: JsonObject) -> list[str]:
    """Return the names of the people who took the last steps of an open walk; none if it isn't open."""
    names = side_state.get("by")
    return [str(name) for name in names] if isinstance(names, list) else []


def read_temperature(text: str) -> float | None:
    """Return the temperature in `text`, or None if it is not valid. A comma counts as the decimal point."""
    try:
        temperature = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    smallest, largest = TEMPERATURE.range
    return temperature if smallest <= temperature <= largest else None
