"""Texts being computed, and the forward passes that they request."""

from dataclasses import dataclass, field
from typing import Protocol

import torch

from bot.engine.scheduler import ForwardPass, wait_for

YIELD_TO = 4  # newer requests that run before the next piece of a prompt, or the next prompt of the same operation


class PassComputer(Protocol):
    """Computes the forward passes of one model. `ForwardPasses` implements it."""

    def compute(self, waiting: "list[ForwardRequest]") -> "list[tuple[ForwardRequest, torch.Tensor | Exception]]":
        """Compute some of `waiting`, and return the finished requests with their logits [rows, vocabulary].

        A failed request has its error in place of the logits.
        """
        ...

    def check_finite(self, logits: torch.Tensor) -> None:
        """Raise NumbersNotFinite if a logit is infinite or not a number."""
        ...

    def next_turn(self) -> int:
        """Return a number greater than the `turn` of every waiting request."""
        ...


@dataclass(eq=False, slots=True)
class Decoding:
    """A text being computed. The first `length` of its `ids` are computed.

    If `is_cached` is true, their keys and values are stored. `cache` refers to them; only the batches know how.
    """

    passes: PassComputer
    is_cached: bool
    length: int = 0
    cache: object = None
    ids: list[int] = field(default_factory=list)

    @property
    def uncomputed(self) -> int:
        """How many of the ids are not computed yet."""
        return len(self.ids) - self.length

    def next_logits(self, input_ids: list[int]) -> torch.Tensor:
        """Append `input_ids`, the prompt or a single id, and return the logits after them, float32 [vocabulary]."""
        self.ids = [*self.ids, *input_ids]
        return wait_for_passes(self.passes, [ForwardRequest(self, self.passes.next_turn())])[0][-1]


@dataclass(eq=False, slots=True)
class ForwardRequest:
    """A request to compute the rest of one text and return its last `rows` logits. The lowest `turn` runs first."""

    decoding: Decoding
    turn: int
    rows: int = 1

    @property
    def width(self) -> int:
        """How many ids to compute. Ids are computed again if their logits are requested."""
        return max(self.decoding.uncomputed, self.rows)

    def next_turn(self) -> int:
        """Return a number greater than the `turn` of every waiting request."""
        return self.decoding.passes.next_turn()


@dataclass(eq=False, slots=True)
class _Waiting:
    """The `open` requests of one operation, and the logits or errors of its finished ones."""

    passes: PassComputer
    open: list[ForwardRequest]
    results: dict[int, torch.Tensor | Exception] = field(default_factory=dict)

    def compute_together(self, waiting: list[ForwardPass]) -> list[tuple[ForwardPass, object]]:
        """Compute some of `waiting`, and return the finished ones with their results."""
        operations = [operation for operation in waiting if isinstance(operation, _Waiting)]
        requests = [request for operation in operations for request in operation.open]
        computed = {id(request): result for request, result in self.passes.compute(requests)}
        for operation in operations:
            operation.take(computed)
        return [(operation, operation.results) for operation in operations if not operation.open]

    def take(self, computed: dict[int, torch.Tensor | Exception]) -> None:
        """Store finished results. If requests remain, newer ones of other operations run before them."""
        before = len(self.open)
        finished = {id(request): computed[id(request)] for request in self.open if id(request) in computed}
        self.results |= finished
        has_failed = any(isinstance(result, Exception) for result in finished.values())
        self.open = [] if has_failed else [request for request in self.open if id(request) not in computed]
        if len(self.open) < before:
            for request in self.open:
                request.turn = self.passes.next_turn() + YIELD_TO


def wait_for_passes(passes: PassComputer, requests: list[ForwardRequest]) -> list[torch.Tensor]:
    """Return the logits [rows, vocabulary] of each request, computed together with those of other operations.

    Raises NumbersNotFinite, and the model's error for one of `requests`.
    """
    waiting = _Waiting(passes, list(requests))
    wait_for(waiting)
    results = waiting.results
    logits: list[torch.Tensor] = []
    for result in results.values():
        if isinstance(result, Exception):
            raise result
    for request in requests:
        result = results[id(request)]
        assert isinstance(result, torch.Tensor)  # noqa: S101  # errors are raised above
        passes.check_finite(result)
        logits.append(result)
    return logits
