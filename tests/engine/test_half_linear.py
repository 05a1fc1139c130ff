"""bfloat16 weights kept in float16, only on processors without bfloat16 instructions: the numbers stay the same."""

from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bot.engine.transformers.layers.half import HalfLinear, halve_linear_layers
from bot.engine.transformers.loading import load_model
from bot.questions.topk import TopKQuestion

PROMPT = "It was a dark and stormy"
HALVED = "weights kept in float16"


def _has_kernels() -> bool:
    try:
        torch.ops.quantized.linear_prepack_fp16(torch.zeros(2, 2), None)
    except (RuntimeError, AttributeError):
        return False
    return True


needs_kernels = pytest.mark.skipif(not _has_kernels(), reason="this build of PyTorch has no FBGEMM")


def _without_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)


@needs_kernels
@pytest.mark.parametrize("rows", [1, 2, 16, 33])
@pytest.mark.parametrize("bias", [False, True])
def test_a_halved_layer_computes_what_the_plain_layer_does(rows: int, bias: bool) -> None:
    torch.manual_seed(rows)
    linear = torch.nn.Linear(96, 200, bias=bias, dtype=torch.bfloat16)
    states = torch.randn(3, rows, 96, dtype=torch.bfloat16)
    layer = HalfLinear(linear)
    with torch.no_grad():
        torch.testing.assert_close(layer(states), linear(states), rtol=2e-2, atol=2e-2)
    torch.testing.assert_close(layer.weight, linear.weight.detach(), rtol=0, atol=2.0**-25)


@needs_kernels
def test_a_model_with_halved_weights_gives_the_same_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_bfloat16(monkeypatch)
    halved = load_model("demo", dtype="bfloat16", max_prompt_tokens=1024)
    monkeypatch.setattr(torch.ops.quantized, "linear_prepack_fp16", _fail)
    other = load_model("demo", dtype="bfloat16", max_prompt_tokens=1024)
    assert (halved.info.engine_path, other.info.engine_path == HALVED) == (HALVED, False)
    answers = [model.answer(TopKQuestion(PROMPT, 4096)).next_tokens.candidates for model in (halved, other)]
    actual, expected = [
        {candidate.token.id: candidate.probability for candidate in candidates} for candidates in answers
    ]
    assert actual == pytest.approx(expected, abs=2e-2)


def test_weights_too_large_for_float16_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_bfloat16(monkeypatch)
    config = LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2
    )
    model: Any = LlamaForCausalLM(config)
    model = model.bfloat16()
    with torch.no_grad():
        model.model.layers[0].mlp.down_proj.weight[3, 5] = 1e6
    assert not halve_linear_layers(model)
    assert type(model.lm_head) is torch.nn.Linear


def test_a_processor_with_bfloat16_keeps_bfloat16_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert load_model("demo", dtype="bfloat16", max_prompt_tokens=10).info.engine_path != HALVED


def test_float32_keeps_its_weights() -> None:
    assert load_model("demo", max_prompt_tokens=10).info.engine_path != HALVED


def test_kernels_that_compute_something_else_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_bfloat16(monkeypatch)
    monkeypatch.setattr(HalfLinear, "forward", lambda self, states: states.new_ones(3, self.out_features))
    model = load_model("demo", dtype="bfloat16", max_prompt_tokens=10)
    assert model.info.engine_path != HALVED
    assert model.answer(TopKQuestion(PROMPT, 1)).next_tokens.candidates[0].token.text == " night"


def _fail(*_: Any) -> torch.Tensor:
    raise RuntimeError("no such operator\nand why")
