"""Whether a question's flags are right less often than its measurement says."""

from collections.abc import Sequence

from bot.decisions.summary import MeasurementSummary

LATEST = 30  # decided cases


def drift(confirmed: Sequence[bool], summary: MeasurementSummary) -> tuple[int, int] | None:
    """Return how many of the last 30 decided cases were confirmed, and 30, if that is below the measured interval.

    `confirmed` are all decisions in order. None if there are fewer than 30, or they are not below the interval.
    """
    latest = confirmed[-LATEST:]
    if len(latest) < LATEST or sum(latest) / LATEST >= summary.precision.low:
        return None
    return sum(latest), LATEST
