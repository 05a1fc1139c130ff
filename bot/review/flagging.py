"""Whether a score is below a threshold."""

from dataclasses import dataclass

URGENT_SHARE = 0.25  # of the threshold, where no other is given for what is urgent
HYSTERESIS = 0.05  # above a threshold, up to which an edited message stays below it: no case goes back and forth


@dataclass(frozen=True, slots=True)
class Flag:
    """Whether a message is flagged, and as urgent."""

    is_flagged: bool
    is_urgent: bool


def flag(
    probability: float,
    flag_below: float,
    urgent_below: float | None,
    *,
    was_flagged: bool = False,
    was_urgent: bool = False,
) -> Flag:
    """Compare P(positive) with both thresholds; what was below one stays so until it is clearly above."""
    strict = flag_below * URGENT_SHARE if urgent_below is None else urgent_below
    is_urgent = probability < strict + (HYSTERESIS if was_urgent else 0)
    return Flag(is_urgent or probability < flag_below + (HYSTERESIS if was_flagged else 0), is_urgent)
