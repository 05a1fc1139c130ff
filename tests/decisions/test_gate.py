"""A confirmation is bound to everything that changes an answer, and to enough of the server's own cases."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.gate import (
    LEAST_FLAGGING,
    LEAST_HELD_OUT,
    definition_of,
    fingerprint,
    flag_probability,
    permission,
    summary_of,
    summary_text,
)
from bot.decisions.summary import MeasurementSummary, Share
from bot.questions.decision import Decision, Example
from bot.questions.language_model import ModelInfo
from bot.storage.question_records import Measurement, PlaceQuestion, QuestionScore, Rule

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODEL = ModelInfo("org/model", "org/model", "abc", "float32", "cpu", 1024, 512, None)
DECISION = Decision(
    "template", "Message: {text}\nSpam:", (" yes", " no"), (Example("Buy!", " yes"), Example("Hello.", " no"))
)
RULE = Rule(1, " yes", 0.75, "above", "batch", "[0.5, 0.5]")
SUMMARY = MeasurementSummary(
    40, 9, 0.75, Share(35, 40, 0.74, 0.95), Share(8, 9, 0.57, 0.98), Share(8, 9, 0.57, 0.98), Share(9, 40, 0.12, 0.38),
    auc=0.9,
)  # fmt: skip


def question_of(decision: Decision = DECISION, rule: Rule = RULE) -> PlaceQuestion:
    return PlaceQuestion(
        1, 2, 3, 4, "spam", rule.version_id, definition_of(decision), rule, log_channel_id=5, live=True, set_by=6,
        set_at=NOON, suspended_at=None, digest_at=None, told=None,
    )  # fmt: skip


def measured(decision: Decision = DECISION, rule: Rule = RULE, model: ModelInfo = MODEL) -> Measurement:
    return Measurement(
        7, 1, rule.version_id, rule, fingerprint(decision, rule, model), "org/model@abc", summary_text(SUMMARY),
        LEAST_HELD_OUT, LEAST_FLAGGING, 6, NOON, reported_at=NOON, confirmed_by=6, confirmed_at=NOON,
        partly_deleted=False,
    )  # fmt: skip


def test_a_confirmed_measurement_of_the_question_as_it_is_allows_alerts() -> None:
    allowed = permission(question_of(), {}, [measured()], MODEL)
    assert allowed.measurement == measured()
    assert allowed.missing == ""


def test_a_question_that_was_never_measured_alerts_nobody() -> None:
    refused = permission(question_of(), {}, [], MODEL)
    assert refused.measurement is None
    assert "never been measured" in refused.missing


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"held_out": LEAST_HELD_OUT - 1}, "29 of 30 held-out cases"),
        ({"flagging": LEAST_FLAGGING - 1}, "7 of 8 held-out cases with the label"),
        ({"confirmed_by": None, "confirmed_at": None}, "not confirmed"),
        ({"reported_at": None}, "not confirmed"),
    ],
)
def test_too_few_cases_or_no_confirmation_is_not_enough(change: dict[str, object], missing: str) -> None:
    measurement = replace(measured(), **change)  # type: ignore[arg-type]  # drawn from a table
    refused = permission(question_of(), {}, [measurement], MODEL)
    assert refused.measurement is None
    assert missing in refused.missing


@pytest.mark.parametrize(
    "change",
    [
        {"question": "Message: {text}\nIs it spam?"},
        {"labels": (" yes", " not"), "examples": ()},
        {"examples": ()},
        {"examples": (Example("Buy!!", " yes"), Example("Hello.", " no"))},
        {"type": "choice", "question": "Spam?"},
    ],
)
def test_any_change_of_the_question_returns_it_to_shadow(change: dict[str, object]) -> None:
    changed = replace(DECISION, **change)  # type: ignore[arg-type]  # as above
    refused = permission(
        question_of(changed, replace(RULE, version_id=2)), {1: definition_of(DECISION)}, [measured()], MODEL
    )
    assert refused.measurement is None
    assert refused.previous == measured(), "the earlier version still holds"


@pytest.mark.parametrize(
    "change",
    [
        {"flag_label": " no"},
        {"threshold": 0.7500001},
        {"direction": "below"},
        {"calibration": "none", "prior": "[]"},
        {"calibration": "contextual"},
        {"prior": "[0.4, 0.6]"},
    ],
)
def test_any_change_of_the_rule_returns_it_to_shadow(change: dict[str, object]) -> None:
    changed = replace(RULE, **change)  # type: ignore[arg-type]  # as above
    refused = permission(question_of(rule=changed), {1: definition_of(DECISION)}, [measured()], MODEL)
    assert refused.measurement is None
    assert refused.previous == measured()


@pytest.mark.parametrize(
    "change",
    [{"name": "org/other"}, {"revision": "def"}, {"dtype": "bfloat16"}, {"engine": "vllm"}, {"quantization": "Q4_1"}],
)
def test_any_change_of_the_model_returns_it_to_shadow_with_nothing_to_go_back_to(change: dict[str, str]) -> None:
    changed = replace(MODEL, **change)  # type: ignore[arg-type]  # as above
    refused = permission(question_of(), {1: definition_of(DECISION)}, [measured()], changed)
    assert refused.measurement is None
    assert refused.previous is None
    assert permission(question_of(), {}, [measured(model=changed), measured()], MODEL).measurement == measured()


def test_the_same_words_in_another_version_are_the_same_question() -> None:
    again = replace(RULE, version_id=3)
    assert permission(question_of(rule=again), {}, [measured()], MODEL).measurement == measured()


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=2), st.lists(st.floats(0.001, 1), min_size=2, max_size=2))
def test_what_is_compared_with_the_threshold_is_calibrated(probabilities: list[float], prior: list[float]) -> None:
    score = QuestionScore(1, 2, 3, 4, NOON, "h", 1, 1, "m", "k", tuple(probabilities), 0.5, 0.0, None)
    rule = replace(RULE, prior=json.dumps(prior))
    first, second = (share / base for share, base in zip(probabilities, prior, strict=True))
    assert flag_probability(question_of(rule=rule), score) == pytest.approx(first / (first + second))


def test_a_summary_is_stored_and_read() -> None:
    assert summary_of(measured()) == SUMMARY
