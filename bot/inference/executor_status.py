"""What the executor says of itself and of a request that waits."""

from dataclasses import dataclass

from bot.inference.model import ModelInfo


@dataclass(frozen=True, slots=True)
class ExecutorStatus:
    """A moment of the executor; `model` is None until it is loaded."""

    name: str
    model: ModelInfo | None
    failed: bool
    running: bool
    waiting: int
    queue_limit: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the queue: how many are `ahead`, and about how many seconds until it is its turn, if that is known."""

    ahead: int
    seconds: float | None
