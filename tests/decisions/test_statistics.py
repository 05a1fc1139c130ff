"""Each figure equals that of an implementation that we didn't write, on any verdicts."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from bot.decisions.statistics import (
    area_under_curve,
    cases_needed,
    difference_of,
    effective_number,
    mcnemar,
    mean_of,
    quantiles_of,
    share_of,
)

hits = st.lists(st.booleans(), min_size=1, max_size=200)
weights = st.sampled_from([1.0, 2.0, 7.5, 100.0]) | st.floats(0.5, 50)
# Few different scores, so that many are equal.
scored = st.lists(st.tuples(st.sampled_from([0.1, 0.25, 0.5, 0.9]) | st.floats(0, 1), st.booleans()), max_size=60)


@given(hits)
def test_share_and_its_interval(values: list[bool]) -> None:
    share = share_of(values, [1.0] * len(values))
    low, high = proportion_confint(sum(values), len(values), method="wilson")
    assert share.value == np.mean(values)
    assert (share.low, share.high) == pytest.approx((low, high), abs=1e-12)
    assert share.weighted is None


def test_a_share_of_no_cases_can_be_anything() -> None:
    share = share_of([], [])
    assert (share.count, share.of, share.low, share.high, share.value) == (0, 0, 0.0, 1.0, None)


@given(st.lists(st.tuples(st.booleans(), weights), min_size=1, max_size=60))
def test_weighted_share(cases: list[tuple[bool, float]]) -> None:
    values, weighted_by = [value for value, _ in cases], [weight for _, weight in cases]
    assume(len(set(weighted_by)) > 1)
    share = share_of(values, weighted_by)
    assert share.value is not None
    assert share.value == pytest.approx(np.average(values, weights=weighted_by))
    assert share.low - 1e-12 <= share.value <= share.high + 1e-12
    effective = sum(weighted_by) ** 2 / sum(np.square(weighted_by))
    low, high = proportion_confint(share.value * effective, effective, method="wilson")
    assert (share.low, share.high) == pytest.approx((low, high), abs=1e-9)


def test_equal_weights_change_nothing() -> None:
    values = [True, False, True, True]
    assert share_of(values, [3.0] * 4) == share_of(values, [1.0] * 4)
    assert effective_number([3.0] * 4) == pytest.approx(4)


def test_weights_correct_an_uneven_draw() -> None:
    """Of 10,000 messages, 2 % are spam. The cases are all that look like it and every hundredth of the others."""
    random = np.random.default_rng(3)
    is_inside = []
    for _ in range(300):
        spam = random.random(10_000) < 0.02
        looks_like_it = spam & (random.random(10_000) < 0.7)
        drawn = looks_like_it | (random.random(10_000) < 0.05)
        share = share_of(
            [bool(value) for value in spam[drawn]], [1.0 if value else 20.0 for value in looks_like_it[drawn]]
        )
        is_inside.append(share.low <= 0.02 <= share.high)
    unweighted = spam[drawn].mean()
    assert unweighted > 0.1
    assert np.mean(is_inside) > 0.85, "the interval is approximate, and holds most of the time"


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=60))
def test_mean_and_its_interval(values: list[float]) -> None:
    estimate = mean_of(values, [1.0] * len(values))
    low, high = DescrStatsW(values).tconfint_mean()
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((np.mean(values), low, high), abs=1e-9)


def test_the_mean_of_one_case_has_no_interval() -> None:
    estimate = mean_of([0.3], [1.0])
    assert (estimate.low, estimate.high) == (-math.inf, math.inf)


@given(scored)
def test_area_under_the_curve(cases: list[tuple[float, bool]]) -> None:
    scores, truths = [score for score, _ in cases], [truth for _, truth in cases]
    estimate = area_under_curve(scores, truths, [1.0] * len(cases))
    if len(set(truths)) < 2:
        assert estimate is None
        return
    assert estimate is not None
    assert estimate.value == pytest.approx(roc_auc_score(truths, scores), abs=1e-12)
    assert 0 <= estimate.low <= estimate.value + 1e-12
    assert estimate.value - 1e-12 <= estimate.high <= 1


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), weights), max_size=60))
def test_weighted_area_under_the_curve(cases: list[tuple[float, bool, float]]) -> None:
    scores, truths, weighted_by = (list(column) for column in zip(*cases, strict=True)) if cases else ([], [], [])
    assume(len(set(truths)) == 2)
    estimate = area_under_curve(scores, truths, weighted_by)
    assert estimate is not None
    assert estimate.value == pytest.approx(roc_auc_score(truths, scores, sample_weight=weighted_by), abs=1e-9)


def test_the_interval_of_the_area_is_delong_s() -> None:
    """Against DeLong's definition: the variances of the placements, each divided by the size of its class."""
    random = np.random.default_rng(1)
    truths = random.random(80) < 0.4
    scores = np.round(random.normal(size=80) + truths, 1)
    above, below = scores[truths], scores[~truths]
    kernel = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    variance = kernel.mean(1).var(ddof=1) / len(above) + kernel.mean(0).var(ddof=1) / len(below)
    estimate = area_under_curve(list(scores), [bool(truth) for truth in truths], [1.0] * 80)
    assert estimate is not None
    reach = stats.norm.ppf(0.975) * math.sqrt(variance)
    assert (estimate.low, estimate.high) == pytest.approx((kernel.mean() - reach, kernel.mean() + reach))


def test_the_interval_of_the_area_agrees_with_a_bootstrap() -> None:
    random = np.random.default_rng(2)
    truths = random.random(300) < 0.5
    scores = random.normal(size=300) + 1.2 * truths
    estimate = area_under_curve(list(scores), [bool(truth) for truth in truths], [1.0] * 300)
    assert estimate is not None
    areas = []
    for _ in range(1000):
        drawn = random.integers(0, 300, 300)
        areas.append(roc_auc_score(truths[drawn], scores[drawn]))
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.quantile(areas, [0.025, 0.975])), abs=0.01)


def test_a_perfect_ranking_of_few_cases_is_not_certain() -> None:
    estimate = area_under_curve([0.9, 0.8, 0.2, 0.1, 0.15], [True, True, False, False, False], [1.0] * 5)
    assert estimate is not None
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(proportion_confint(2, 2, method="wilson")[0])
    single = area_under_curve([0.9, 0.1, 0.2], [True, False, False], [1.0] * 3)
    assert single is not None
    assert (single.low, single.high) == (0.0, 1.0)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar(only_first: int, only_second: int) -> None:
    expected = statsmodels_mcnemar([[5, only_first], [only_second, 7]], exact=True).pvalue
    assert mcnemar(only_first, only_second) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("only_first", "only_second", "of"), [(30, 15, 200), (20, 40, 100), (12, 4, 60)])
def test_the_cases_needed_find_the_difference_in_four_of_five_tries(only_first: int, only_second: int, of: int) -> None:
    needed = cases_needed(only_first, only_second, of)
    assert needed is not None
    random = np.random.default_rng(4)
    shares = [only_first / of, only_second / of, 1 - (only_first + only_second) / of]
    counts = random.multinomial(needed, shares, size=4000)
    # Without the exact test's discreteness, for which the formula does not allow: the mid-p variant.
    discordant = counts[:, 0] + counts[:, 1]
    smaller = np.minimum(counts[:, 0], counts[:, 1])
    p_values = 2 * stats.binom.cdf(smaller, discordant, 0.5) - stats.binom.pmf(smaller, discordant, 0.5)
    assert np.mean(p_values < 0.05) == pytest.approx(0.8, abs=0.03)


def test_the_cases_needed_are_connor_s() -> None:
    """By hand: ((1.960 × √0.3 + 0.842 × √(0.3 − 0.2²)) / 0.2)² = 56.4."""
    assert cases_needed(25, 5, 100) == cases_needed(5, 25, 100) == 57


def test_the_difference_of_two_questions_is_agresti_and_min_s() -> None:
    """By hand: 12 of 12 cases become 12.5 and 0.5 of 14, so 0.857 ± 1.960 × √(13 − 12² / 14) / 14."""
    estimate = difference_of([True] * 12, [False] * 12, [1.0] * 12)
    assert (estimate.value, estimate.high, estimate.of) == (1.0, 1.0, 12)
    assert estimate.low == pytest.approx(0.6265, abs=1e-4)
    turned = difference_of([False] * 12, [True] * 12, [1.0] * 12)
    assert (turned.value, turned.low) == (-1.0, -1.0)
    assert turned.high == pytest.approx(-estimate.low)


@pytest.mark.parametrize("shares", [[0.3, 0.1, 0.6], [0.05, 0.05, 0.9], [0.5, 0.1, 0.4]])
def test_the_interval_of_a_difference_holds_in_19_of_20_tries(shares: list[float]) -> None:
    random = np.random.default_rng(6)
    inside = []
    for kinds in random.choice(3, p=shares, size=(800, 50)):
        estimate = difference_of([bool(kind == 0) for kind in kinds], [bool(kind == 1) for kind in kinds], [1.0] * 50)
        inside.append(estimate.low <= shares[0] - shares[1] <= estimate.high)
    assert 0.93 < np.mean(inside) < 0.985, "it is a little wide where the questions rarely differ"


@given(st.lists(st.tuples(st.booleans(), st.booleans(), weights), min_size=1, max_size=40))
def test_weighted_difference(cases: list[tuple[bool, bool, float]]) -> None:
    first, second, weighted_by = (list(column) for column in zip(*cases, strict=True))
    estimate = difference_of(first, second, weighted_by)
    expected = np.average(first, weights=weighted_by) - np.average(second, weights=weighted_by)
    assert estimate.value == pytest.approx(expected)
    assert -1 <= estimate.low <= estimate.high <= 1


def test_no_number_of_cases_finds_no_difference() -> None:
    assert cases_needed(7, 7, 100) is None
    assert cases_needed(0, 0, 100) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_quantiles(values: list[float]) -> None:
    shares = (0.0, 0.05, 0.5, 0.95, 1.0)
    assert quantiles_of(values, shares) == pytest.approx(np.quantile(values, shares), abs=1e-12)
