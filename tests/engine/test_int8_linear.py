"""Weights in 8 bits stay close to the model's own, with each of PyTorch's kernels and without any."""

from typing import Any

import pytest
import torch

from bot.engine.model import EngineModel
from bot.engine.transformers import loading
from bot.engine.transformers.layers import int8 as int8_linear
from bot.engine.transformers.layers.int8 import Int8Linear, pack_int8_layers
from bot.engine.transformers.loading import load_model
from bot.errors import ModelUnavailable
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.sentiment import SentimentQuestion
from bot.questions.topk import TopKQuestion

PROMPTS = [
    "It was a dark and stormy", "Once upon a time, there was a", "She opened the door and", "The old man looked at the",
    "In the middle of the", "I have never seen such a", "He said that he would", "The rain fell upon the",
]  # fmt: skip


@pytest.fixture(params=["int8 sums", "int8 kernel", "int8 widened at each call"])
def int8_model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> EngineModel:
    def fail(*_: Any) -> torch.Tensor:
        raise RuntimeError("no such operator\nand why")

    if request.param != "int8 sums":
        monkeypatch.setattr(torch.ops.onednn, "qlinear_prepack", fail)
    elif not pack_int8_layers(torch.nn.Module()):
        pytest.skip("this processor or this build of PyTorch has no exact int8 kernels")
    if request.param == "int8 widened at each call":
        monkeypatch.setattr(torch, "_weight_int8pack_mm", fail)
    model = load_model("demo", dtype="int8", max_prompt_tokens=1024)
    assert (model.info.dtype, model.info.engine_path) == ("int8", request.param)
    return model


@pytest.mark.parametrize("rows", [1, 2, int8_linear.KERNEL_ROWS, int8_linear.KERNEL_ROWS + 1, 70])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 200), (48, 1), (44, 7)])
@pytest.mark.parametrize("kernel", [True, False])
def test_a_layer_multiplies_by_its_rounded_weights(rows: int, inputs: int, outputs: int, kernel: bool) -> None:
    torch.manual_seed(rows)
    linear = torch.nn.Linear(inputs, outputs, dtype=torch.bfloat16)
    layer = Int8Linear(linear, torch.empty(3 * inputs, dtype=torch.bfloat16), kernel=kernel)
    step = linear.weight.detach().float().abs().amax(1, keepdim=True) / 127
    with torch.no_grad():
        assert (
            (layer.weight.float() - linear.weight.float()).abs() <= step
        ).all()  # half a step, plus bfloat16's own rounding
        states = torch.randn(2, rows, inputs, dtype=torch.bfloat16)
        expected = states.float() @ layer.weight.float().T + linear.bias.float()
        torch.testing.assert_close(layer(states).float(), expected, rtol=3e-2, atol=3e-2)


def test_probabilities_are_close_to_those_of_float32(demo_model: EngineModel, int8_model: EngineModel) -> None:
    for prompt in PROMPTS:
        exact, rounded = (
            demo_model.answer(TopKQuestion(prompt, 4096)).next_tokens,
            int8_model.answer(TopKQuestion(prompt, 4096)).next_tokens,
        )
        expected = {candidate.token.id: candidate.probability for candidate in exact.candidates}
        differences = [abs(expected[candidate.token.id] - candidate.probability) for candidate in rounded.candidates]
        assert 0 < max(differences) < 0.05
        top = [{candidate.token.id for candidate in answer.candidates[:10]} for answer in (exact, rounded)]
        assert len(top[0] & top[1]) >= 8


def test_an_int8_model_writes_and_judges(int8_model: EngineModel) -> None:
    parameters = GenerationParameters.from_options(strategy="greedy", max_new_tokens=8)
    text = int8_model.answer(ContinuationQuestion("It was a dark and stormy", parameters)).text
    assert text.startswith(" night; the rain fell in")
    assert int8_model.answer(SentimentQuestion("A wonderful, moving film with a great cast.")).label == "Positive"


def test_int8_on_another_device_than_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "choose_device", lambda *_: "mps")
    with pytest.raises(ModelUnavailable, match=r"int8 works on the CPU only, not on mps\. Set BOT_DEVICE=cpu or"):
        load_model("demo", dtype="int8", max_prompt_tokens=10)
