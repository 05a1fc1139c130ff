"""Turns: all systems are measured several times, one after the other, because a machine's speed changes in minutes."""

import itertools
import statistics
from collections.abc import Callable, Sequence
from typing import Any

TURNS = 3
# What a turn measures. The later ones leave out long prompts and waiting, which no system is compared by.
WHOLE, SPEEDS = "whole", "speeds"


def take_turns(measure: Callable[[str], dict[str, Any]], turns: int) -> dict[str, Any]:
    """Return the median figures of each system, as "systems", and those of each turn, as "turns".

    `measure` takes WHOLE or SPEEDS, and returns the figures of each system by its name.
    """
    measured = [measure(SPEEDS if turn else WHOLE) for turn in range(turns)]
    names = dict.fromkeys(itertools.chain(*measured))
    systems = {name: median_of([turn[name] for turn in measured if name in turn]) for name in names}
    return {"systems": systems, "turns": measured}


def median_of(values: Sequence[Any]) -> Any:
    """Return the median of numbers, for each number in objects and lists. Of anything else, return the first value.

    What isn't in all `values` is that of those that have it.
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    first = known[0]
    if isinstance(first, dict):
        keys = dict.fromkeys(itertools.chain(*known))
        return {key: median_of([value[key] for value in known if key in value]) for key in keys}
    if isinstance(first, list):
        return [median_of(items) for items in itertools.zip_longest(*known)]
    return statistics.median(known) if isinstance(first, int | float) else first
