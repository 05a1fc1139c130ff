"""The figures of one run, in the same form for each system."""

from dataclasses import dataclass, field
from typing import Any

PEOPLE = (1, 8, 16)


@dataclass(frozen=True, slots=True)
class System:
    """One system: tokens/s by number of simultaneous users, if measured, and reviews/s."""

    name: str
    tokens_per_second: dict[int, float]
    reviews_per_second: float
    details: dict[str, Any] = field(default_factory=dict)  # only for the engine: the output of `nightword bench --json`
    profile: dict[str, dict[str, float]] = field(
        default_factory=dict
    )  # only for the engine: the output of `step_profile`


def engine(dtype: str, figures: dict[str, Any], profile: dict[str, dict[str, float]]) -> System:
    """Return the figures of `nightword bench --json` and `step_profile`."""
    speeds = {burst["concurrency"]: burst["tokens_per_second"] for burst in figures["continuations"]}
    return System(f"Nightword, {dtype}", speeds, figures["reviews_per_second"], figures, profile)


def other(name: str, figures: dict[str, Any]) -> System:
    """Return the figures of another system's script. A single number is for one text at a time."""
    speeds = figures["tokens_per_second"]
    by_people = {1: speeds} if isinstance(speeds, float) else {int(people): speed for people, speed in speeds.items()}
    return System(name, by_people, figures["reviews_per_second"])
