"""A measurement as a JSON object."""

from collections.abc import Sequence

from bot.decisions.cases import LabelledFile
from bot.decisions.measurement import MASS_QUANTILES, Comparison, Measurement
from bot.decisions.statistics import Estimate
from bot.decisions.summary import Share
from bot.decisions.thresholds import ThresholdFigures
from bot.questions.decision import Decision
from bot.questions.language_model import ModelInfo
from bot.rendering.json_objects import JsonObject, model_object

Named = tuple[str, Decision, Measurement]


def measurement_object(
    name: str, file: LabelledFile, measured: Sequence[Named], comparison: Comparison | None, model: ModelInfo
) -> JsonObject:
    """Return all figures of the measured questions, and their comparison if there are two.

    An interval is [low, high]. A figure that is undefined is null.
    """
    return {
        "command": "measure",
        "model": model_object(model),
        "file": name,
        "texts": len(file.cases),
        "unused_columns": file.unused,
        "questions": [_question_object(*one) for one in measured],
        "comparison": None if comparison is None else _comparison_object(comparison),
    }


def _question_object(name: str, decision: Decision, measurement: Measurement) -> JsonObject:
    split, calibration = measurement.split, measurement.calibration
    return {
        "name": name,
        **decision.options(),
        "flag": measurement.flag,
        "calibration": {"method": calibration.method, "prior": calibration.prior},
        "development": {
            "texts": len(split.development),
            "groups": split.development_groups,
            "flagging": measurement.development_flagging,
        },
        "held_out": {
            "texts": measurement.held_out,
            "groups": split.held_out_groups,
            "flagging": measurement.flagging,
            "without_verdict": measurement.without_verdict,
            "failed": measurement.failed,
        },
        "threshold": measurement.chosen.threshold,
        "threshold_reason": measurement.chosen.reason,
        "is_weighted": measurement.is_weighted,
        "per_day": measurement.per_day,
        "base_rate": _share_object(measurement.base_rate),
        "right_by_best_label": _share_object(measurement.best_label_right),
        "at_threshold": _figures_object(measurement.at_threshold),
        "thresholds": [_figures_object(figures) for figures in measurement.thresholds],
        "auc": _estimate_object(measurement.auc),
        "brier": _estimate_object(measurement.brier),
        "bins": [
            {"low": bin_.low, "high": bin_.high, "mean": bin_.mean, "share": _share_object(bin_.share)}
            for bin_ in measurement.bins
        ],
        "label_mass": [
            {"quantile": quantile, "value": value}
            for quantile, value in zip(MASS_QUANTILES, measurement.label_mass, strict=False)
        ],
    }


def _comparison_object(comparison: Comparison) -> JsonObject:
    return {
        "texts": comparison.of,
        "both_right": comparison.both_right,
        "only_first_right": comparison.only_first_right,
        "only_second_right": comparison.only_second_right,
        "none_right": comparison.none_right,
        "difference": _estimate_object(comparison.difference),
        "p_value": comparison.p_value,
        "cases_needed": comparison.cases_needed,
    }


def _figures_object(figures: ThresholdFigures) -> JsonObject:
    return {
        "threshold": figures.threshold,
        "right": _share_object(figures.right),
        "precision": _share_object(figures.precision),
        "recall": _share_object(figures.recall),
        "flagged": _share_object(figures.flagged),
        "flags_a_day": _estimate_object(figures.flags_a_day),
    }


def _share_object(share: Share) -> JsonObject:
    return {"value": share.value, "interval": [share.low, share.high], "count": share.count, "of": share.of}


def _estimate_object(estimate: Estimate | None) -> JsonObject | None:
    if estimate is None:
        return None
    return {"value": estimate.value, "interval": [estimate.low, estimate.high], "of": estimate.of}
