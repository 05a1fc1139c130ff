"""A sampler's stages equal transformers' own processors, one by one and in its order."""

import json
import math
from typing import Any

import pytest
import torch
from scipy.stats import entropy
from transformers import (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    GenerationConfig,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopHLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from bot.engine.model import EngineModel
from bot.errors import EmptyPrompt, OptionOutOfRange
from bot.questions.options import RANGES
from bot.questions.sampler import NEUTRAL_VALUES, STAGES, Distribution, SamplerQuestion, SamplerStages, Stage
from bot.questions.topk import TopKQuestion
from bot.receipts.receipt import read_receipt
from tests.engine.exploring import close

PROMPTS = [
    "It was a dark and stormy night; the rain was",
    "The cat sat on the mat. The cat sat on the",
    "Once upon",
    "déjà vu 你好 and",
]
NAMES: dict[type, Stage] = {
    RepetitionPenaltyLogitsProcessor: "repetition_penalty",
    NoRepeatNGramLogitsProcessor: "no_repeat_ngram_size",
    TemperatureLogitsWarper: "temperature",
    TopHLogitsWarper: "top_h",
    TopKLogitsWarper: "top_k",
    TopPLogitsWarper: "top_p",
    MinPLogitsWarper: "min_p",
    TypicalLogitsWarper: "typical_p",
    EpsilonLogitsWarper: "epsilon_cutoff",
    EtaLogitsWarper: "eta_cutoff",
}
OFF: dict[str, float] = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
EVERY: dict[str, float] = {
    "repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "temperature": 1.2, "top_h": 0.9, "top_k": 60, "top_p": 0.95,
    "min_p": 0.02, "typical_p": 0.9, "epsilon_cutoff": 0.004, "eta_cutoff": 0.01,
}  # fmt: skip
SETS: list[dict[str, float]] = [
    {"temperature": 1.5, "top_k": 12, "top_p": 0.7, "repetition_penalty": 1.3},
    {"temperature": 0.5, "top_p": 0.9},
    {"top_k": 40, "repetition_penalty": 2.0},
    {"min_p": 0.1},
    {"min_p": 1.0, "temperature": 0.7},
    {"min_p": 0.01, "top_p": 0.8, "temperature": 2.0},
    {"top_h": 0.4},
    {"top_h": 0.99, "temperature": 5.0},
    {"top_h": 0.01},
    {"typical_p": 0.2},
    {"typical_p": 0.95, "top_k": 100},
    {"epsilon_cutoff": 0.0003},
    {"epsilon_cutoff": 0.9},
    {"eta_cutoff": 0.002},
    {"eta_cutoff": 0.3, "temperature": 0.5},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 3, "top_h": 0.8},
    {"no_repeat_ngram_size": 100},
    EVERY,
]

# Not the random Qwen2: it spreads over 151,936 almost equally probable tokens, of which rounding adds or cuts one.
on_real_models = pytest.mark.parametrize("model_folder", ["demo", "stories260K"], indirect=True)


def processors_of(plain: Any, values: dict[str, float]) -> list[tuple[Stage, Any]]:
    """Return the processors that `generate` applies with these options, with the names of their stages."""
    config: Any = GenerationConfig(do_sample=True, **values)  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    processors = plain._get_logits_processor(config, input_ids_seq_length=1)
    return [(NAMES[type(processor)], processor) for processor in processors]


def assert_distribution(actual: Distribution, scores: torch.Tensor) -> None:
    probabilities = scores.softmax(-1)
    assert actual.tokens_left == int(scores.isfinite().sum())
    positive = probabilities[probabilities > 0].double()
    assert actual.entropy == pytest.approx(-(positive * positive.log()).sum().item() / math.log(2), abs=1e-4)
    count = min(10, actual.tokens_left)
    assert [entry.probability for entry in actual.top] == close(probabilities.topk(count).values.tolist())
    for entry in actual.top:
        assert entry.probability == close(probabilities[entry.token.id].item())


@on_real_models
def test_the_order_is_that_of_generate(ours: EngineModel, plain: Any) -> None:
    assert tuple(name for name, _ in processors_of(plain, EVERY)) == STAGES
    result = ours.answer(SamplerQuestion.from_options(PROMPTS[0], **EVERY))  # type: ignore[arg-type]  # of both kinds
    assert [(stage.name, stage.value) for stage in result.stages] == [(name, EVERY[name]) for name in STAGES]


@on_real_models
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("given", SETS, ids=lambda given: " ".join(given) if len(given) < 5 else "every")
def test_each_stage_equals_transformers_processor(
    ours: EngineModel, plain: Any, tokenizer: Any, prompt: str, given: dict[str, float]
) -> None:
    ids = tokenizer(prompt).input_ids
    with torch.no_grad():
        scores = plain(torch.tensor([ids])).logits[0, -1:]
    values = OFF | given
    result: SamplerStages = ours.answer(SamplerQuestion.from_options(prompt, **values))  # type: ignore[arg-type]  # of both kinds

    assert list(result.input_ids) == ids
    assert_distribution(result.before, scores[0])
    assert {stage.name: stage.value for stage in result.stages} == values
    processors = dict(processors_of(plain, values))
    assert {stage.name for stage in result.stages if stage.is_on} == set(processors)
    for stage in result.stages:
        entered, probabilities = scores[0], scores[0].softmax(-1)
        if stage.is_on:
            scores = processors[stage.name](torch.tensor([ids]), scores)
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
            elif stage.name == "top_p":
                assert entry.probability_before >= stage.value - 1e-6
    assert scores[0].softmax(-1).sum().item() == close(1.0)


@on_real_models
@pytest.mark.parametrize("given", [{"top_k": 30, "top_p": 0.9}, {}, EVERY], ids=["classic", "none", "every"])
def test_the_temperature_sweep_equals_scipy_and_transformers(
    ours: EngineModel, plain: Any, tokenizer: Any, given: dict[str, float]
) -> None:
    prompt = PROMPTS[1]
    ids = torch.tensor([tokenizer(prompt).input_ids])
    with torch.no_grad():
        logits = plain(ids).logits[0, -1:]
    values = OFF | given
    result = ours.answer(SamplerQuestion.from_options(prompt, **values))  # type: ignore[arg-type]  # of both kinds
    assert [point.temperature for point in result.temperature_sweep] == [tenths / 10 for tenths in range(1, 21)]
    for point in result.temperature_sweep:
        scores = logits
        for name, processor in processors_of(plain, values | {"temperature": point.temperature}):
            scores = processor(ids, scores)
            if name == "temperature":
                expected = entropy(scores[0].double().softmax(-1).numpy(), base=2)
                assert point.entropy == pytest.approx(expected, abs=1e-5)
        assert point.tokens_left == int(scores.isfinite().sum())
    for stage in result.stages:
        if stage.name == "temperature" and stage.value in (1.0, 1.2):
            (chosen,) = [point for point in result.temperature_sweep if point.temperature == stage.value]
            assert chosen.entropy == pytest.approx(stage.after.entropy, abs=1e-9)
            assert chosen.tokens_left == result.after.tokens_left


def test_stages_that_do_nothing_are_off(demo_model: EngineModel) -> None:
    result = demo_model.answer(SamplerQuestion("Once upon", 1.0, 0, 1.0, 1.0))
    assert [stage.is_on for stage in result.stages] == [False] * 4
    assert all(stage.after == result.before and not stage.cut for stage in result.stages)
    neutral = demo_model.answer(SamplerQuestion.from_options("Once upon", **NEUTRAL_VALUES))  # type: ignore[arg-type]  # of both kinds
    assert [stage.name for stage in neutral.stages] == [name for name in STAGES if name != "top_h"]
    assert not any(stage.is_on for stage in neutral.stages)
    top = demo_model.answer(TopKQuestion("Once upon", 10)).next_tokens.candidates
    assert [(entry.rank, entry.token, entry.logit) for entry in result.before.top] == [
        (entry.rank, entry.token, entry.logit) for entry in top
    ]
    assert [entry.probability for entry in result.before.top] == pytest.approx(
        [entry.probability for entry in top],
        abs=1e-6,  # /topk sums 4,096 probabilities in float32
    )


def test_the_limits(demo_model: EngineModel) -> None:
    with pytest.raises(OptionOutOfRange, match="top_p is 0"):
        demo_model.answer(SamplerQuestion("It", 1.0, 0, 0.0, 1.0))
    with pytest.raises(EmptyPrompt):
        demo_model.answer(SamplerQuestion("", 1.0, 0, 1.0, 1.0))


@pytest.mark.parametrize("name", [name for name in STAGES if name not in OFF])
def test_values_that_transformers_would_ignore_or_fail_at_are_refused(demo_model: EngineModel, name: str) -> None:
    smallest, largest = RANGES[name]
    for value in (smallest - 0.01, largest + 1, float("nan")):
        with pytest.raises(OptionOutOfRange, match=f"^{name} is .* but must be from"):
            demo_model.answer(SamplerQuestion.from_options("It", **{name: value}))  # type: ignore[arg-type]  # of both kinds


def test_a_receipt_from_before_the_new_stages_is_read() -> None:
    receipt = {
        "command": "sampler",
        "options": {"prompt": "It", "temperature": 0.8, "top_k": 50, "top_p": 0.95, "repetition_penalty": 1.0},
        "model": {"name": "demo", "revision": None, "dtype": "float32", "device": "cpu", "engine_path": ""},
        "versions": {}, "input_ids": [1], "outputs": [], "figures": [], "is_cut_short": False,
    }  # fmt: skip
    assert read_receipt(json.dumps(receipt)).question == SamplerQuestion.from_options("It")
