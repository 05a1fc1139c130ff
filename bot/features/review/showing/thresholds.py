"""From which score on a message is flagged, and which threshold past decisions suggest."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.storage.records import Verdict

URGENT_SHARE = 0.25  # of the threshold, where no other is given for what is urgent
HYSTERESIS = 0.05  # above a threshold, up to which an edited message stays below it: no case goes back and forth
FEWEST = 3  # fewer confirmed, or dismissed, cases than these say nothing about a threshold
STEP = 0.01  # to which the scores of decided cases are rounded


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


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A threshold that moderators' decisions suggest, and what it would have done to the decided cases."""

    flag_below: float
    kept: int
    confirmed: int
    spared: int
    dismissed: int


def suggested_threshold(verdicts: Sequence[Verdict]) -> Suggestion | None:
    """Return the threshold that parts confirmed from dismissed cases best, None where none does or few are decided.

    Best by Youden's J (1950): the share that it keeps of the confirmed cases, less that of the dismissed ones.
    """
    confirmed = [one.positive_probability for one in verdicts if one.confirmed]
    dismissed = [one.positive_probability for one in verdicts if not one.confirmed]
    if min(len(confirmed), len(dismissed)) < FEWEST:
        return None
    found = [_tried(round(step * STEP, 2), confirmed, dismissed) for step in range(1, 101)]
    best = max(found, key=lambda one: (_youden(one), one.flag_below))
    return best if _youden(best) > 0 else None


def _tried(flag_below: float, confirmed: Sequence[float], dismissed: Sequence[float]) -> Suggestion:
    kept = sum(probability < flag_below for probability in confirmed)
    spared = sum(probability >= flag_below for probability in dismissed)
    return Suggestion(flag_below, kept, len(confirmed), spared, len(dismissed))


def _youden(one: Suggestion) -> float:
    return one.kept / one.confirmed + one.spared / one.dismissed - 1
