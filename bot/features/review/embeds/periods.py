"""Days and weeks of a channel, without figures for fewer than 5 messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

SMALLEST_GROUP = 5  # figures about fewer messages would reveal too much about single authors
MOST_DAYS = 60  # longer times are shown by week

Unit = Literal["day", "week"]
DAYS: dict[Unit, int] = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a week, named by its first day: how many messages, and how many of them are positive.

    Both are None for 1 to 4 messages, even if numbers were passed. Zero is shown.
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
        """The share of positive messages, None if it is hidden or there are no messages."""
        return self.positive / self.count if self.count and self.positive is not None else None


def periods_between(first: date, last: date, days: Mapping[date, tuple[int, int]]) -> tuple[Unit, tuple[Period, ...]]:
    """Return the days from `first` to `last`, or, for more than 60 days, the whole weeks that end with `last`.

    `days` maps each day that had messages to their number and the number of positive ones.
    """
    length = (last - first).days + 1
    unit: Unit = "day" if length <= MOST_DAYS else "week"
    size = DAYS[unit]
    begins = [last - timedelta(size * back - 1) for back in range(length // size, 0, -1)]
    return unit, tuple(
        _period(begin, [days.get(begin + timedelta(day), (0, 0)) for day in range(size)]) for begin in begins
    )


def _period(begin: date, days: list[tuple[int, int]]) -> Period:
    return Period(begin, sum(count for count, _ in days), sum(positive for _, positive in days))
