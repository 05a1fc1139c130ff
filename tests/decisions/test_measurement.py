"""A measurement's figures equal those of scikit-learn and statsmodels on the same verdicts, on the held-out part."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.proportion import proportion_confint

from bot.decisions.calibration import CalibrationMethod
from bot.decisions.measurement import MASS_QUANTILES, JudgedCase, Measurement, compare, measure
from bot.decisions.split import CaseKey, Split, split_cases
from bot.decisions.summary import Share
from bot.decisions.thresholds import ThresholdFigures
from bot.errors import BotError, UsageError
from bot.questions.decision import DecisionReading, LabelScore

LABELS = ("spam", "not spam")

probabilities = st.floats(0.001, 0.999).map(lambda share: (share, 1 - share))
judged = st.builds(
    JudgedCase, st.sampled_from(LABELS), st.none() | probabilities, st.none() | st.floats(0, 1), st.just(1.0)
)
weighted = st.builds(JudgedCase, st.sampled_from(LABELS), probabilities, st.just(0.5), st.sampled_from([1.0, 3.0, 9.5]))


def split_of(count: int, development: int | None = None) -> Split:
    return split_cases([CaseKey(str(number)) for number in range(count)], development)


def measured(cases: list[JudgedCase], *, per_day: float | None = None, **options: float | None) -> Measurement:
    return measure(
        cases, labels=LABELS, flag="spam", split=split_of(len(cases)), per_day=per_day,
        min_precision=options.get("min_precision"),
    )  # fmt: skip


def held_out(cases: list[JudgedCase], measurement: Measurement) -> list[JudgedCase]:
    return [cases[index] for index in measurement.split.held_out]


def scores_of(cases: list[JudgedCase]) -> list[float]:
    """The score of each case for scikit-learn; below all thresholds without a verdict."""
    return [
        case.probabilities[0] if case.probabilities and case.label_mass is not None and case.label_mass >= 0.01 else -1
        for case in cases
    ]


def random_cases(count: int, seed: int = 0, skill: float = 1.0) -> list[JudgedCase]:
    random = np.random.default_rng(seed)
    cases = []
    for _ in range(count):
        is_spam = bool(random.random() < 0.4)
        share = 1 / (1 + math.exp(-float(random.normal() + skill * (is_spam - 0.5))))
        mass = float(random.choice([0.001, 0.3, 0.9], p=[0.1, 0.3, 0.6]))
        cases.append(JudgedCase(LABELS[not is_spam], (share, 1 - share), mass))
    return cases


def check_share(share: Share, expected: float, count: int) -> None:
    assert share.value == pytest.approx(expected)
    assert share.of == count
    low, high = proportion_confint(share.count, share.of, method="wilson")
    assert (share.low, share.high) == pytest.approx((low, high), abs=1e-12)


def check_figures(figures: ThresholdFigures, cases: list[JudgedCase]) -> None:
    truths = [case.label == "spam" for case in cases]
    flagged = [score >= figures.threshold for score in scores_of(cases)]
    right = [flag == truth and score >= 0 for flag, truth, score in zip(flagged, truths, scores_of(cases), strict=True)]
    check_share(figures.flagged, float(np.mean(flagged)), len(cases))
    check_share(figures.right, float(np.mean(right)), len(cases))
    if any(flagged):
        check_share(figures.precision, precision_score(truths, flagged), sum(flagged))
    else:
        assert figures.precision == Share(0, 0, 0.0, 1.0)
    if any(truths):
        check_share(figures.recall, recall_score(truths, flagged), sum(truths))
    else:
        assert figures.recall == Share(0, 0, 0.0, 1.0)


@given(st.lists(judged, min_size=3, max_size=80))
def test_every_figure_on_any_verdicts(cases: list[JudgedCase]) -> None:
    measurement = measured(cases)
    others = held_out(cases, measurement)
    truths, scores = [case.label == "spam" for case in others], scores_of(others)
    assert measurement.held_out == len(others)
    assert measurement.flagging == sum(truths)
    assert measurement.without_verdict == scores.count(-1)
    assert measurement.failed == sum(case.probabilities is None for case in others)
    check_share(measurement.base_rate, float(np.mean(truths)), len(others))
    best = [LABELS[score < 0.5] if score >= 0 else "none" for score in scores]
    check_share(measurement.best_label_right, accuracy_score([case.label for case in others], best), len(others))
    assert measurement.chosen.threshold in [figures.threshold for figures in measurement.thresholds]
    for figures in (measurement.at_threshold, *measurement.thresholds):
        check_figures(figures, others)
    if len(set(truths)) == 2:
        assert measurement.auc is not None
        assert measurement.auc.value == pytest.approx(roc_auc_score(truths, scores))
    else:
        assert measurement.auc is None
    known = [(truth, score) for truth, score in zip(truths, scores, strict=True) if score >= 0]
    if not known:
        assert measurement.brier is None
    else:
        assert measurement.brier is not None
        known_truths, known_scores = zip(*known, strict=True)
        assert measurement.brier.value == pytest.approx(brier_score_loss(known_truths, known_scores, pos_label=True))
        assert measurement.brier.of == len(known) == sum(bin_.share.of for bin_ in measurement.bins)
        shares, means = calibration_curve(known_truths, known_scores, n_bins=10)
        filled = [bin_ for bin_ in measurement.bins if bin_.share.of]
        assert [bin_.mean for bin_ in filled] == pytest.approx(list(means))
        for bin_, share in zip(filled, shares, strict=True):
            check_share(bin_.share, share, bin_.share.of)
    masses = [case.label_mass for case in others if case.label_mass is not None]
    assert measurement.label_mass == (pytest.approx(np.quantile(masses, MASS_QUANTILES)) if masses else ())


@given(st.lists(weighted, min_size=6, max_size=60))
def test_weighted_figures(cases: list[JudgedCase]) -> None:
    measurement = measured(cases)
    others = held_out(cases, measurement)
    truths, weights = [case.label == "spam" for case in others], [case.weight for case in others]
    flagged = [score >= measurement.chosen.threshold for score in scores_of(others)]
    assert measurement.is_weighted == (len({case.weight for case in cases}) > 1)
    assert measurement.summary().is_weighted == measurement.is_weighted
    figures = measurement.at_threshold
    assert figures.right.value == pytest.approx(accuracy_score(truths, flagged, sample_weight=weights))
    assert measurement.base_rate.value == pytest.approx(np.average(truths, weights=weights))
    if any(flagged):
        assert figures.precision.value == pytest.approx(precision_score(truths, flagged, sample_weight=weights))
    if any(truths):
        assert figures.recall.value == pytest.approx(recall_score(truths, flagged, sample_weight=weights))
    if len(set(truths)) == 2:
        assert measurement.auc is not None
        expected = roc_auc_score(truths, scores_of(others), sample_weight=weights)
        assert measurement.auc.value == pytest.approx(expected)
    assert measurement.brier is not None
    expected = brier_score_loss(truths, scores_of(others), sample_weight=weights, pos_label=True)
    assert measurement.brier.value == pytest.approx(expected)


@given(st.lists(judged, min_size=3, max_size=60))
def test_the_threshold_has_the_best_balanced_accuracy_on_the_development_part(cases: list[JudgedCase]) -> None:
    measurement = measured(cases)
    development = [cases[index] for index in measurement.split.development]
    truths, scores = [case.label == "spam" for case in development], scores_of(development)
    known = {truth for truth, score in zip(truths, scores, strict=True) if score >= 0}
    if len(known) < 2:
        assert measurement.chosen.threshold == 0.5
        assert measurement.chosen.reason.startswith("not chosen")
        return

    def balanced_accuracy(threshold: float) -> float:
        # A case without a verdict is wrong, whatever its label.
        answers = [
            (score >= threshold) if score >= 0 else not truth for score, truth in zip(scores, truths, strict=True)
        ]
        return float(balanced_accuracy_score(truths, answers))

    best = max(balanced_accuracy(threshold) for threshold in set(scores) - {-1})
    assert balanced_accuracy(measurement.chosen.threshold) == pytest.approx(best)


def test_of_equally_good_thresholds_the_highest_is_chosen() -> None:
    spam, other = [0.3, 0.9], [0.2, 0.7]  # 0.25 and 0.8 are right about three of four, balanced
    cases = [JudgedCase("spam", (score, 1 - score), 0.5) for score in spam]
    cases += [JudgedCase("not spam", (score, 1 - score), 0.5) for score in other]
    split = Split(development=(0, 1, 2, 3), held_out=(4,), development_groups=4, held_out_groups=1)
    measurement = measure([*cases, cases[0]], labels=LABELS, flag="spam", split=split)
    assert measurement.chosen.threshold == pytest.approx(0.8)
    assert measurement.chosen.reason == "the best balanced accuracy, 75.0%"


def test_an_upper_edge_belongs_to_its_bin() -> None:
    scores = [0.2, 0.5, 0.5, 0.7, 1.0, 0.0]
    cases = [JudgedCase(LABELS[number % 2], (score, 1 - score), 0.5) for number, score in enumerate([*scores, 0.3])]
    split = Split(development=(6,), held_out=tuple(range(6)), development_groups=1, held_out_groups=6)
    bins = measure(cases, labels=LABELS, flag="spam", split=split).bins
    assert [bin_.share.of for bin_ in bins] == [1, 1, 0, 0, 2, 0, 1, 0, 0, 1]
    truths = [case.label == "spam" for case in cases[:6]]
    shares, means = calibration_curve(truths, scores, n_bins=10)
    assert [bin_.mean for bin_ in bins if bin_.share.of] == pytest.approx(list(means))
    assert [bin_.share.value for bin_ in bins if bin_.share.of] == pytest.approx(list(shares))


@given(st.lists(judged, min_size=3, max_size=60), st.floats(0.05, 1))
def test_the_threshold_with_a_least_precision_is_the_lowest(cases: list[JudgedCase], least: float) -> None:
    development = [cases[index] for index in split_of(len(cases)).development]
    truths, scores = [case.label == "spam" for case in development], scores_of(development)
    precisions = {
        threshold: precision_score(truths, [score >= threshold for score in scores]) for threshold in set(scores) - {-1}
    }
    reaching = [threshold for threshold, precision in precisions.items() if precision >= least]
    known = {truth for truth, score in zip(truths, scores, strict=True) if score >= 0}
    if not reaching or len(known) < 2:
        with pytest.raises(UsageError):
            measured(cases, min_precision=least)
        return
    chosen = measured(cases, min_precision=least).chosen.threshold
    assert [score >= chosen for score in scores] == [score >= min(reaching) for score in scores]


def test_the_held_out_part_changes_no_choice() -> None:
    cases = random_cases(90)
    measurement = measured(cases)
    turned = [
        case if index in measurement.split.development else JudgedCase("spam", (0.001, 0.999), 1.0)
        for index, case in enumerate(cases)
    ]
    assert measured(turned).chosen == measurement.chosen


@pytest.mark.parametrize("method", ["none", "contextual", "batch"])
def test_calibration_divides_by_the_prior_of_the_development_part(method: CalibrationMethod) -> None:
    cases = random_cases(120)
    content_free = (0.8, 0.2)
    measurement = measure(
        cases, labels=LABELS, flag="spam", split=split_of(120), method=method, content_free=content_free
    )
    development = [cases[index] for index in measurement.split.development]
    means = np.mean([case.probabilities or () for case in development if case.label_mass != 0.001], axis=0)
    prior = {"none": (1.0, 1.0), "contextual": content_free, "batch": tuple(means)}[method]
    truths, scores = [], []
    for case in held_out(cases, measurement):
        assert case.probabilities is not None
        if case.label_mass != 0.001:
            first, second = (share / base for share, base in zip(case.probabilities, prior, strict=True))
            truths.append(case.label == "spam")
            scores.append(first / (first + second))
    assert measurement.brier is not None
    assert measurement.brier.value == pytest.approx(brier_score_loss(truths, scores))


def test_batch_calibration_needs_verdicts() -> None:
    cases = [JudgedCase(label, None, None) for label in LABELS * 4]
    with pytest.raises(UsageError, match="Batch calibration needs verdicts"):
        measure(cases, labels=LABELS, flag="spam", split=split_of(8), method="batch")


def test_flags_a_day() -> None:
    measurement = measured(random_cases(90), per_day=2000)
    for figures in measurement.thresholds:
        assert figures.flags_a_day is not None
        assert figures.flags_a_day.value == pytest.approx(2000 * figures.flagged.count / 60)
        assert figures.flags_a_day.low == pytest.approx(2000 * figures.flagged.low)
        assert figures.flags_a_day.high == pytest.approx(2000 * figures.flagged.high)
    assert measured(random_cases(90)).at_threshold.flags_a_day is None


def test_cases_of_one_label_only_have_no_ranking_and_no_chosen_threshold() -> None:
    measurement = measured([JudgedCase("spam", (0.7, 0.3), 0.9) for _ in range(12)])
    assert measurement.auc is None
    assert measurement.chosen.threshold == 0.5
    assert "not chosen" in measurement.chosen.reason
    assert measurement.at_threshold.recall.value == 1.0
    assert measurement.base_rate.value == 1.0


def test_a_question_that_is_never_answered_is_never_right_and_never_flags() -> None:
    measurement = measured([JudgedCase(label, (0.7, 0.3), 0.009) for label in LABELS * 6])
    assert measurement.without_verdict == measurement.held_out == 8
    assert measurement.at_threshold.right.count == measurement.best_label_right.count == 0
    assert measurement.at_threshold.flagged.count == 0
    assert measurement.brier is None
    assert measurement.auc is not None
    assert measurement.auc.value == 0.5


def test_the_least_label_mass_is_a_verdict() -> None:
    assert JudgedCase("spam", (0.7, 0.3), 0.01).verdict_probabilities == (0.7, 0.3)
    assert JudgedCase("spam", (0.7, 0.3), 0.0099).verdict_probabilities is None


def test_equal_probabilities_rank_nothing() -> None:
    measurement = measured([JudgedCase(label, (0.6, 0.4), 0.9) for label in LABELS * 15])
    assert measurement.auc is not None
    assert measurement.auc.value == 0.5
    assert measurement.at_threshold.flagged.value == 1.0


def test_one_held_out_case() -> None:
    cases = [JudgedCase("spam", (0.9, 0.1), 0.5), JudgedCase("not spam", (0.2, 0.8), 0.5)]
    measurement = measure(cases, labels=LABELS, flag="spam", split=split_of(2, 1))
    assert measurement.held_out == 1
    assert measurement.brier is not None
    assert (measurement.brier.low, measurement.brier.high) == (0.0, 1.0)


def test_three_labels() -> None:
    labels = ("low", "middle", "high")
    random = np.random.default_rng(5)
    cases = [JudgedCase(labels[index % 3], tuple(random.dirichlet([1, 1, 1])), 0.5) for index in range(60)]
    measurement = measure(cases, labels=labels, flag="high", split=split_of(60))
    others = held_out(cases, measurement)
    best = [labels[int(np.argmax(case.probabilities or ()))] for case in others]
    expected = accuracy_score([case.label for case in others], best)
    assert measurement.best_label_right.value == pytest.approx(expected)
    truths = [case.label == "high" for case in others]
    flagged = [(case.probabilities or ())[2] >= measurement.chosen.threshold for case in others]
    assert measurement.at_threshold.right.value == pytest.approx(accuracy_score(truths, flagged))


def test_a_summary_has_the_figures_at_the_chosen_threshold() -> None:
    measurement = measured(random_cases(90))
    summary = measurement.summary()
    assert (summary.held_out, summary.flagging) == (60, measurement.flagging)
    assert summary.threshold == measurement.chosen.threshold
    assert summary.right == measurement.at_threshold.right
    assert summary.precision == measurement.at_threshold.precision
    assert summary.recall == measurement.at_threshold.recall
    assert summary.base_rate == measurement.base_rate
    assert measurement.auc is not None
    assert summary.auc == measurement.auc.value


def test_two_questions_are_compared_on_the_same_cases() -> None:
    good, bad = random_cases(150, skill=4), random_cases(150, skill=0.2)
    assert [case.label for case in good] == [case.label for case in bad], "they are the same cases"
    first, second = measured(good), measured(bad)
    comparison = compare(first, second)
    pairs = list(zip(first.is_right, second.is_right, strict=True))
    counts = Counter(pairs)
    assert comparison.both_right == counts[True, True]
    assert comparison.none_right == counts[False, False]
    assert comparison.of == 100
    table = [[counts[True, True], counts[True, False]], [counts[False, True], counts[False, False]]]
    assert comparison.p_value == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
    assert first.at_threshold.right.value is not None
    assert second.at_threshold.right.value is not None
    difference = first.at_threshold.right.value - second.at_threshold.right.value
    assert comparison.difference.value == pytest.approx(difference)
    assert comparison.difference.low < difference < comparison.difference.high
    assert comparison.cases_needed is not None
    assert comparison.cases_needed < 100
    same = compare(first, first)
    assert (same.p_value, same.cases_needed, same.difference.value) == (1.0, None, 0.0)


def test_questions_on_other_cases_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same cases"):
        compare(measured(random_cases(30)), measured(random_cases(33)))


def test_an_answer_becomes_a_case() -> None:
    scores = (LabelScore("spam", (1,), 0.0, -1.0, 0.7), LabelScore("not spam", (2,), 0.0, -2.0, 0.3))
    case = JudgedCase.of("spam", DecisionReading("prompt", (1, 2), scores, 0.4), 2.0)
    assert case == JudgedCase("spam", (0.7, 0.3), 0.4, 2.0)
    assert case.verdict_probabilities == (0.7, 0.3)
    assert JudgedCase.of("spam", BotError("too long")) == JudgedCase("spam", None, None)
