"""Which scores are flagged, and which threshold past decisions suggest."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.storage.question_records import Direction
from bot.storage.records import CaseOutcome

URGENT_SHARE = 0.25  # urgent_below as a share of flag_below, unless it is given
HYSTERESIS = 0.05  # an edited message must be this far above a threshold, or small edits would toggle its case
FEWEST = 3  # a suggestion needs this many confirmed cases, and this many dismissed ones
STEP = 0.01  # the scores of decided cases are rounded to this


@dataclass(frozen=True, slots=True)
class Flag:
    """Whether a message is flagged, and whether it is urgent."""

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
    """Compare P(positive) with both thresholds; a flagged message stays flagged until it is 0.05 above."""
    urgent = flag_below * URGENT_SHARE if urgent_below is None else urgent_below
    is_urgent = probability < urgent + (HYSTERESIS if was_urgent else 0)
    return Flag(is_urgent or probability < flag_below + (HYSTERESIS if was_flagged else 0), is_urgent)


def crosses(probability: float, threshold: float, direction: Direction, *, was_flagged: bool = False) -> bool:
    """Compare P(label) with a question's threshold; a flagged message stays flagged until it is 0.05 beyond."""
    slack = HYSTERESIS if was_flagged else 0
    return probability >= threshold - slack if direction == "above" else probability <= threshold + slack


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggested threshold: it flags `kept` of `confirmed` cases, and spares `spared` of `dismissed` ones."""

    flag_below: float
    kept: int
    confirmed: int
    spared: int
    dismissed: int


def suggested_threshold(outcomes: Sequence[CaseOutcome]) -> Suggestion | None:
    """Return the threshold that separates confirmed from dismissed cases best.

    None if no threshold separates them, or without at least 3 confirmed and 3 dismissed cases. Best is measured by
    Youden's J (1950): the share of confirmed cases that the threshold flags, less the share of dismissed ones.
    """
    confirmed = [outcome.positive_probability for outcome in outcomes if outcome.confirmed]
    dismissed = [outcome.positive_probability for outcome in outcomes if not outcome.confirmed]
    if min(len(confirmed), len(dismissed)) < FEWEST:
        return None
    suggestions = [_suggestion(round(step * STEP, 2), confirmed, dismissed) for step in range(1, 101)]
    best = max(suggestions, key=lambda suggestion: (_youden(suggestion), suggestion.flag_below))
    return best if _youden(best) > 0 else None


def _suggestion(flag_below: float, confirmed: Sequence[float], dismissed: Sequence[float]) -> Suggestion:
    kept = sum(probability < flag_below for probability in confirmed)
    spared = sum(probability >= flag_below for probability in dismissed)
    return Suggestion(flag_below, kept, len(confirmed), spared, len(dismissed))


def _youden(suggestion: Suggestion) -> float:
    return suggestion.kept / suggestion.confirmed + suggestion.spared / suggestion.dismissed - 1
