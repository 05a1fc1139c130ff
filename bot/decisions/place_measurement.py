"""Measuring the rule of a place's question: it flags P(label) on one side of a threshold, whatever its labels are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.decisions.calibration import CalibrationMethod, batch_prior
from bot.decisions.gate import calibration_of
from bot.decisions.measurement import JudgedCase, Measurement, measure
from bot.decisions.split import CaseKey, Split, split_cases, text_key
from bot.decisions.summary import MeasurementSummary
from bot.errors import BotError, UsageError
from bot.questions.decision import Decision, DecisionReading
from bot.storage.question_records import Direction, LabelledCase, Rule

# What is measured has two labels, so that questions with any number of labels and both directions are alike.
FLAGS, OTHER = "flags", "other"


@dataclass(frozen=True, slots=True)
class PlaceCase:
    """A labelled case with its text, and how many messages of the place it represents."""

    case: LabelledCase
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was asked about each case, with the rule to be measured.

    `content_free` are the probabilities of its labels for texts without content, for contextual calibration.
    """

    name: str
    decision: Decision
    rule: Rule
    answers: Sequence[DecisionReading | BotError]
    content_free: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class RuleMeasurement:
    """The figures of a rule on the held-out cases.

    `figures` are about the probability that a message is to be flagged: P(label) or, downwards, 1 − P(label). So are
    its thresholds; `threshold_of()` returns them as the rule has them. `best` is the threshold that the development
    part would choose, and `reason` says how.
    """

    name: str
    decision: Decision
    rule: Rule
    figures: Measurement
    best: float
    reason: str

    def threshold_of(self, threshold: float) -> float:
        """Return a threshold of the figures as one of the rule, or the other way round."""
        return _side(threshold, self.rule.direction)

    def summary(self) -> MeasurementSummary:
        """Return what cards, digests and the gate need."""
        return replace(self.figures.summary(), threshold=self.rule.threshold)


def split_place_cases(cases: Sequence[PlaceCase]) -> Split:
    """Divide cases by author and text: a third is for development. Raises UsageError if that is not possible."""
    try:
        return split_cases([CaseKey(text_key(each.text), str(each.case.author_id)) for each in cases])
    except UsageError:
        cause = "there are too few of them, or one author wrote nearly all"
        raise UsageError(
            f"The labelled cases that can be read ({len(cases):,}) can't be divided by author, because {cause}. Label "
            "messages of other authors with /review audit."
        ) from None


def measure_rule(
    asked: Asked,
    cases: Sequence[PlaceCase],
    split: Split,
    *,
    method: CalibrationMethod | None = None,
    choose: bool,
    per_day: float | None,
) -> RuleMeasurement:
    """Return the figures of a question's rule on the held-out part of `cases`.

    With `choose`, the threshold is the best one of the development part; otherwise it is the rule's. A `method`
    replaces the rule's calibration; its prior comes from the development part.
    """
    rule = asked.rule if method is None else _calibrated(asked, split, method)
    judged = _judge(asked, rule, cases)
    labels = (FLAGS, OTHER)
    figures = measure(judged, labels=labels, flag=FLAGS, split=split, per_day=per_day)
    chosen = figures.chosen
    best = _side(chosen.threshold, rule.direction)
    if choose:
        rule = replace(rule, threshold=best)
    else:
        threshold = _side(rule.threshold, rule.direction)
        figures = measure(judged, labels=labels, flag=FLAGS, split=split, threshold=threshold, per_day=per_day)
    return RuleMeasurement(asked.name, asked.decision, rule, figures, best, chosen.reason)


def _calibrated(asked: Asked, split: Split, method: CalibrationMethod) -> Rule:
    prior: tuple[float, ...] = ()
    if method == "contextual":
        if asked.content_free is None:
            raise ValueError("contextual calibration needs the probabilities for texts without content")
        prior = asked.content_free
    elif method == "batch":
        answers = [asked.answers[index] for index in split.development]
        known = [_probabilities(answer) for answer in answers if not isinstance(answer, BotError) and answer.verdict]
        if not known:
            raise UsageError("Batch calibration needs verdicts in the development part, and there are none.")
        prior = batch_prior(known)
    return replace(asked.rule, calibration=method, prior=json.dumps(prior))


def _judge(asked: Asked, rule: Rule, cases: Sequence[PlaceCase]) -> list[JudgedCase]:
    calibration, place = calibration_of(rule), asked.decision.labels.index(rule.flag_label)
    judged = []
    for each, answer in zip(cases, asked.answers, strict=True):
        label = FLAGS if each.case.is_flagging else OTHER
        if isinstance(answer, BotError):
            judged.append(JudgedCase(label, None, None, each.weight))
            continue
        probability = _side(calibration.apply(_probabilities(answer))[place], rule.direction)
        judged.append(JudgedCase(label, (probability, 1 - probability), answer.label_mass, each.weight))
    return judged


def _probabilities(answer: DecisionReading) -> tuple[float, ...]:
    return tuple(score.probability for score in answer.labels)


def _side(value: float, direction: Direction) -> float:
    return value if direction == "above" else 1 - value
