"""The explorer's renderers: any text and any tokens keep Discord's limits, and nothing escapes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.answers.receipt import AnsweredBy, Receipt, write_receipt
from bot.features.comparison.embed import comparison_answer
from bot.features.sampler.embed import sampler_answer
from bot.features.sentiment.embed import evidence_answer
from bot.features.topk.embed import candidate_options, walk_answer
from bot.features.topk.record import WalkedStep, WalkRecord, read_walk, walk_state
from bot.features.xray.embed import expected_answer, surprising_options, xray_answer
from bot.questions.comparison import BeamTree, ComparedText, Comparison
from bot.questions.language_model import RunInfo
from bot.questions.sampler import CutToken, Distribution, SamplerStage, SamplerStages
from bot.questions.sentiment import Calibration, SentimentEvidence, WordEvidence
from bot.questions.tokens import Likelihood, TokenProbability
from bot.questions.topk import Walk, WalkCandidate, WalkStep
from bot.questions.xray import Surprisals, TokenSurprisal
from tests.rendering.test_renderers import (
    check,
    computed,
    continuations,
    logits,
    long_texts,
    parameters,
    probabilities,
    sentiments,
    texts,
    tokens,
)

likelihoods = st.builds(Likelihood, st.floats(-1e4, 0), st.integers(1, 200_000))
candidates = st.builds(TokenProbability, st.integers(1, 200_000), tokens, logits, probabilities)
predicted = st.builds(TokenSurprisal, tokens, likelihoods, st.lists(candidates, min_size=1, max_size=5).map(tuple))
first = st.builds(TokenSurprisal, tokens, st.none(), st.just(()))
surprisals = st.builds(
    lambda text, first, rest: Surprisals(text, (first, *rest), len(text)),
    long_texts,
    first,
    st.lists(predicted, min_size=1, max_size=40),
)


@given(surprisals, computed)
@settings(max_examples=60, deadline=None)
def test_xray(result: Surprisals, how: RunInfo) -> None:
    check(xray_answer(result, how))
    options = surprising_options(result)
    assert 1 <= len(options) <= 5
    for option in options:
        assert 1 <= len(option.label) <= 100
        assert 1 <= len(option.description or "") <= 100
        check(expected_answer(result, int(option.value), how))


distributions = st.builds(
    Distribution, st.integers(1, 200_000), st.floats(0, 20), st.lists(candidates, min_size=1, max_size=10).map(tuple)
)
cuts = st.lists(st.builds(CutToken, st.integers(1, 200_000), tokens, probabilities, probabilities), max_size=10)


def stage(name: str) -> st.SearchStrategy[SamplerStage]:
    return st.builds(
        SamplerStage, st.just(name), st.floats(0, 1000), st.booleans(), distributions, st.integers(0, 200_000),
        probabilities, cuts.map(tuple),
    )  # fmt: skip


sampler_stages = st.builds(
    SamplerStages, long_texts, st.just((1,)), parameters, distributions,
    st.tuples(*map(stage, ["repetition_penalty", "temperature", "top_k", "top_p"])),
)  # fmt: skip


@given(sampler_stages, computed)
@settings(max_examples=60, deadline=None)
def test_sampler(result: SamplerStages, how: RunInfo) -> None:
    check(sampler_answer(result, how))


compared = st.builds(
    ComparedText,
    continuations.filter(lambda one: bool(one.output_ids)),
    st.floats(-1e4, 0),
    st.none() | st.floats(-1e3, 0),
)
comparisons = st.builds(
    Comparison, long_texts, st.lists(compared, min_size=3, max_size=4).map(tuple), st.just(BeamTree(2, (), ()))
)


@given(comparisons, computed)
@settings(max_examples=60, deadline=None)
def test_comparison(result: Comparison, how: RunInfo) -> None:
    check(comparison_answer(result, how))


evidence = st.builds(
    SentimentEvidence,
    sentiments,
    st.lists(st.builds(WordEvidence, st.just(0), st.just(1), texts, logits), min_size=1, max_size=64).map(tuple),
    st.integers(1, 20),
    st.builds(
        Calibration, probabilities, probabilities, probabilities, probabilities,
        st.sampled_from(["Positive", "Negative"]),
    ),
)  # fmt: skip


@given(evidence, computed)
@settings(max_examples=60, deadline=None)
def test_evidence(result: SentimentEvidence, how: RunInfo) -> None:
    check(evidence_answer(result, how))


walked_steps = st.builds(
    WalkedStep, st.integers(0, 2**20), texts, st.sampled_from(["chosen", "drawn"]), st.none() | st.floats(0.05, 5),
    st.none() | st.integers(0, 2**32 - 1),
)  # fmt: skip
walks = st.builds(
    lambda prompt, text, steps, candidates, temperature, ended, is_open: (
        WalkRecord(prompt, 5, temperature, 2**63, is_open, len(steps), tuple(one for one, _ in steps)),
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
def test_walk(result: tuple[WalkRecord, Walk], how: RunInfo) -> None:
    record, walk = result
    answer = walk_answer(record, walk, how)
    check(answer)
    outcome = record.question.outcome(walk)
    receipt = Receipt(record.question, outcome, AnsweredBy.of(how.model), {"torch": "2"}, walk_state(record, walk))
    assert read_walk(write_receipt(receipt)) == (record, receipt.model)
    for option in candidate_options(walk):
        assert 1 <= len(option.label) <= 100
    if not walk.ended:
        (shown,) = re.findall(r"```\n(.*?)\n```", answer.embed.description or "", re.DOTALL)
        assert len(shown.split("\n")) == len(walk.candidates) + 2


@given(st.text())
def test_what_is_no_walk_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not the file of an answer$"):
        read_walk(text)
