"""The terminal's tables and JSON for any text and any tokens: whole lines, nothing hidden, one object per line."""

import json
import re
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.features.comparison.terminal import comparison_object, comparison_table
from bot.features.continuation.terminal import continuation_object
from bot.features.contrast.terminal import contrast_object, contrast_table
from bot.features.diff.json_object import diff_object
from bot.features.diff.text import diff_table, diff_text
from bot.features.sampler.terminal import stages_object, stages_table
from bot.features.sentiment.terminal import evidence_object
from bot.features.sentiment.text import calibration_table, words_table
from bot.features.why.terminal import why_object, why_text
from bot.features.xray.terminal import surprisals_object, surprisals_summary
from bot.features.xray.text import surprisals_table
from bot.questions.comparison import BeamCandidate, BeamStep, BeamTree, Comparison
from bot.questions.continuation import Continuation
from bot.questions.contrast import Contrast
from bot.questions.diff import Diff
from bot.questions.language_model import ModelInfo, RunInfo
from bot.questions.sampler import SamplerStages
from bot.questions.sentiment import SentimentEvidence
from bot.questions.why import TokenEvidence
from bot.questions.xray import Surprisals
from bot.rendering.json_objects import JsonObject
from tests.rendering.explorer_results import (
    comparisons,
    contrasts,
    diffs,
    evidence,
    models,
    sampler_stages,
    surprisals,
    token_evidence,
)
from tests.rendering.results import computed, continuations, logits, tokens


def check_printed(text: str) -> None:
    """Check that no character in a printed text moves the cursor, reorders letters, or is invisible."""
    assert not re.search("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066\u2067\ufeff]", text)
    assert not any(unicodedata.category(character) == "Cs" for character in text)
    assert text.count("\u2068") == text.count("\u2069")


def check_object(object_: JsonObject, model: ModelInfo) -> None:
    line = json.dumps(object_)
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["model"]["name"] == model.name


@given(surprisals, models)
@settings(max_examples=60, deadline=None)
def test_xray(result: Surprisals, model: ModelInfo) -> None:
    shown = surprisals_table(result)
    check_printed(shown)
    assert len(shown.split("\n")) == 1 + len(result.tokens)
    check_printed(surprisals_summary(result))
    check_object(surprisals_object(result, model), model)


@given(continuations, models)
@settings(max_examples=60, deadline=None)
def test_continuation(result: Continuation, model: ModelInfo) -> None:
    check_object(continuation_object(result, model), model)


@given(diffs)
@settings(max_examples=60, deadline=None)
def test_diff(result: Diff) -> None:
    check_printed(diff_text(result))
    assert len(diff_table(result).split("\n")) == 1 + len(result.parts)
    line = json.dumps(diff_object(result))
    assert line.isascii()
    assert [json.loads(line)[letter]["name"] for letter in "ab"] == [result.model_a.name, result.model_b.name]


@given(sampler_stages, models)
@settings(max_examples=60, deadline=None)
def test_sampler(result: SamplerStages, model: ModelInfo) -> None:
    check_printed(stages_table(result))
    check_object(stages_object(result, model), model)


@given(contrasts, models)
@settings(max_examples=60, deadline=None)
def test_contrast(result: Contrast, model: ModelInfo) -> None:
    check_printed(contrast_table(result))
    check_object(contrast_object(result, model), model)


@given(token_evidence, models)
@settings(max_examples=60, deadline=None)
def test_why(result: TokenEvidence, model: ModelInfo) -> None:
    shown = why_text(result)
    check_printed(shown)
    assert len(shown.split("\n")) == (11 + len(result.words) if result.words else 8)
    check_object(why_object(result, model), model)


beams = st.builds(BeamCandidate, st.integers(0, 9), tokens, logits, logits, st.just("pruned"), st.none())
trees = st.lists(
    st.lists(beams, min_size=1, max_size=4).map(lambda candidates: BeamStep(tuple(candidates))), max_size=4
).map(lambda steps: BeamTree(2, tuple(steps), ()))
drawn = comparisons.filter(
    lambda comparison: any(text.continuation.parameters.seed is not None for text in comparison.texts)
)


@given(drawn, trees, models)
@settings(max_examples=40, deadline=None)
def test_compare(result: Comparison, tree: BeamTree, model: ModelInfo) -> None:
    check_printed(comparison_table(result))
    check_object(comparison_object(Comparison(result.prompt, result.texts, tree), model), model)


@given(evidence, computed)
@settings(max_examples=60, deadline=None)
def test_explain(result: SentimentEvidence, run: RunInfo) -> None:
    shown = words_table(result)
    check_printed(shown)
    assert len(shown.split("\n")) == 1 + len(result.words) + 1
    assert len(calibration_table(result).split("\n")) == 4
    check_object(evidence_object(result, run.model), run.model)
