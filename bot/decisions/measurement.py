"""Measuring a decision: how good it is on labelled cases, and whether another question is better."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from bot.decisions.calibration import Calibration, CalibrationMethod, batch_prior
from bot.decisions.split import Split
from bot.decisions.statistics import (
    Estimate,
    area_under_curve,
    cases_needed,
    difference_of,
    mcnemar,
    mean_of,
    quantiles_of,
    share_of,
)
from bot.decisions.summary import MeasurementSummary, Share
from bot.decisions.thresholds import ChosenThreshold, Scored, ThresholdFigures, choose_threshold, figures_at
from bot.errors import BotError, UsageError
from bot.questions.decision import LEAST_LABEL_MASS, DecisionReading

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # reported next to the chosen one
BINS = 10  # of the reliability diagram, all equally wide
MASS_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_BELOW_ALL = -1.0  # the score of a case without a verdict, which is never flagged


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """A case with the label that a person gave it, and what the model answered.

    `probabilities` are those of the decision's labels, and `label_mass` is their share of the whole vocabulary. Both
    are None if the text could not be judged. `weight` is one divided by the probability with which the case was drawn.
    """

    label: str
    probabilities: tuple[float, ...] | None
    label_mass: float | None
    weight: float = 1.0

    @classmethod
    def of(cls, label: str, answer: DecisionReading | BotError, weight: float = 1.0) -> "JudgedCase":
        """Return the case with a result of `DecisionBatchQuestion`."""
        if isinstance(answer, BotError):
            return cls(label, None, None, weight)
        return cls(label, tuple(score.probability for score in answer.labels), answer.label_mass, weight)

    @property
    def verdict_probabilities(self) -> tuple[float, ...] | None:
        """The probabilities, or None if the model didn't answer the question."""
        has_verdict = self.label_mass is not None and self.label_mass >= LEAST_LABEL_MASS
        return self.probabilities if has_verdict else None


@dataclass(frozen=True, slots=True)
class Bin:
    """The cases with a probability between `low` and `high`: the mean probability, and the share that has the label.

    `mean` is None without cases.
    """

    low: float
    high: float
    mean: float | None
    share: Share


@dataclass(frozen=True, slots=True)
class Measurement:
    """A decision's figures on the held-out cases. `flag` is the label that flags.

    `best_label_right` is the share of cases whose most probable label is theirs: no threshold is used for it. A case
    without a verdict (`without_verdict`, among them `failed` with an error) is never right and never flagged, and
    ranks below all others for `auc`. It has no probability, so `brier` and `bins` leave it out and state their number
    of cases. `auc` and `brier` are None where they are undefined. `is_right` has one entry for each held-out case.
    """

    labels: tuple[str, ...]
    flag: str
    calibration: Calibration
    split: Split
    development_flagging: int
    chosen: ChosenThreshold
    held_out: int
    flagging: int
    without_verdict: int
    failed: int
    best_label_right: Share
    at_threshold: ThresholdFigures
    thresholds: tuple[ThresholdFigures, ...]
    base_rate: Share
    auc: Estimate | None
    brier: Estimate | None
    bins: tuple[Bin, ...]
    label_mass: tuple[float, ...]
    per_day: float | None
    is_weighted: bool
    is_right: tuple[bool, ...]

    def summary(self) -> MeasurementSummary:
        """Return what cards, digests and the gate need."""
        return MeasurementSummary(
            held_out=self.held_out,
            flagging=self.flagging,
            threshold=self.chosen.threshold,
            right=self.at_threshold.right,
            precision=self.at_threshold.precision,
            recall=self.at_threshold.recall,
            base_rate=self.base_rate,
            auc=None if self.auc is None else self.auc.value,
            is_weighted=self.is_weighted,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two questions on the same held-out cases, each at its own threshold.

    `difference` is the first question's share right minus the second's. `p_value` is that of McNemar's exact test;
    it counts each case once, whatever its weight. `cases_needed` is how many cases in all that test needs to find the
    observed difference with a power of 80 %, or None if there is no difference.
    """

    both_right: int
    only_first_right: int
    only_second_right: int
    none_right: int
    difference: Estimate
    p_value: float
    cases_needed: int | None

    @property
    def of(self) -> int:
        """The number of held-out cases."""
        return self.both_right + self.only_first_right + self.only_second_right + self.none_right


def measure(
    cases: Sequence[JudgedCase],
    *,
    labels: Sequence[str],
    flag: str,
    split: Split,
    method: CalibrationMethod = "none",
    content_free: tuple[float, ...] | None = None,
    min_precision: float | None = None,
    threshold: float | None = None,
    per_day: float | None = None,
) -> Measurement:
    """Choose calibration and threshold on the development part of `cases`, and return the figures of the other part.

    A given `threshold` is kept. `content_free` is the answer to `ContentFreeQuestion`, for contextual calibration.
    Raises UsageError if they can't be chosen.
    """
    heaviest = max((case.weight for case in cases), default=1.0)
    development = [cases[index] for index in split.development]
    held_out = [cases[index] for index in split.held_out]
    calibration = _calibration(method, content_free, development)
    place = list(labels).index(flag)
    to_choose = [_scored(case, flag, place, calibration, heaviest) for case in development]
    scored = [_scored(case, flag, place, calibration, heaviest) for case in held_out]
    if threshold is None:
        chosen = choose_threshold(to_choose, fallback=1 / len(labels), min_precision=min_precision)
    else:
        chosen = ChosenThreshold(threshold, "given")
    truths, weights = [case.is_flagging for case in scored], [case.weight for case in scored]
    ranked = [_BELOW_ALL if case.score is None else case.score for case in scored]
    best_is_right = [_best_label(case, labels, calibration) == case.label for case in held_out]
    masses = [case.label_mass for case in held_out if case.label_mass is not None]
    return Measurement(
        labels=tuple(labels),
        flag=flag,
        calibration=calibration,
        split=split,
        development_flagging=sum(case.is_flagging for case in to_choose),
        chosen=chosen,
        held_out=len(scored),
        flagging=sum(truths),
        without_verdict=sum(case.score is None for case in scored),
        failed=sum(case.probabilities is None for case in held_out),
        best_label_right=share_of(best_is_right, weights),
        at_threshold=figures_at(chosen.threshold, scored, per_day),
        thresholds=tuple(
            figures_at(threshold, scored, per_day) for threshold in sorted({*THRESHOLDS, chosen.threshold})
        ),
        base_rate=share_of(truths, weights),
        auc=area_under_curve(ranked, truths, weights),
        brier=_brier(scored),
        bins=_bins(scored),
        label_mass=quantiles_of(masses, MASS_QUANTILES) if masses else (),
        per_day=per_day,
        is_weighted=len({case.weight for case in cases}) > 1,
        is_right=tuple(case.is_right(chosen.threshold) for case in scored),
    )


def compare(first: Measurement, second: Measurement, weights: Sequence[float] | None = None) -> Comparison:
    """Compare two questions that were measured on the same cases with the same split.

    `weights` are those of the held-out cases, for `difference`. Raises ValueError if the splits differ.
    """
    if first.split != second.split:
        raise ValueError("the two questions were not measured on the same cases")
    pairs = list(zip(first.is_right, second.is_right, strict=True))
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    return Comparison(
        both_right=pairs.count((True, True)),
        only_first_right=only_first,
        only_second_right=only_second,
        none_right=pairs.count((False, False)),
        difference=difference_of(first.is_right, second.is_right, weights or [1.0] * len(pairs)),
        p_value=mcnemar(only_first, only_second),
        cases_needed=cases_needed(only_first, only_second, len(pairs)),
    )


def _calibration(
    method: CalibrationMethod, content_free: tuple[float, ...] | None, development: Sequence[JudgedCase]
) -> Calibration:
    if method == "none":
        return Calibration()
    if method == "contextual":
        if content_free is None:
            raise ValueError("contextual calibration needs the probabilities for texts without content")
        return Calibration(method, content_free)
    known = [case.verdict_probabilities for case in development if case.verdict_probabilities is not None]
    if not known:
        problem = "Batch calibration needs verdicts in the development part, and there are none"
        raise UsageError(f"{problem}. Change the question, or choose another calibration.")
    return Calibration(method, batch_prior(known))


def _scored(case: JudgedCase, flag: str, place: int, calibration: Calibration, heaviest: float) -> Scored:
    probabilities = case.verdict_probabilities
    score = None if probabilities is None else calibration.apply(probabilities)[place]
    return Scored(score, case.label == flag, case.weight / heaviest)


def _best_label(case: JudgedCase, labels: Sequence[str], calibration: Calibration) -> str | None:
    """Return the most probable label, the first of equal ones, or None without a verdict."""
    if case.verdict_probabilities is None:
        return None
    probabilities = calibration.apply(case.verdict_probabilities)
    return labels[max(range(len(labels)), key=probabilities.__getitem__)]


def _brier(cases: Sequence[Scored]) -> Estimate | None:
    """Return the mean squared difference of the flagging label's probability from 1 or 0 (Brier 1950)."""
    known = [(case.score, case.is_flagging, case.weight) for case in cases if case.score is not None]
    if not known:
        return None
    squares = [(score - is_flagging) ** 2 for score, is_flagging, _ in known]
    mean = mean_of(squares, [weight for _, _, weight in known])
    return Estimate(mean.value, max(0.0, mean.low), min(1.0, mean.high), mean.of)


def _bins(cases: Sequence[Scored]) -> tuple[Bin, ...]:
    """Return equally wide bins of the probability. An upper edge belongs to its bin, as in scikit-learn."""
    edges = [number / BINS for number in range(BINS + 1)]
    members: list[list[tuple[float, Scored]]] = [[] for _ in range(BINS)]
    for case in cases:
        if case.score is not None:
            members[bisect_left(edges[1:-1], case.score)].append((case.score, case))
    bins = []
    for low, high, inside in zip(edges, edges[1:], members, strict=False):
        weights = [case.weight for _, case in inside]
        mean = mean_of([score for score, _ in inside], weights).value if inside else None
        bins.append(Bin(low, high, mean, share_of([case.is_flagging for _, case in inside], weights)))
    return tuple(bins)
