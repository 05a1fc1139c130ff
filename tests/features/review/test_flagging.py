"""Thresholds: which scores are flagged, which stay flagged after an edit, and which threshold decided cases suggest."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.features.review.showing.thresholds import HYSTERESIS, Flag, Suggestion, flag, suggested_threshold
from bot.storage.records import CaseOutcome

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
def test_a_flagged_message_stays_flagged_until_it_is_clearly_above(
    probability: float, was_flagged: bool, was_urgent: bool, expected: Flag
) -> None:
    assert flag(probability, 0.2, None, was_flagged=was_flagged, was_urgent=was_urgent) == expected


def test_urgent_messages_can_have_their_own_threshold() -> None:
    assert flag(0.1, 0.2, 0.15).is_urgent
    assert not flag(0.0, 0.2, 0.0).is_urgent


def outcomes(confirmed: list[float], dismissed: list[float]) -> list[CaseOutcome]:
    day = date(2026, 11, 22)
    return [
        *(CaseOutcome(probability, True, day) for probability in confirmed),
        *(CaseOutcome(probability, False, day) for probability in dismissed),
    ]


def test_the_suggested_threshold_separates_confirmed_from_dismissed() -> None:
    suggestion = suggested_threshold(outcomes([0.01, 0.02, 0.05], [0.04, 0.12, 0.18, 0.19]))
    assert suggestion == Suggestion(flag_below=0.12, kept=3, confirmed=3, spared=3, dismissed=4)


def test_few_or_mixed_decisions_suggest_no_threshold() -> None:
    assert suggested_threshold([]) is None
    assert suggested_threshold(outcomes([0.01, 0.02], [0.1] * 9)) is None
    assert suggested_threshold(outcomes([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])) is None
    assert suggested_threshold(outcomes([0.2, 0.2, 0.2], [0.1, 0.1, 0.1])) is None


@given(st.lists(PROBABILITIES, min_size=3, max_size=20), st.lists(PROBABILITIES, min_size=3, max_size=20))
def test_no_threshold_separates_better(confirmed: list[float], dismissed: list[float]) -> None:
    def youden(threshold: float) -> float:
        kept = sum(probability < threshold for probability in confirmed) / len(confirmed)
        return kept - sum(probability < threshold for probability in dismissed) / len(dismissed)

    best = max(youden(threshold / 100) for threshold in range(1, 101))
    suggestion = suggested_threshold(outcomes(confirmed, dismissed))
    if suggestion is None:
        assert best <= 0
    else:
        assert youden(suggestion.flag_below) == pytest.approx(best)
