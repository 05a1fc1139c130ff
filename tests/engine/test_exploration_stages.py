"""A sampler's stages equal transformers' processors applied by hand."""

import math
from typing import Any

import pytest
import torch
from transformers import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from bot.engine.model import EngineModel
from bot.errors import EmptyPrompt, OptionOutOfRange
from bot.questions.sampler import Distribution, SamplerQuestion
from bot.questions.topk import TopKQuestion
from tests.engine.exploring import close

PROMPT = "It was a dark and stormy night; the rain was"


def assert_distribution(actual: Distribution, scores: torch.Tensor) -> None:
    probabilities = scores.softmax(-1)
    assert actual.tokens_left == int(scores.isfinite().sum())
    positive = probabilities[probabilities > 0].double()
    assert actual.entropy == pytest.approx(-(positive * positive.log()).sum().item() / math.log(2), abs=1e-4)
    count = min(10, actual.tokens_left)
    assert [entry.probability for entry in actual.top] == close(probabilities.topk(count).values.tolist())
    for entry in actual.top:
        assert entry.probability == close(probabilities[entry.token.id].item())


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p", "penalty"), [(1.5, 12, 0.7, 1.3), (0.5, 0, 0.9, 1.0), (1.0, 40, 1.0, 2.0)]
)
def test_each_stage_equals_transformers_processor(
    ours: EngineModel, plain: Any, tokenizer: Any, temperature: float, top_k: int, top_p: float, penalty: float
) -> None:
    ids = tokenizer(PROMPT).input_ids
    with torch.no_grad():
        scores = plain(torch.tensor([ids])).logits[0, -1:]
    result = ours.answer(SamplerQuestion(PROMPT, temperature, top_k, top_p, penalty))

    assert list(result.input_ids) == ids
    assert_distribution(result.before, scores[0])
    assert [(stage.name, stage.value) for stage in result.stages] == [
        ("repetition_penalty", penalty),
        ("temperature", temperature),
        ("top_k", top_k),
        ("top_p", top_p),
    ]
    assert [stage.is_on for stage in result.stages] == [penalty != 1, temperature != 1, top_k > 0, top_p < 1]
    processors: list[Any] = [
        RepetitionPenaltyLogitsProcessor(penalty),
        TemperatureLogitsWarper(temperature),
        TopKLogitsWarper(top_k) if top_k else None,
        TopPLogitsWarper(top_p),
    ]
    for stage, processor in zip(result.stages, processors, strict=True):
        entered, probabilities = scores[0], scores[0].softmax(-1)
        if stage.is_on:
            scores = processor(torch.tensor([ids]), scores)
        assert_distribution(stage.after, scores[0])
        was_cut = entered.isfinite() & ~scores[0].isfinite()
        assert stage.tokens_cut == int(was_cut.sum())
        assert stage.mass_cut == close(probabilities[was_cut].sum().item())
        assert len(stage.cut) == min(10, stage.tokens_cut)
        for entry in stage.cut:
            assert was_cut[entry.token.id]
            assert entry.probability == close(probabilities[entry.token.id].item())
            assert entry.probability_before == close(probabilities[entered > entered[entry.token.id]].sum().item())
            if stage.name == "top_k":
                assert entry.rank > stage.value
            else:
                assert entry.probability_before >= stage.value - 1e-6
    assert scores[0].softmax(-1).sum().item() == close(1.0)


def test_stages_that_do_nothing_are_off(demo_model: EngineModel) -> None:
    result = demo_model.answer(SamplerQuestion("Once upon", 1.0, 0, 1.0, 1.0))
    assert [stage.is_on for stage in result.stages] == [False] * 4
    assert all(stage.after == result.before and not stage.cut for stage in result.stages)
    top = demo_model.answer(TopKQuestion("Once upon", 10)).next_tokens.candidates
    assert [(entry.rank, entry.token, entry.logit) for entry in result.before.top] == [
        (entry.rank, entry.token, entry.logit) for entry in top
    ]
    assert [entry.probability for entry in result.before.top] == pytest.approx(
        [entry.probability for entry in top], abs=1e-7
    )


def test_the_limits(demo_model: EngineModel) -> None:
    with pytest.raises(OptionOutOfRange, match="top_p is 0"):
        demo_model.answer(SamplerQuestion("It", 1.0, 0, 0.0, 1.0))
    with pytest.raises(EmptyPrompt):
        demo_model.answer(SamplerQuestion("", 1.0, 0, 1.0, 1.0))
