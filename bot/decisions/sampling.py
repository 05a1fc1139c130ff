"""Drawing messages for an audit, and what each labelled case weighs in a measurement."""

import math
from collections.abc import Sequence
from random import Random

from bot.decisions.gate import LEAST_FLAGGING, LEAST_HELD_OUT
from bot.decisions.split import DEVELOPMENT_SHARE
from bot.storage.question_records import LabelledCase

AUDITS = 60  # labelled cases to aim for: more than the gate needs, because some will be gone
# The development part takes a third of the cases, so the gate needs half as many again.
NEEDED = math.ceil(LEAST_HELD_OUT * DEVELOPMENT_SHARE / (DEVELOPMENT_SHARE - 1))
NEEDED_FLAGGING = math.ceil(LEAST_FLAGGING * DEVELOPMENT_SHARE / (DEVELOPMENT_SHARE - 1))
TOP_SHARE = 10  # the stratum of high scores is a tenth of the messages
BY_SCORE = 0.5  # of the draws come from that stratum, where labels are rare
_FIRST = 10  # audits that are drawn evenly before the base rate counts as known


def draw(scores: Sequence[float], random: Random, *, by_score: bool) -> tuple[int, float]:
    """Draw one of the messages with these scores; return its index and its weight.

    With `by_score`, half of the draws are from the tenth with the highest scores, the others from all. The weight is
    the probability of an even draw divided by that of this one: 1 for an even draw.
    """
    if not by_score:
        return random.randrange(len(scores)), 1.0
    ranked = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
    top = ranked[: math.ceil(len(scores) / TOP_SHARE)]
    index = random.choice(top if random.random() < BY_SCORE else ranked)
    even = 1 / len(scores)
    probability = (1 - BY_SCORE) * even + (BY_SCORE / len(top) if index in top else 0.0)
    return index, even / probability


def should_draw_by_score(cases: Sequence[LabelledCase]) -> bool:
    """Return whether even draws would give too few labels that flag: fewer than the gate needs, in all audits.

    The first ten audits are even.
    """
    audited = [case for case in cases if case.source == "audited"]
    if len(audited) < _FIRST:
        return False
    rate = sum(case.weight for case in audited if case.is_flagging) / sum(case.weight for case in audited)
    flagging = sum(case.is_flagging for case in cases)
    return flagging + rate * max(0, AUDITS - len(cases)) < NEEDED_FLAGGING


def case_weights(cases: Sequence[LabelledCase], *, flagged: int, unflagged: int) -> list[float]:
    """Return how many messages each labelled case represents.

    The decided cases represent the `flagged` messages, which moderators look at without drawing, all equally. The
    audited ones represent the `unflagged` messages, among which they were drawn one by one. If all draws were even,
    they are equal. Otherwise the weights are those of Des Raj (1956), "Some estimators in sampling with varying
    probabilities without replacement", scaled to add up to `unflagged`.
    """
    decided = sum(case.source == "decided" for case in cases)
    in_order = sorted((case for case in cases if case.source == "audited"), key=lambda case: case.drawn)
    audited = dict(zip((case.message_id for case in in_order), _drawn_weights(in_order, unflagged), strict=True))
    return [audited[case.message_id] if case.source == "audited" else flagged / decided for case in cases]


def _drawn_weights(cases: Sequence[LabelledCase], population: int) -> list[float]:
    """Return the weights of cases in the order of their draws.

    Des Raj's estimate after each draw is the sum of the values drawn before, and this value divided by its probability
    among the messages that were left. The mean of these estimates gives each value its weight.
    """
    count = len(cases)
    if len({case.weight for case in cases}) == 1:
        return [population / count] * count
    raw = [case.weight * (population - before) + (count - before - 1) for before, case in enumerate(cases)]
    total = sum(raw)
    return [population * weight / total for weight in raw]
