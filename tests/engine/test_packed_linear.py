"""Packed weights give the results of plain ones, and a machine that can't pack works without."""

from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bot.engine.model import EngineModel
from bot.engine.transformers.layers.packed import PackedLinear, PackedMLP, pack_gated_mlps, pack_linear_layers
from bot.engine.transformers.loading import load_model
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.topk import TopKQuestion

PROMPT = "It was a dark and stormy"


@pytest.fixture
def packed_model() -> EngineModel:
    return load_model("demo", max_prompt_tokens=1024)


@pytest.fixture
def plain_model(monkeypatch: pytest.MonkeyPatch) -> EngineModel:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    return load_model("demo", max_prompt_tokens=1024)


HAS_KERNELS: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch leaves it untyped


@pytest.mark.skipif(not HAS_KERNELS, reason="this build of PyTorch has no oneDNN")
@pytest.mark.parametrize("rows", [1, 2, 16, 33])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_a_packed_layer_computes_what_the_plain_layer_does(
    rows: int, bias: bool, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(rows)
    linear = torch.nn.Linear(96, 200, bias=bias, dtype=dtype)
    states = torch.randn(3, rows, 96, dtype=dtype)
    with torch.no_grad():
        torch.testing.assert_close(PackedLinear(linear)(states), linear(states), rtol=tolerance, atol=tolerance)


def test_packed_and_plain_weights_give_the_same_answers(packed_model: EngineModel, plain_model: EngineModel) -> None:
    assert (packed_model.info.engine_path == "packed weights") == HAS_KERNELS
    assert plain_model.info.engine_path == ""
    packed, plain = (
        packed_model.answer(TopKQuestion(PROMPT, 20)).next_tokens,
        plain_model.answer(TopKQuestion(PROMPT, 20)).next_tokens,
    )
    assert [candidate.token for candidate in packed.candidates] == [candidate.token for candidate in plain.candidates]
    expected = [candidate.probability for candidate in plain.candidates]
    assert [candidate.probability for candidate in packed.candidates] == pytest.approx(expected, abs=1e-5)
    for strategy in ("greedy", "sample", "beam"):
        seed = 3 if strategy == "sample" else None
        parameters = GenerationParameters.from_options(strategy=strategy, seed=seed, max_new_tokens=40)
        written = [model.answer(ContinuationQuestion(PROMPT, parameters)) for model in (packed_model, plain_model)]
        assert written[0].output_ids == written[1].output_ids


@pytest.mark.skipif(not HAS_KERNELS, reason="this build of PyTorch has no oneDNN")
@pytest.mark.parametrize(("activation", "packed"), [("silu", True), ("gelu", False), ("relu", False)])
def test_gated_layers_are_packed_where_they_compute_the_same(activation: str, packed: bool) -> None:
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=200, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        hidden_act=activation, initializer_range=0.3,
    )  # fmt: skip
    model: Any = LlamaForCausalLM(config)
    ids = torch.arange(30).view(2, 15)
    with torch.no_grad():
        expected = model(ids).logits
        assert pack_linear_layers(model)
        pack_gated_mlps(model)
        assert [type(layer.mlp) is PackedMLP for layer in model.model.layers] == [packed, packed]
        torch.testing.assert_close(model(ids).logits, expected, rtol=1e-4, atol=1e-4)


def test_operators_that_fail_or_compute_something_else_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PackedLinear, "forward", lambda self, states: states.new_ones(3, self.out_features))
    assert load_model("demo", max_prompt_tokens=10).info.engine_path == ""

    def fail(self: PackedLinear, states: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no such operator\nand why")

    monkeypatch.setattr(PackedLinear, "forward", fail)
    model = load_model("demo", max_prompt_tokens=10)
    assert model.info.engine_path == ""
    assert model.answer(TopKQuestion(PROMPT, 1)).next_tokens.candidates[0].token.text == " night"
