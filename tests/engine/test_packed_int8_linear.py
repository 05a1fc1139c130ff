"""Integer sums equal those of the rounded weights, whatever other rows are computed with them."""

from typing import Any

import pytest
import torch

from bot.engine.transformers.layers.int8 import Int8Linear, PackedInt8Linear, pack_int8_layers
from bot.engine.transformers.loading import load_model

needs_kernels = pytest.mark.skipif(
    not pack_int8_layers(torch.nn.Module()), reason="this processor or this build of PyTorch has no exact int8 kernels"
)


def _layers(inputs: int, outputs: int, *, bias: bool = True) -> tuple[Int8Linear, PackedInt8Linear]:
    linear = torch.nn.Linear(inputs, outputs, bias=bias, dtype=torch.bfloat16)
    rounded = Int8Linear(linear, torch.empty(3 * inputs, dtype=torch.bfloat16), kernel=False)
    return rounded, PackedInt8Linear(rounded)


@needs_kernels
@pytest.mark.parametrize("rows", [1, 2, 16, 70])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 200), (48, 1), (44, 7)])
def test_a_layer_multiplies_by_its_rounded_weights(rows: int, bias: bool, inputs: int, outputs: int) -> None:
    torch.manual_seed(rows)
    rounded, packed = _layers(inputs, outputs, bias=bias)
    states = torch.randn(2, rows, inputs, dtype=torch.bfloat16)
    weight = rounded.quantized.double() * rounded.scale.double()[:, None]
    with torch.no_grad():
        torch.testing.assert_close(packed.weight, rounded.weight)
        expected = states.double() @ weight.T + (0 if rounded.bias is None else rounded.bias.double())
        torch.testing.assert_close(packed(states).double(), expected, rtol=1e-2, atol=1e-3)


@needs_kernels
def test_one_large_value_does_not_cost_the_others_precision() -> None:
    torch.manual_seed(3)
    rounded, packed = _layers(256, 100, bias=False)
    states = torch.randn(4, 256)
    states[:, 17] = 300.0
    weight = rounded.quantized.double() * rounded.scale.double()[:, None]
    with torch.no_grad():
        differences = packed(states).double() - states.double() @ weight.T
    assert differences.abs().max() < 0.02  # with 8 bits alone each value is off by up to half a step of 300 / 127


@needs_kernels
def test_a_row_does_not_depend_on_the_others() -> None:
    torch.manual_seed(4)
    _, packed = _layers(64, 100)
    states = torch.randn(5, 64, dtype=torch.bfloat16)
    with torch.no_grad():
        alone = packed(states[:1])
        states[1:] *= 1000
        torch.testing.assert_close(packed(states)[:1], alone, rtol=0, atol=0)
        assert torch.isfinite(packed(torch.zeros(2, 64, dtype=torch.bfloat16))).all()


def test_a_processor_whose_sums_overflow_keeps_the_other_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def overflowing(self: PackedInt8Linear, numbers: torch.Tensor) -> torch.Tensor:
        return torch.full((len(numbers), self.out_features), 32767.0)

    monkeypatch.setattr(PackedInt8Linear, "_sums", overflowing)
    assert load_model("demo", dtype="int8", max_prompt_tokens=10).info.engine_path != "int8 sums"


def test_a_build_without_the_operators_keeps_the_other_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> torch.Tensor:
        raise RuntimeError("no such operator\nand why")

    monkeypatch.setattr(torch.ops.onednn, "qlinear_prepack", fail)
    assert load_model("demo", dtype="int8", max_prompt_tokens=10).info.engine_path != "int8 sums"
