"""What moderators' decisions say about a threshold."""

from collections.abc import Sequence

from bot.rendering.review_figures import Suggestion
from bot.storage.case_records import Verdict

FEWEST = 3  # fewer confirmed, or dismissed, cases than these say nothing about a threshold
STEP = 0.01  # to which the scores of decided cases are rounded


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
