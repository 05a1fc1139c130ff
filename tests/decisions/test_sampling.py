"""Drawing an audit, and the weights that make labelled cases an unbiased sample of a place's messages."""

import math
from dataclasses import replace
from random import Random
from statistics import fmean, stdev

import pytest

from bot.decisions.sampling import AUDITS, NEEDED_FLAGGING, case_weights, draw, should_draw_by_score
from bot.storage.question_records import LabelledCase

EVEN = LabelledCase(1, 2, 3, "hash", "yes", is_flagging=True, weight=1.0, source="audited", drawn=1)


def audited(count: int, flagging: int) -> list[LabelledCase]:
    return [replace(EVEN, message_id=number, drawn=number, is_flagging=number < flagging) for number in range(count)]


def test_the_probabilities_of_a_draw_by_score_are_what_the_weights_say() -> None:
    random, scores = Random(5), [number / 40 for number in range(40)]
    draws = [draw(scores, random, by_score=True) for _ in range(40_000)]
    weight_of = dict(draws)
    for index in range(40):
        expected = 1 / (40 * weight_of[index])
        share = sum(each == index for each, _ in draws) / len(draws)
        assert share == pytest.approx(expected, abs=5 * math.sqrt(expected / len(draws)))
    assert sum(1 / (40 * weight) for weight in weight_of.values()) == pytest.approx(1)
    assert {draw(scores, random, by_score=False)[1] for _ in range(100)} == {1.0}


@pytest.mark.parametrize("population", [50, 400])
@pytest.mark.parametrize("first_even", [0, 10, 40])
def test_the_weighted_share_is_unbiased_whatever_was_drawn_by_score(population: int, first_even: int) -> None:
    """40 audits of messages of which the model finds some, beside 20 flagged ones that were all decided."""
    random = Random(7)
    truth = [number % 9 == 0 for number in range(population)]
    scores = [random.random() + (0.4 if is_flagging else 0.0) for is_flagging in truth]
    decided = [
        replace(EVEN, message_id=1000 + number, source="decided", is_flagging=number < 15) for number in range(20)
    ]
    estimates, unweighted = [], []
    for _ in range(1500):
        left, cases = list(range(population)), []
        for turn in range(40):
            index, weight = draw([scores[each] for each in left], random, by_score=turn >= first_even)
            message = left.pop(index)
            cases.append(replace(EVEN, message_id=message, weight=weight, drawn=turn, is_flagging=truth[message]))
        both = [*decided, *cases]
        random.shuffle(both)
        weights = case_weights(both, flagged=20, unflagged=population)
        assert sum(weights) == pytest.approx(20 + population)
        shares = [weight for case, weight in zip(both, weights, strict=True) if case.is_flagging]
        unweighted.append(sum(case.is_flagging for case in both) / len(both))
        estimates.append(sum(shares) / sum(weights))
    expected = (sum(truth) + 15) / (population + 20)
    # Scaling to the known total makes it a ratio, which has a bias of the order of 1 in the number of audits.
    tolerance = 4 * stdev(estimates) / math.sqrt(len(estimates)) + 0.002
    assert fmean(estimates) == pytest.approx(expected, abs=tolerance)
    if (population, first_even) == (400, 0):  # it is not so without weights
        assert fmean(unweighted) > expected + 5 * tolerance


def test_even_draws_weigh_the_same_and_undecided_flags_are_represented() -> None:
    cases = [*audited(5, 1), *(replace(EVEN, message_id=100 + number, source="decided") for number in range(4))]
    assert case_weights(cases, flagged=8, unflagged=50) == [10.0] * 5 + [2.0] * 4


@pytest.mark.parametrize(
    ("count", "flagging", "by_score"),
    [
        (0, 0, False),
        (9, 0, False),  # too few to know
        (10, 0, True),
        (10, 1, True),  # 1, and 5 more to expect
        (10, 2, False),  # 2, and 10 more
        (AUDITS, NEEDED_FLAGGING, False),
        (AUDITS, NEEDED_FLAGGING - 1, True),
    ],
)
def test_it_draws_by_score_where_few_labels_that_flag_are_expected(count: int, flagging: int, by_score: bool) -> None:
    assert should_draw_by_score(audited(count, flagging)) is by_score
