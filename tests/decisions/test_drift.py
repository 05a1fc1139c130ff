"""Drift: the last 30 decided cases against the interval that was measured."""

import pytest

from bot.decisions.drift import drift
from bot.decisions.summary import MeasurementSummary, Share

SHARE = Share(41, 50, 0.692, 0.902)
SUMMARY = MeasurementSummary(50, 12, 0.8, SHARE, SHARE, SHARE, SHARE, auc=None)


@pytest.mark.parametrize(
    ("confirmed", "expected"),
    [
        ([True] * 20 + [False] * 10, (20, 30)),
        ([True] * 21 + [False] * 9, None),
        ([False] * 29, None),
        ([False] * 100 + [True] * 30, None),
        ([True] * 100 + [False] * 30, (0, 30)),
    ],
)
def test_only_the_last_thirty_decisions_count(confirmed: list[bool], expected: tuple[int, int] | None) -> None:
    assert drift(confirmed, SUMMARY) == expected
