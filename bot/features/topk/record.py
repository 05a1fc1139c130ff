"""The state of a token walk, stored as JSON in its message. Each press continues from it."""

from dataclasses import dataclass, replace
from typing import Literal

from bot.answers.receipt import AnsweredBy, read_receipt_of, read_value
from bot.questions.options import TEMPERATURE
from bot.questions.topk import TopKQuestion, Walk
from bot.rendering.json_objects import JsonObject

How = Literal["chosen", "drawn"]


@dataclass(frozen=True, slots=True)
class TakenStep:
    """A token of the path: chosen by a person, or sampled with a seed at a temperature."""

    id: int
    by: str
    how: How
    temperature: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class WalkRecord:
    """A walk so far. `turn` counts the presses, so that a late press can be recognised."""

    prompt: str
    k: int
    temperature: float
    opener: int  # the user's id
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

    def with_step(self, step: TakenStep) -> "WalkRecord":
        """Return the walk with one more step."""
        return replace(self, steps=(*self.steps, step))

    def without_last_step(self) -> "WalkRecord":
        """Return the walk without its last step."""
        return replace(self, steps=self.steps[:-1])


def walk_state(record: WalkRecord, walk: Walk) -> JsonObject:
    """Return the walk's state for the receipt, with the figures of each step and of the path."""
    steps = [
        {
            "id": taken.id,
            "token": step.token.text,
            "log_probability": step.likelihood.log_probability,
            "rank": step.likelihood.rank,
            "how": taken.how,
            "by": taken.by,
            "temperature": taken.temperature,
            "seed": taken.seed,
        }
        for taken, step in zip(record.steps, walk.steps, strict=True)
    ]
    return {
        "opener": str(record.opener),  # JavaScript rounds numbers of 19 digits
        "is_open": record.is_open,
        "turn": record.turn,
        "log_probability": walk.log_probability,
        "steps": steps,
    }


def read_walk(text: str) -> tuple[WalkRecord, AnsweredBy]:
    """Return a walk and the model that answered. Raises ValueError if `text` is not the receipt of a walk."""
    question, receipt = read_receipt_of(TopKQuestion, text)
    options = {"prompt": question.prompt, "k": question.k, "temperature": question.temperature}
    return read_value(WalkRecord, receipt.state | options, "the receipt of a walk"), receipt.model


def read_temperature(text: str) -> float | None:
    """Return the temperature in `text`, or None if it is not valid. A comma counts as the decimal point."""
    try:
        temperature = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    smallest, largest = TEMPERATURE.range
    return temperature if smallest <= temperature <= largest else None
