"""The explorer's renderers: with any text and any tokens Discord's limits hold and everything is escaped."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.features.comparison.embed import comparison_answer
from bot.features.contrast.embed import contrast_answer
from bot.features.layers.embed import layers_answer
from bot.features.sampler.embed import sampler_answer
from bot.features.sentiment.embed import evidence_answer
from bot.features.topk.embed import candidate_options, walk_answer
from bot.features.topk.record import TakenStep, WalkRecord, read_walk, walk_state
from bot.features.why.embed import why_answer
from bot.features.xray.embed import expected_answer, surprising_options, xray_answer
from bot.questions.comparison import Comparison
from bot.questions.contrast import Contrast
from bot.questions.evidence import WordEvidence
from bot.questions.language_model import RunInfo
from bot.questions.layers import LayerReadings
from bot.questions.sampler import SamplerStages
from bot.questions.sentiment import SentimentEvidence
from bot.questions.tokens import Token, TokenProbability
from bot.questions.topk import Walk, WalkCandidate, WalkStep
from bot.questions.why import TokenEvidence
from bot.questions.xray import Surprisals
from bot.receipts.receipt import AnsweredBy, Receipt, write_receipt
from tests.rendering.explorer_results import (
    candidates,
    comparisons,
    contrasts,
    evidence,
    layer_readings,
    likelihoods,
    sampler_stages,
    surprisals,
    token_evidence,
)
from tests.rendering.results import (
    check,
    computed,
    long_texts,
    probabilities,
    texts,
    tokens,
)


@given(surprisals, computed)
@settings(max_examples=60, deadline=None)
def test_xray(result: Surprisals, run: RunInfo) -> None:
    check(xray_answer(result, run))
    options = surprising_options(result)
    assert 1 <= len(options) <= 5
    for option in options:
        assert 1 <= len(option.label) <= 100
        assert 1 <= len(option.description or "") <= 100
        check(expected_answer(result, int(option.value), run))


@given(sampler_stages, computed)
@settings(max_examples=60, deadline=None)
def test_sampler(result: SamplerStages, run: RunInfo) -> None:
    check(sampler_answer(result, run))


@given(layer_readings, computed)
@settings(max_examples=60, deadline=None)
def test_layers(result: LayerReadings, run: RunInfo) -> None:
    check(layers_answer(result, run))


@given(contrasts, computed)
@settings(max_examples=60, deadline=None)
def test_contrast(result: Contrast, run: RunInfo) -> None:
    answer = contrast_answer(result, run)
    check(answer)
    tables = re.findall(r"```\n(.*?)\n```", answer.embed.description or "", re.DOTALL)
    rows = [len(shown.split("\n")) for shown in tables]
    assert rows == ([1 + min(8, len(result.movers))] if result.movers else [])


@given(comparisons, computed)
@settings(max_examples=60, deadline=None)
def test_comparison(result: Comparison, run: RunInfo) -> None:
    check(comparison_answer(result, run))


@given(evidence, computed)
@settings(max_examples=60, deadline=None)
def test_evidence(result: SentimentEvidence, run: RunInfo) -> None:
    check(evidence_answer(result, run))


@given(token_evidence, computed)
@settings(max_examples=60, deadline=None)
def test_why(result: TokenEvidence, run: RunInfo) -> None:
    check(why_answer(result, run))


@given(computed)
def test_words_of_many_marks_fit_into_an_embed(run: RunInfo) -> None:
    token = TokenProbability(1, Token(1, "_\u202e" * 40), 1.0, 0.5, -1.0)
    words = (WordEvidence(0, 1, "a" + "\u0301" * 900, 1.0), WordEvidence(0, 1, "\u0301\u0300" * 900, -1.0)) * 4
    check(why_answer(TokenEvidence("a" + "\u0301" * 900, (1,), token, token, words, 20), run))


walked_steps = st.builds(
    TakenStep, st.integers(0, 2**20), st.sampled_from(["chosen", "drawn"]), texts, st.none() | st.floats(0.05, 5),
    st.none() | st.integers(0, 2**32 - 1),
)  # fmt: skip
walks = st.builds(
    lambda prompt, text, steps, candidates, temperature, ended, is_open: (
        WalkRecord(prompt, 5, temperature, 2**63, is_open, len(steps), tuple(taken for taken, _ in steps)),
        Walk(prompt, (1,), tuple(step for _, step in steps), text, temperature, tuple(candidates), ended),
    ),
    long_texts,
    texts,
    st.lists(st.tuples(walked_steps, st.builds(WalkStep, tokens, likelihoods)), max_size=40),
    st.lists(st.builds(WalkCandidate, candidates, probabilities), min_size=1, max_size=25),
    st.sampled_from([1.0, 0.05, 1.7]),
    st.booleans(),
    st.booleans(),
)


@given(walks, computed)
@settings(max_examples=60, deadline=None)
def test_walk(result: tuple[WalkRecord, Walk], run: RunInfo) -> None:
    record, walk = result
    answer = walk_answer(record, walk, run)
    check(answer)
    outcome = record.question.outcome(walk)
    receipt = Receipt(record.question, outcome, AnsweredBy.of(run.model), {"torch": "2"}, walk_state(record, walk))
    steps = tuple(replace(step, by="") for step in record.steps)
    named_nobody = replace(record, opener=0, is_open=False, turn=0, steps=steps)
    assert read_walk(write_receipt(receipt)) == (named_nobody, receipt.model)
    assert named_nobody.with_names([step.by for step in record.steps]).steps == record.steps
    for option in candidate_options(walk):
        assert 1 <= len(option.label) <= 100
    if not walk.ended:
        (shown,) = re.findall(r"```\n(.*?)\n```", answer.embed.description or "", re.DOTALL)
        assert len(shown.split("\n")) == min(10, len(walk.candidates)) + 2


@given(st.text())
def test_a_text_that_is_not_a_walk_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^this file is not a receipt$"):
        read_walk(text)
