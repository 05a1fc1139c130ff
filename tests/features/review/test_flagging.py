"""Thresholds: what is below them, what stays below after an edit, and what decided cases say about them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.features.review.showing.thresholds import HYSTERESIS, Flag, flag, suggested_threshold
from bot.storage.records import Verdict

PROBABILITIES = st.integers(0, 100).map(lambda hundredths: hundredths / 100)


@pytest.mark.parametrize(
    ("probability", "was_flagged", "was_urgent", "expected"),
    [
        (0.2, False, False, Flag(is_flagged=False, is_urgent=False)),
        (0.19, False, False, Flag(is_flagged=True, is_urgent=False)),
        (0.049, False, False, Flag(is_flagged=True, is_urgent=True)),
        (0.24, True, False, Flag(is_flagged=True, is_urgent=False)),
        (0.2 + HYSTERESIS, True, False, Flag(is_flagged=False, is_urgent=False)),
        (0.09, True, True, Flag(is_flagged=True, is_urgent=True)),
        (0.11, True, True, Flag(is_flagged=True, is_urgent=False)),
    ],
)
def test_what_is_below_stays_so_until_it_is_clearly_above(
    probability: float, was_flagged: bool, was_urgent: bool, expected: Flag
) -> None:
    assert flag(probability, 0.2, None, was_flagged=was_flagged, was_urgent=was_urgent) == expected


def test_a_threshold_of_its_own_for_what_is_urgent() -> None:
    assert flag(0.1, 0.2, 0.15).is_urgent
    assert not flag(0.0, 0.2, 0.0).is_urgent


def verdicts(confirmed: list[float], dismissed: list[float]) -> list[Verdict]:
    on = date(2026, 11, 22)
    return [Verdict(one, True, on) for one in confirmed] + [Verdict(one, False, on) for one in dismissed]


def test_the_threshold_that_parts_confirmed_from_dismissed() -> None:
    found = suggested_threshold(verdicts([0.01, 0.02, 0.05], [0.04, 0.12, 0.18, 0.19]))
    assert found is not None
    assert (found.flag_below, found.kept, found.confirmed, found.spared, found.dismissed) == (0.12, 3, 3, 3, 4)


def test_few_or_mixed_decisions_suggest_nothing() -> None:
    assert suggested_threshold([]) is None
    assert suggested_threshold(verdicts([0.01, 0.02], [0.1] * 9)) is None
    assert suggested_threshold(verdicts([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])) is None
    assert suggested_threshold(verdicts([0.2, 0.2, 0.2], [0.1, 0.1, 0.1])) is None


@given(st.lists(PROBABILITIES, min_size=3, max_size=20), st.lists(PROBABILITIES, min_size=3, max_size=20))
def test_no_threshold_parts_better(confirmed: list[float], dismissed: list[float]) -> None:
    def youden(threshold: float) -> float:
        kept = sum(one < threshold for one in confirmed) / len(confirmed)
        return kept - sum(one < threshold for one in dismissed) / len(dismissed)

    best = max(youden(threshold / 100) for threshold in range(1, 101))
    found = suggested_threshold(verdicts(confirmed, dismissed))
    if found is None:
        assert best <= 0
    else:
        assert youden(found.flag_below) == pytest.approx(best)
