"""Days and weeks of a channel, in groups that are large enough to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

SMALLEST_GROUP = 5  # fewer messages than these could be told apart, and their authors with them
MOST_DAYS = 60  # beyond which weeks are shown

Unit = Literal["day", "week"]
DAYS: dict[Unit, int] = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a week by its first day: how many messages, and how many of them positive; None where fewer than 5.

    A count under 5 is hidden whoever made the period; only that there was none is told.
    """

    label: date
    count: int | None
    positive: int | None

    def __post_init__(self) -> None:
        if self.count is not None and 0 < self.count < SMALLEST_GROUP:
            object.__setattr__(self, "count", None)
        if self.count is None:
            object.__setattr__(self, "positive", None)

    @property
    def share(self) -> float | None:
        """The share of positive messages, None where it is not shown or there are none."""
        return self.positive / self.count if self.count and self.positive is not None else None


def periods_between(first: date, last: date, days: Mapping[date, tuple[int, int]]) -> tuple[Unit, tuple[Period, ...]]:
    """Return the days from `first` to `last`, or beyond 60 of them the whole weeks that end with `last`.

    `days` has the messages of each day that had any: all, and the positive ones.
    """
    length = (last - first).days + 1
    unit: Unit = "day" if length <= MOST_DAYS else "week"
    each = DAYS[unit]
    begins = [last - timedelta(each * back - 1) for back in range(length // each, 0, -1)]
    return unit, tuple(
        _period(begin, [days.get(begin + timedelta(day), (0, 0)) for day in range(each)]) for begin in begins
    )


def _period(begin: date, days: list[tuple[int, int]]) -> Period:
    return Period(begin, sum(count for count, _ in days), sum(positive for _, positive in days))
