"""Models in lower precision: their rounding decides how much the engine may differ from plain transformers."""

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers import self_test
from bot.engine.transformers.float32 import Float32Arithmetic
from bot.engine.transformers.kernels import int4, int8
from bot.engine.transformers.llama import attention, network
from bot.engine.transformers.loading import load_model
from tests.conftest import SMOLLM2

pytestmark = pytest.mark.usefixtures("on_cpu")

IDS = torch.tensor([[5, 300, 17, 2048, 9, 9, 1000]])
QUANTIZE: dict[str, Any] = {"int8": int8.quantize_linear_layers, "int4": int4.quantize_linear_layers}


def demo(dtype: torch.dtype) -> Any:
    return AutoModelForCausalLM.from_pretrained(DEMO_FOLDER, dtype=dtype).eval()  # type: ignore[no-untyped-call]  # transformers leaves it untyped


@pytest.fixture
def only_float32_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be close enough to plain transformers' own rounded numbers."""
    monkeypatch.setattr(self_test, "LOW_PRECISION_TOLERANCE", 0.0)


@torch.no_grad()
@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "int4"])
def test_float32_arithmetic_gives_the_numbers_of_a_float32_model_with_the_same_weights(dtype: str) -> None:
    rounded, exact = demo(torch.bfloat16), demo(torch.float32)
    exact.load_state_dict(rounded.state_dict())
    if dtype in QUANTIZE:
        QUANTIZE[dtype](rounded)
        for name, module in rounded.named_modules():
            if isinstance(module, int8.Int8Linear | int4.Int4Linear):
                exact.get_submodule(name).weight = torch.nn.Parameter(_weight_in_float32(module))
    with Float32Arithmetic():
        computed = rounded(IDS).logits
    expected = exact(IDS).logits
    assert computed.dtype == torch.float32
    assert (computed - expected).abs().max() < 1e-4 * expected.abs().max()
    assert (rounded(IDS).logits - expected).abs().max() > 1e-3 * expected.abs().max()


def _weight_in_float32(layer: Any) -> torch.Tensor:
    if isinstance(layer, int8.Int8Linear):
        return layer.quantized.float() * layer.scale.float()[:, None]
    return int4.widened(layer.pairs, layer.scale.float(), layer.offset.float()).T.contiguous()


@pytest.mark.usefixtures("only_float32_counts")
@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "int4"])
def test_the_engine_is_close_to_float32_arithmetic(dtype: str) -> None:
    assert load_model("demo", dtype=dtype, max_prompt_tokens=100).info.engine_path.startswith("own forward pass")


@pytest.fixture(params=["position", "mask"])
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = network.LlamaNetwork.forward

    def with_a_gap(self: network.LlamaNetwork, step: network.Pass, *states: Any) -> torch.Tensor:
        step.positions = [position + (position > 3) for position in step.positions]
        return forward(self, step, *states)

    if request.param == "position":
        monkeypatch.setattr(network.LlamaNetwork, "forward", with_a_gap)
    else:
        monkeypatch.setattr(network, "attend_to_own", attention.attend_to_all)


@pytest.mark.usefixtures("fault")
@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "int4"])
def test_a_wrong_position_or_mask_is_found(dtype: str) -> None:
    assert not load_model("demo", dtype=dtype, max_prompt_tokens=100).info.engine_path.startswith("own forward pass")


@pytest.mark.slow
@pytest.mark.skipif(not SMOLLM2.exists(), reason="build/smollm2 is made by make test-slow, from ../shared")
@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "int4"])
def test_a_real_model_that_rounds_a_lot_is_computed_by_the_engine(dtype: str) -> None:
    """Plain transformers in bfloat16 differs from float32 arithmetic by 0.07 of the largest logit."""
    model = load_model(str(SMOLLM2), dtype=dtype, max_prompt_tokens=100)
    assert model.info.engine_path.startswith("own forward pass")
