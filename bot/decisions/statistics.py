"""Intervals and tests for shares, means and rankings, at 95 %. They need scipy, from the extra `measure`.

Cases that were not drawn evenly have weights, one divided by the probability of being drawn (Horvitz and Thompson
1952). The interval of a weighted figure is then approximate: it uses Kish's effective number of cases (1965).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.decisions.summary import Share
from bot.errors import MeasurementUnavailable

CONFIDENCE = 0.95
POWER = 0.8  # with which a difference is to be found, for `cases_needed`


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval, and the number of cases that it was computed from."""

    value: float
    low: float
    high: float
    of: int


def share_of(hits: Sequence[bool], weights: Sequence[float]) -> Share:
    """Return the share of `hits` with Wilson's interval (1927). Without cases, the interval is 0 to 1."""
    count, of = sum(hits), len(hits)
    if not of:
        return Share(0, 0, 0.0, 1.0)
    if _are_equal(weights):
        interval = _stats().binomtest(count, of).proportion_ci(CONFIDENCE, method="wilson")
        return Share(count, of, float(interval.low), float(interval.high))
    share = math.fsum(weight for weight, is_hit in zip(weights, hits, strict=True) if is_hit) / math.fsum(weights)
    low, high = _wilson(share, effective_number(weights))
    return Share(count, of, low, high, share)


def mean_of(values: Sequence[float], weights: Sequence[float]) -> Estimate:
    """Return the mean with Student's interval. With fewer than 2 effective cases the interval is infinite."""
    mean, variance = _mean_and_variance(values, weights)
    effective = effective_number(weights)
    reach = math.inf
    if effective >= 2:
        reach = float(_stats().t.ppf((1 + CONFIDENCE) / 2, effective - 1)) * math.sqrt(variance)
    return Estimate(mean, mean - reach, mean + reach, len(values))


def area_under_curve(scores: Sequence[float], truths: Sequence[bool], weights: Sequence[float]) -> Estimate | None:
    """Return the area under the ROC curve with DeLong's interval (1988), or None if a class has no cases.

    It is the probability that a case of the true class scores higher than another, where equal scores count half.
    DeLong's variance is 0 if all pairs agree. The interval is then Wilson's for as many pairs as the smaller class has
    cases, because that many share no case. The interval is 0 to 1 if a class has fewer than 2 effective cases.
    """
    positive = [index for index, truth in enumerate(truths) if truth]
    negative = [index for index, truth in enumerate(truths) if not truth]
    if not positive or not negative:
        return None
    of_positive, of_negative = [weights[index] for index in positive], [weights[index] for index in negative]
    positive_scores, negative_scores = [scores[index] for index in positive], [scores[index] for index in negative]
    above = _placements(positive_scores, negative_scores, of_negative)
    below = [1 - share for share in _placements(negative_scores, positive_scores, of_positive)]
    area, first = _mean_and_variance(above, of_positive)
    _, second = _mean_and_variance(below, of_negative)
    if min(effective_number(of_positive), effective_number(of_negative)) < 2:
        return Estimate(area, 0.0, 1.0, len(scores))
    if first + second < 1e-15:  # nothing but rounding
        low, high = _wilson(area, min(effective_number(of_positive), effective_number(of_negative)))
    else:
        reach = _quantile() * math.sqrt(first + second)
        low, high = max(0.0, area - reach), min(1.0, area + reach)
    return Estimate(area, low, high, len(scores))


def difference_of(first: Sequence[bool], second: Sequence[bool], weights: Sequence[float]) -> Estimate:
    """Return the share of hits of `first` minus that of `second`, about the same cases.

    The interval is that of Agresti and Min (2005), "Simple improved confidence intervals for comparing matched
    proportions": Wald's, after adding half a case to each of the four combinations.
    """
    total, of = math.fsum(weights), effective_number(weights)
    pairs = list(zip(first, second, weights, strict=True))
    only_first = math.fsum(weight for one, other, weight in pairs if one and not other) / total
    only_second = math.fsum(weight for one, other, weight in pairs if other and not one) / total
    plus, minus, number = only_first * of + 0.5, only_second * of + 0.5, of + 2
    centre = (plus - minus) / number
    reach = _quantile() * math.sqrt(max(0.0, plus + minus - (plus - minus) ** 2 / number)) / number
    return Estimate(only_first - only_second, max(-1.0, centre - reach), min(1.0, centre + reach), len(pairs))


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test. A count is of cases that only this question got right."""
    if not only_first + only_second:
        return 1.0
    return float(_stats().binomtest(only_first, only_first + only_second).pvalue)


def cases_needed(only_first: int, only_second: int, of: int) -> int | None:
    """Return how many cases McNemar's test needs to find the observed difference at 5 %, with a power of 80 %.

    Connor (1987), "Sample size for testing differences in proportions for the paired-sample design", for the observed
    shares of cases that only one question got right. None if the difference is 0.
    """
    discordant, difference = (only_first + only_second) / of, (only_first - only_second) / of
    if not difference:
        return None
    normal = _stats().norm
    least = _quantile() * math.sqrt(discordant)
    further = float(normal.ppf(POWER)) * math.sqrt(max(0.0, discordant - difference**2))
    return math.ceil(((least + further) / difference) ** 2)


def effective_number(weights: Sequence[float]) -> float:
    """Return Kish's effective number of cases: how many evenly drawn cases would tell as much."""
    return math.fsum(weights) ** 2 / math.fsum(weight**2 for weight in weights)


def quantiles_of(values: Sequence[float], shares: Sequence[float]) -> tuple[float, ...]:
    """Return the quantiles of `values`, interpolated linearly."""
    ordered = sorted(values)
    quantiles = []
    for share in shares:
        below, part = divmod(share * (len(ordered) - 1), 1)
        low, high = ordered[int(below)], ordered[min(int(below) + 1, len(ordered) - 1)]
        quantiles.append(low + (high - low) * part)
    return tuple(quantiles)


def _placements(scores: Sequence[float], others: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return for each score the weighted share of `others` that are lower, with equal ones as half."""
    from numpy import array, concatenate, cumsum, float64, searchsorted

    ordered = sorted(zip(others, weights, strict=True))
    values = array([value for value, _ in ordered], float64)
    sums = concatenate([[0.0], cumsum([weight for _, weight in ordered])])
    lower = sums[searchsorted(values, scores, side="left")]
    up_to = sums[searchsorted(values, scores, side="right")]
    return [float(share) for share in (lower + up_to) / (2 * sums[-1])]


def _mean_and_variance(values: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    """Return the weighted mean, and the variance of it (linearised; 0 for hardly more than one effective case)."""
    total = math.fsum(weights)
    pairs = list(zip(values, weights, strict=True))
    mean = math.fsum(weight * value for value, weight in pairs) / total
    effective = effective_number(weights)
    if effective < 1.001:
        return mean, 0.0
    squares = math.fsum((weight * (value - mean)) ** 2 for value, weight in pairs) / total**2
    return mean, squares * effective / (effective - 1)


def _wilson(share: float, of: float) -> tuple[float, float]:
    """Return Wilson's interval. Other than scipy's, it takes a number of cases that isn't whole."""
    squared = _quantile() ** 2
    centre = (share + squared / (2 * of)) / (1 + squared / of)
    reach = math.sqrt(squared * (share * (1 - share) / of + squared / (4 * of**2))) / (1 + squared / of)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def _are_equal(weights: Sequence[float]) -> bool:
    return len(set(weights)) == 1


def _quantile() -> float:
    return float(_stats().norm.ppf((1 + CONFIDENCE) / 2))


def _stats() -> Any:
    """Return scipy.stats, which takes a second to import. Raises MeasurementUnavailable if it isn't installed."""
    try:
        from scipy import stats
    except ImportError:
        raise MeasurementUnavailable from None
    return stats


def require_statistics() -> None:
    """Raise MeasurementUnavailable unless all figures can be computed. Call it before work that takes long."""
    _stats()
