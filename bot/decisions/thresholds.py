"""Thresholds: choosing one on the development part, and the figures at each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.decisions.statistics import Estimate, share_of
from bot.decisions.summary import Share
from bot.errors import UsageError


@dataclass(frozen=True, slots=True)
class Scored:
    """A case as thresholds see it.

    `score` is the probability of the label that flags, or None without a verdict: such a case is never flagged, and
    never right. `is_flagging` says whether a person gave it the label that flags.
    """

    score: float | None
    is_flagging: bool
    weight: float = 1.0

    def is_flagged(self, threshold: float) -> bool:
        """Return whether the case is flagged."""
        return self.score is not None and self.score >= threshold

    def is_right(self, threshold: float) -> bool:
        """Return whether the case has a verdict, and is flagged exactly if a person would flag it."""
        return self.score is not None and self.is_flagged(threshold) == self.is_flagging


@dataclass(frozen=True, slots=True)
class ThresholdFigures:
    """What happens at a threshold: a case is flagged if the probability of the flagging label is at least that.

    `precision` is over flagged cases, `recall` over cases of the flagging label, and `right` and `flagged` over all.
    `flags_a_day` is the number of flags a day if messages are like the cases, or None if their number is unknown.
    """

    threshold: float
    right: Share
    precision: Share
    recall: Share
    flagged: Share
    flags_a_day: Estimate | None


@dataclass(frozen=True, slots=True)
class ChosenThreshold:
    """A threshold and a sentence on how it was chosen."""

    threshold: float
    reason: str


def choose_threshold(cases: Sequence[Scored], fallback: float, min_precision: float | None = None) -> ChosenThreshold:
    """Return the threshold with the best balanced accuracy: the mean of the shares right of both classes (Youden 1950).

    With `min_precision`, it is the lowest threshold with at least that precision. A threshold lies midway between two
    neighbouring scores, and flags at least one case. Of equally good ones, the highest is chosen, because it flags
    least. Without cases of both classes it is `fallback`.

    Raises UsageError if no threshold reaches `min_precision`.
    """
    has_both = len({case.is_flagging for case in cases if case.score is not None}) == 2
    if not has_both:
        missing = "The development part doesn't have verdicts both on cases with the flagging label and on others"
        if min_precision is not None:
            raise UsageError(f"{missing}, so precision can't be estimated. Give more cases, or a larger --development.")
        return ChosenThreshold(fallback, f"not chosen: {missing[0].lower()}{missing[1:]}")
    candidates = _candidates(case.score for case in cases if case.score is not None)
    if min_precision is None:
        best = max(candidates, key=lambda threshold: (_balanced_accuracy(cases, threshold), threshold))
        return ChosenThreshold(best, f"the best balanced accuracy, {_balanced_accuracy(cases, best):.1%}")
    for threshold in candidates:
        precision = _precision(cases, threshold)
        if precision is not None and precision >= min_precision:
            return ChosenThreshold(threshold, f"the lowest with a precision of {min_precision:.0%} or more")
    best = max(candidates, key=lambda threshold: (_precision(cases, threshold) or 0.0, threshold))
    problem = f"No threshold has a precision of {min_precision:g} on the development part"
    reached = _precision(cases, best) or 0.0
    raise UsageError(f"{problem}; the best is {reached:.3f} at {best:.4f}. Lower --min-precision.")


def figures_at(threshold: float, cases: Sequence[Scored], per_day: float | None = None) -> ThresholdFigures:
    """Return the figures at a threshold. `per_day` is the number of messages a day."""
    flagged = [case.is_flagged(threshold) for case in cases]
    weights = [case.weight for case in cases]
    share_flagged = share_of(flagged, weights)
    return ThresholdFigures(
        threshold=threshold,
        right=share_of([case.is_right(threshold) for case in cases], weights),
        precision=_share_within(flagged, [case.is_flagging for case in cases], weights),
        recall=_share_within([case.is_flagging for case in cases], flagged, weights),
        flagged=share_flagged,
        flags_a_day=None if per_day is None else _a_day(share_flagged, per_day),
    )


def _share_within(chosen: Sequence[bool], hits: Sequence[bool], weights: Sequence[float]) -> Share:
    inside = [(hit, weight) for is_in, hit, weight in zip(chosen, hits, weights, strict=True) if is_in]
    return share_of([hit for hit, _ in inside], [weight for _, weight in inside])


def _a_day(share: Share, per_day: float) -> Estimate | None:
    if share.value is None:
        return None
    return Estimate(share.value * per_day, share.low * per_day, share.high * per_day, share.of)


def _candidates(scores: Iterable[float]) -> list[float]:
    """Return the thresholds that divide the scores differently: the lowest score, and the middle of neighbours.

    With the lowest, every case with a verdict is flagged.
    """
    distinct = sorted(set(scores))
    middles = [(low + high) / 2 for low, high in pairwise(distinct)]
    return [distinct[0], *middles]


def _balanced_accuracy(cases: Sequence[Scored], threshold: float) -> float:
    shares = []
    for kind in (True, False):
        of_kind = [case for case in cases if case.is_flagging is kind]
        right = sum(case.weight for case in of_kind if case.is_right(threshold))
        shares.append(right / sum(case.weight for case in of_kind))
    return sum(shares) / 2


def _precision(cases: Sequence[Scored], threshold: float) -> float | None:
    flagged = [case for case in cases if case.is_flagged(threshold)]
    total = sum(case.weight for case in flagged)
    return sum(case.weight for case in flagged if case.is_flagging) / total if total else None
