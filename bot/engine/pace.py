"""How long a waiting request will wait: the engine's pace, learned from recent requests, and the slots ahead of it."""

import heapq
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FADING = 0.7  # the weight of a finished request, relative to the next one: the pace changes with the load
SINGLE_STEP = 0.1  # the weight of a request without a text: its prompt often differs in length
SHORTEST = 1e-6  # seconds, of a request
GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples, modulo 1, spread evenly between 0 and 1


@dataclass(frozen=True, slots=True)
class Work:
    """What a request has done so far: `steps` of its own, in `seconds`.

    In this time the engine computed `prompts` prompts, this request's own and those of others. `has_ended` says
    whether the model ended the answer before its last step.
    """

    seconds: float
    steps: int
    prompts: int
    has_ended: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """A running request: the steps that it can still take, and whether its prompt is still being computed."""

    steps_left: int
    needs_prompt: bool


class Pace:
    """Estimates waiting times from the work of the latest `memory` requests.

    A request takes the same time for each of its steps, and a time for each prompt computed meanwhile, because all
    running requests share forward passes. Both times are fitted to the recent work by least squares.
    """

    def __init__(self, memory: int) -> None:
        self._texts: deque[Work] = deque(maxlen=memory)
        self._single_steps: deque[Work] = deque(maxlen=memory)  # apart, because many of them say little about a step

    def record(self, work: Work) -> None:
        """Learn from a request that has ended."""
        (self._texts if work.steps > 1 else self._single_steps).append(work)

    def seconds_until_start(
        self, waiting: Sequence[int], slots: int, running: Sequence[Slot], work: Iterable[Work] = ()
    ) -> float | None:
        """Return the seconds until the request after those `waiting` starts, or None if nothing is known yet.

        `waiting` has the steps of the requests ahead of it. `work` is what the `running` requests have done so far.
        """
        known = list(work)
        weights = [1.0] * len(known)
        for finished, importance in ((self._texts, 1.0), (self._single_steps, SINGLE_STEP)):
            known += reversed(finished)
            weights += [importance * FADING**age for age in range(1, len(finished) + 1)]
        if not any(each.seconds and each.steps for each in known):
            return None
        per_step, per_prompt = _fit(known, weights)
        # Texts that the model ends itself are shorter than asked for. Each step is a chance to end.
        steps = sum(each.steps for each in known)
        end = sum(each.has_ended for each in known) / steps
        free = [0] * (slots - len(running))
        free += [_steps_taken(slot.steps_left, end, number) for number, slot in enumerate(running)]
        heapq.heapify(free)
        starts = []
        for number, most in enumerate(waiting, start=len(running)):
            starts.append(free[0])
            heapq.heapreplace(free, free[0] + _steps_taken(most, end, number))
        prompts = sum(slot.needs_prompt for slot in running) + sum(start < free[0] for start in starts)
        return free[0] * per_step + prompts * per_prompt


def _steps_taken(most: int, end: float, number: int) -> int:
    """Return the steps until an answer ends, at most `most`, if each is the last one with probability `end`.

    `number` chooses one of the possible lengths, so that several answers don't end at the same time.
    """
    if not end:
        return max(1, most)
    if end >= 1:
        return 1
    share = (number + 1) * GOLDEN % 1
    return max(1, min(most, math.ceil(math.log1p(-share) / math.log1p(-end))))


def _fit(known: Sequence[Work], weights: Sequence[float]) -> tuple[float, float]:
    """Return the seconds per step and per prompt that explain the `known` work best. Neither is negative."""
    steps2 = prompts2 = both = steps_seconds = prompts_seconds = 0.0
    for work, importance in zip(known, weights, strict=True):
        weight = importance / max(work.seconds, SHORTEST)  # the error of a long request is larger
        steps2 += weight * work.steps**2
        prompts2 += weight * work.prompts**2
        both += weight * work.steps * work.prompts
        steps_seconds += weight * work.steps * work.seconds
        prompts_seconds += weight * work.prompts * work.seconds
    determinant = steps2 * prompts2 - both**2
    if determinant > 1e-9 * steps2 * prompts2:  # otherwise both always grew together
        per_step = (steps_seconds * prompts2 - prompts_seconds * both) / determinant
        per_prompt = (prompts_seconds * steps2 - steps_seconds * both) / determinant
        if per_step >= 0 and per_prompt >= 0:
            return per_step, per_prompt
        if per_step < 0:
            return 0.0, prompts_seconds / prompts2
    return steps_seconds / steps2, 0.0
