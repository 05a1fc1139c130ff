"""A token walk as its message holds it: a small JSON file, from which each press goes on."""

from dataclasses import dataclass, replace
from typing import Literal

from bot.answers.receipt import AnsweredBy, read_receipt_of, read_value
from bot.questions.options import TEMPERATURE
from bot.questions.topk import TopKQuestion, Walk
from bot.rendering.json_objects import JsonObject

How = Literal["chosen", "drawn"]


@dataclass(frozen=True, slots=True)
class WalkedStep:
    """A token of the path: chosen by somebody, or drawn with a seed at a temperature."""

    id: int
    by: str
    how: How
    temperature: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class WalkRecord:
    """A walk so far. `turn` counts the presses, so that one that comes too late is told from the next."""

    prompt: str
    k: int
    temperature: float
    opener: int  # the user's id
    is_open: bool = False  # to everyone
    turn: int = 0
    steps: tuple[WalkedStep, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the path."""
        return tuple(step.id for step in self.steps)

    @property
    def question(self) -> TopKQuestion:
        """What is asked of the model where the walk stands."""
        return TopKQuestion(self.prompt, self.k, self.ids, self.temperature)

    def then(self, step: WalkedStep) -> "WalkRecord":
        """Return the walk with one more step."""
        return replace(self, steps=(*self.steps, step))

    def undone(self) -> "WalkRecord":
        """Return the walk without its last step."""
        return replace(self, steps=self.steps[:-1])


def walk_state(record: WalkRecord, walk: Walk) -> JsonObject:
    """Return what a receipt holds of a walk besides its question, with the figures of each step and of the path."""
    steps = [
        {
            "id": one.id,
            "token": step.token.text,
            "log_probability": step.likelihood.log_probability,
            "rank": step.likelihood.rank,
            "how": one.how,
            "by": one.by,
            "temperature": one.temperature,
            "seed": one.seed,
        }
        for one, step in zip(record.steps, walk.steps, strict=True)
    ]
    return {
        "opener": str(record.opener),  # JavaScript rounds numbers of 19 digits
        "is_open": record.is_open,
        "turn": record.turn,
        "log_probability": walk.log_probability,
        "steps": steps,
    }


def read_walk(text: str) -> tuple[WalkRecord, AnsweredBy]:
    """Return a walk, and the model that answered. Raises ValueError where `text` is no walk's receipt."""
    asked, receipt = read_receipt_of(TopKQuestion, text)
    options = {"prompt": asked.prompt, "k": asked.k, "temperature": asked.temperature}
    return read_value(WalkRecord, receipt.state | options, "a walk"), receipt.model


def read_temperature(text: str) -> float | None:
    """Return the temperature that somebody wrote, None where it is none; a comma is a point in half of the world."""
    try:
        temperature = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    smallest, largest = TEMPERATURE.range
    return temperature if smallest <= temperature <= largest else None
