"""The gate: a place's question alerts only as it was measured on that server's own cases and confirmed.

Nothing here is stored. Whoever opens a case computes the permission from what is true at that moment.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

from bot.decisions.calibration import CALIBRATION_METHODS, Calibration
from bot.decisions.summary import MeasurementSummary, Share
from bot.questions.decision import Decision
from bot.questions.language_model import ModelInfo
from bot.storage.question_records import Measurement, PlaceQuestion, QuestionScore, Rule, floats_of

LEAST_HELD_OUT = 30  # held-out cases of the server itself
LEAST_FLAGGING = 8  # of these, with the label that flags


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether a place's question may alert now: `measurement` allows it, or `missing` says what is missing.

    `measured` is the newest measurement of the question as it is now, confirmed or not. `previous` is an earlier
    confirmed measurement that would allow it if its rule were in force again.
    """

    fingerprint: str
    measurement: Measurement | None
    missing: str
    measured: Measurement | None = None
    previous: Measurement | None = None


def model_key(model: ModelInfo) -> str:
    """Return a hash of what computes: the model's name, revision and quantization, its dtype and the engine."""
    # Without a quantization, the hash is that of the measurements from before there was one.
    quantization = [model.quantization] if model.quantization else []
    return _hash([model.name, model.revision, model.dtype, model.engine, *quantization])


def fingerprint(decision: Decision, rule: Rule, model: ModelInfo) -> str:
    """Return a hash of everything that a confirmation is bound to.

    That is the question's text, examples and labels; the calibration, threshold, direction and label that flags; and
    the model's name, revision, quantization, dtype and engine.
    """
    figures = [rule.calibration, floats_of(rule.prior), rule.threshold, rule.direction, rule.flag_label]
    return _hash([decision.options(), figures, model_key(model)])


def permission(
    question: PlaceQuestion, earlier: dict[int, str], measurements: Sequence[Measurement], model: ModelInfo
) -> Permission:
    """Return whether a place's question may alert, computed by `model`.

    `measurements` are all of this question in this place, the newest first, and `earlier` are the definitions of its
    versions by their ids.
    """
    now = fingerprint(decision_of(question.definition), question.rule, model)
    of_now = [measurement for measurement in measurements if measurement.fingerprint == now]
    allowing = next((measurement for measurement in of_now if not _missing(measurement)), None)
    if allowing is not None:
        return Permission(now, allowing, "", allowing)
    previous = next((each for each in measurements if not _missing(each) and _holds(each, earlier, model)), None)
    if of_now:
        return Permission(now, None, _missing(of_now[0]), of_now[0], previous)
    return Permission(now, None, _why_unmeasured(question, measurements, model), None, previous)


def _why_unmeasured(question: PlaceQuestion, measurements: Sequence[Measurement], model: ModelInfo) -> str:
    """Return what a question needs whose rule in force was not measured."""
    newest = measurements[0] if measurements else None
    in_force = {question.rule.version_id: question.definition}
    if newest is not None and newest.confirmed_at is None and _holds(newest, in_force, model):
        missing = missing_cases(newest.held_out, newest.flagging) or "a moderator has not confirmed the measurement"
        return f"it was measured with another threshold or calibration than the one in force, and {missing}"
    measured = "it has never been measured"
    if measurements:
        measured = "its question, rule or model has changed since it was measured"
    return f"{measured}; measure it on this server's own cases"


def missing_cases(held_out: int, flagging: int) -> str:
    """Return which cases a measurement on so many doesn't have, "" if a moderator can confirm it."""
    if held_out < LEAST_HELD_OUT:
        return f"{held_out:,} of {LEAST_HELD_OUT} held-out cases; label more and measure again"
    if flagging < LEAST_FLAGGING:
        needed = f"{flagging:,} of {LEAST_FLAGGING} held-out cases with the label that flags"
        return f"{needed}; label more and measure again"
    return ""


def _missing(measurement: Measurement) -> str:
    """Return what a measurement needs before it allows alerts, "" if it allows them."""
    if missing := missing_cases(measurement.held_out, measurement.flagging):
        return missing
    if measurement.reported_at is None or measurement.confirmed_at is None:
        return "a moderator has not confirmed the measurement"
    return ""


def _holds(measurement: Measurement, definitions: dict[int, str], model: ModelInfo) -> bool:
    """Return whether the rule of an earlier measurement, computed by `model`, is what was measured."""
    definition = definitions.get(measurement.rule.version_id)
    if definition is None:
        return False
    return fingerprint(decision_of(definition), measurement.rule, model) == measurement.fingerprint


@lru_cache(maxsize=256)
def decision_of(definition: str) -> Decision:
    """Return the decision of a stored definition. Raises DecisionInvalid if it is not one."""
    return Decision.of(json.loads(definition))


def definition_of(decision: Decision) -> str:
    """Return a decision as it is stored."""
    return json.dumps(decision.options())


def calibration_of(rule: Rule) -> Calibration:
    """Return the calibration of a rule."""
    method = next(method for method in CALIBRATION_METHODS if method == rule.calibration)
    return Calibration(method, floats_of(rule.prior))


def flag_probability(question: PlaceQuestion, score: QuestionScore) -> float:
    """Return P(the label that flags) of an answer to the version in force, after the rule's calibration."""
    labels = decision_of(question.definition).labels
    return calibration_of(question.rule).apply(score.probabilities)[labels.index(question.rule.flag_label)]


def summary_text(summary: MeasurementSummary) -> str:
    """Return a summary as it is stored."""
    return json.dumps(asdict(summary))


def summary_of(measurement: Measurement) -> MeasurementSummary:
    """Return the figures of a stored measurement."""
    values = json.loads(measurement.summary)
    shares = {name: Share(**values[name]) for name in ("right", "precision", "recall", "base_rate")}
    return MeasurementSummary(**values | shares)


def _hash(values: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
