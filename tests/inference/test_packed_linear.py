"""Packed weights compute what plain ones do, and a machine that cannot pack works without."""

import pytest
import torch

from bot.inference.generation_parameters import GenerationParameters
from bot.inference.loading import load_model
from bot.inference.packed_linear import PackedLinear
from bot.inference.transformers_model import TransformersModel

PROMPT = "It was a dark and stormy"


@pytest.fixture
def plain_model(monkeypatch: pytest.MonkeyPatch) -> TransformersModel:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    return load_model("demo", max_prompt_tokens=1024)


HAS_KERNELS: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch leaves it untyped


@pytest.mark.skipif(not HAS_KERNELS, reason="this build of PyTorch has no oneDNN")
@pytest.mark.parametrize("rows", [1, 2, 16, 33])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_a_packed_layer_is_its_plain_one(rows: int, bias: bool, dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(rows)
    linear = torch.nn.Linear(96, 200, bias=bias, dtype=dtype)
    states = torch.randn(3, rows, 96, dtype=dtype)
    with torch.no_grad():
        torch.testing.assert_close(PackedLinear(linear)(states), linear(states), rtol=tolerance, atol=tolerance)


def test_a_model_without_packed_weights_gives_the_same(
    demo_model: TransformersModel, plain_model: TransformersModel
) -> None:
    assert not plain_model.info.packed_weights
    packed, plain = demo_model.next_tokens(PROMPT, 20), plain_model.next_tokens(PROMPT, 20)
    assert [one.token for one in packed.candidates] == [one.token for one in plain.candidates]
    expected = [one.probability for one in plain.candidates]
    assert [one.probability for one in packed.candidates] == pytest.approx(expected, abs=1e-5)
    for strategy in ("greedy", "sample", "beam"):
        seed = 3 if strategy == "sample" else None
        parameters = GenerationParameters.from_options(strategy=strategy, seed=seed, max_new_tokens=40)
        written = [model.generate(PROMPT, parameters, lambda: False) for model in (demo_model, plain_model)]
        assert written[0].output_ids == written[1].output_ids


def test_operators_that_fail_or_compute_something_else_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PackedLinear, "forward", lambda self, states: states.new_ones(3, self.out_features))
    assert not load_model("demo", max_prompt_tokens=10).info.packed_weights

    def fail(self: PackedLinear, states: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no such operator\nand why")

    monkeypatch.setattr(PackedLinear, "forward", fail)
    model = load_model("demo", max_prompt_tokens=10)
    assert not model.info.packed_weights
    assert model.next_tokens(PROMPT, 1).candidates[0].token.text == " night"
