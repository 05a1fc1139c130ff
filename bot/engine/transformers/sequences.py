"""Texts under way, and the forward passes that they wait for."""

from dataclasses import dataclass, field
from typing import Protocol

import torch
from transformers.cache_utils import Cache

from bot.engine.scheduler import ForwardPass, wait_for

GIVES_WAY_TO = 4  # newcomers, between two pieces of a prompt, or two prompts of one operation


class Passes(Protocol):
    """Computes the passes of one model."""

    def compute(self, waiting: "list[Pass]") -> "list[tuple[Pass, torch.Tensor | Exception]]":
        """Compute some of `waiting`, and return those that are complete with their logits [rows, vocabulary].

        For one that failed, its error takes the place of the logits.
        """
        ...

    def check_finite(self, logits: torch.Tensor) -> None:
        """Raise NumbersNotFinite where a logit is infinite or not a number."""
        ...

    def next_turn(self) -> int:
        """Return a number that is greater than that of every pass which already waits."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sequence's keys and values stand: in a row that ends in the cache's last column."""

    cache: Cache  # its layers are GrowingLayers
    row: int


@dataclass(eq=False, slots=True)
class Sequence:
    """A text under way: the first `length` of its `ids` are computed and stand in `place`, if it `keeps` them."""

    passes: Passes
    keeps: bool
    length: int = 0
    place: Place | None = None
    ids: list[int] = field(default_factory=list)

    @property
    def lacking(self) -> int:
        """How many of the ids are not computed yet."""
        return len(self.ids) - self.length

    def next_logits(self, input_ids: list[int]) -> torch.Tensor:
        """Append `input_ids`, the prompt or then one token, and return the logits after it, float32 [vocabulary]."""
        self.ids = [*self.ids, *input_ids]
        return wait_for_passes(self.passes, [Pass(self, self.passes.next_turn())])[0][-1]


@dataclass(eq=False, slots=True)
class Pass:
    """What one sequence lacks, and the last `rows` of its logits that are wanted; the lowest `turn` comes first."""

    sequence: Sequence
    turn: int
    rows: int = 1

    @property
    def columns(self) -> int:
        """How many ids it has to compute; some again, where logits after them are wanted."""
        return max(self.sequence.lacking, self.rows)


@dataclass(eq=False, slots=True)
class _Waiting:
    """An operation's passes that are `open`, and the logits, or the errors, of those that are complete."""

    passes: Passes
    open: list[Pass]
    results: dict[int, torch.Tensor | Exception] = field(default_factory=dict)

    def compute_together(self, waiting: list[ForwardPass]) -> list[tuple[ForwardPass, object]]:
        """Compute some of `waiting`, and return those that are complete with their results."""
        operations = [one for one in waiting if isinstance(one, _Waiting)]
        computed = {id(one): result for one, result in self.passes.compute([p for one in operations for p in one.open])}
        for operation in operations:
            operation.take(computed)
        return [(one, one.results) for one in operations if not one.open]

    def take(self, computed: dict[int, torch.Tensor | Exception]) -> None:
        """Take what is computed; where there is more to come, newcomers of other operations are served first."""
        before = len(self.open)
        new = {id(one): computed[id(one)] for one in self.open if id(one) in computed}
        self.results |= new
        has_failed = any(isinstance(result, Exception) for result in new.values())
        self.open = [] if has_failed else [one for one in self.open if id(one) not in computed]
        if len(self.open) < before:
            for one in self.open:
                one.turn = self.passes.next_turn() + GIVES_WAY_TO


def wait_for_passes(passes: Passes, wanted: list[Pass]) -> list[torch.Tensor]:
    """Return the logits [rows, vocabulary] of each of `wanted`, computed together with those of other operations.

    Raises NumbersNotFinite, and what the model raises for one of `wanted`.
    """
    waiting = _Waiting(passes, list(wanted))
    wait_for(waiting)
    results = waiting.results
    logits: list[torch.Tensor] = []
    for result in results.values():
        if isinstance(result, Exception):
            raise result
    for one in wanted:
        result = results[id(one)]
        assert isinstance(result, torch.Tensor)  # noqa: S101  # errors are raised above
        passes.check_finite(result)
        logits.append(result)
    return logits
