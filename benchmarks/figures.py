"""What one run measured, of each system in the same terms."""

from dataclasses import dataclass, field
from typing import Any

PEOPLE = (1, 8, 16)


@dataclass(frozen=True, slots=True)
class System:
    """One way to compute: tokens/s by people at once, where it was measured, and reviews/s."""

    name: str
    tokens_per_second: dict[int, float]
    reviews_per_second: float
    details: dict[str, Any] = field(default_factory=dict)  # of the engine: what `nightword bench --json` says
    profile: dict[str, dict[str, float]] = field(default_factory=dict)  # of the engine: what `step_profile` says


def engine(dtype: str, figures: dict[str, Any], profile: dict[str, dict[str, float]]) -> System:
    """Return what `nightword bench --json` and `step_profile` measured."""
    speeds = {burst["concurrency"]: burst["tokens_per_second"] for burst in figures["continuations"]}
    return System(f"Nightword, {dtype}", speeds, figures["reviews_per_second"], figures, profile)


def other(name: str, figures: dict[str, Any]) -> System:
    """Return what another system's script measured; one number is that of one text after another."""
    speeds = figures["tokens_per_second"]
    by_people = {1: speeds} if isinstance(speeds, float) else {int(people): speed for people, speed in speeds.items()}
    return System(name, by_people, figures["reviews_per_second"])
