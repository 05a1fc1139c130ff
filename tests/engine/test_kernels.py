"""Each kernel computes what the plain layers do, and one that doesn't is not used."""

import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, GPTNeoXConfig

from bot.engine.model import EngineModel
from bot.engine.transformers import loading
from bot.engine.transformers.kernels import Kernel, choice, dense, int4, int8
from bot.engine.transformers.kernels.int4 import Int4Linear
from bot.engine.transformers.kernels.int8 import Int8Linear
from bot.engine.transformers.loading import load_model
from bot.errors import ModelUnavailable
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.sentiment import SentimentQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from tests.engine.small_models import llama, plain_model, random_model

pytestmark = pytest.mark.usefixtures("on_cpu")

PROMPT = "It was a dark and stormy"
PROMPTS = [
    PROMPT, "Once upon a time, there was a", "She opened the door and", "The old man looked at the",
    "In the middle of the", "I have never seen such a", "He said that he would", "The rain fell upon the",
]  # fmt: skip
ALL = [(dtype, kernel) for dtype, kernels in choice.KERNELS.items() for kernel in kernels]
WORTH, WORTH_BESIDE = choice.WORTH, choice.WORTH_BESIDE  # the tests' models are loaded with others
PRECISION = {"float32": 1e-5, "bfloat16": 2e-2, "int8": 2e-2, "int4": 2e-2}


def _layers(dtype: str, inputs: int, outputs: Sequence[int], *, bias: bool = True) -> list[Any]:
    """Return layers with random weights, side by side. Only the first one has a bias."""
    precision = torch.float32 if dtype == "float32" else torch.bfloat16
    scratch = torch.empty(3 * inputs, dtype=torch.bfloat16)
    rounded: dict[str, Callable[[torch.nn.Linear], torch.nn.Module]] = {
        "int8": lambda linear: Int8Linear(linear, scratch),
        "int4": lambda linear: Int4Linear(linear, scratch),
    }
    plain = [
        torch.nn.Linear(inputs, count, bias=bias and number == 0, dtype=precision)
        for number, count in enumerate(outputs)
    ]
    make = rounded.get(dtype)
    return [make(linear) for linear in plain] if make else list(plain)


def _works(kernel: Kernel, layers: Sequence[torch.nn.Module]) -> bool:
    """Return whether this machine has the kernel. `choose` asks the same."""
    return choice._is_correct(kernel, layers)


@pytest.mark.parametrize(("dtype", "kernel"), ALL, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("rows", [1, 2, 16, 17, 70])
@pytest.mark.parametrize("bias", [False, True])
def test_a_product_is_that_of_the_plain_layers(dtype: str, kernel: Kernel, rows: int, bias: bool) -> None:
    torch.manual_seed(rows)
    layers = _layers(dtype, 128, (64, 32), bias=bias)
    if not _works(kernel, layers):
        pytest.skip("this processor or this build of PyTorch doesn't have the kernel")
    states = torch.randn(rows, 128)
    with torch.no_grad():
        product = kernel.pack(layers)
        weight = torch.cat([layer.weight for layer in layers]).double()
        expected = states.double() @ weight.T
        if bias:
            expected[:, :64] += layers[0].bias.double()
        tolerance = PRECISION[dtype]
        torch.testing.assert_close(product(states).double(), expected, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(product.weight.double(), weight, rtol=1e-2, atol=1e-3)  # up to bfloat16's steps


@pytest.mark.parametrize(("dtype", "kernel"), ALL, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("activation", [functional.silu, functional.gelu])
def test_a_gated_product_is_that_of_two_layers(dtype: str, kernel: Kernel, activation: Any) -> None:
    torch.manual_seed(1)
    layers = _layers(dtype, 128, (64, 64))
    if not _works(kernel, layers):
        pytest.skip("this processor or this build of PyTorch doesn't have the kernel")
    states = torch.randn(5, 128)
    with torch.no_grad():
        gate, up = (layer.weight.float() for layer in layers)
        expected = activation(states @ gate.T + layers[0].bias.float()) * (states @ up.T)
        actual = kernel.pack_gated(layers[0], layers[1], activation)(states).float()
    torch.testing.assert_close(actual, expected, rtol=PRECISION[dtype], atol=PRECISION[dtype])


@pytest.mark.parametrize("kernel", [int8.FBGEMM, int8.ONEDNN], ids=lambda kernel: kernel.name)
def test_integer_sums_keep_small_numbers_beside_large_ones_and_rows_apart(kernel: int8.Int8Kernel) -> None:
    torch.manual_seed(3)
    layers = _layers("int8", 256, (96,), bias=False)
    if not _works(kernel, layers):
        pytest.skip("this processor or this build of PyTorch has no exact int8 kernel")
    states = torch.randn(4, 256)
    states[:, 17] = 300.0
    with torch.no_grad():
        product = kernel.pack(layers)
        expected = states.double() @ layers[0].weight.double().T
        # With 8 bits alone, each number would be off by up to half a step of 300 / 127.
        torch.testing.assert_close(product(states).double(), expected, rtol=0, atol=0.3)
        alone = product(states[:1])
        states[1:] *= 1000
        torch.testing.assert_close(product(states)[:1], alone, rtol=0, atol=0)
        assert torch.isfinite(product(torch.zeros(2, 256))).all()


def test_rounding_to_4_bits_is_off_by_half_a_step_at_most() -> None:
    torch.manual_seed(2)
    linear = torch.nn.Linear(128, 32, dtype=torch.bfloat16)
    layer = Int4Linear(linear, torch.empty(500, dtype=torch.bfloat16))
    groups = linear.weight.detach().float().view(32, 4, 32)
    step = (groups.amax(2) - groups.amin(2)) / 15
    differences = (layer.weight.float().view(32, 4, 32) - groups).abs()
    assert (differences <= 0.55 * step[..., None] + 0.002).all()  # and bfloat16's own rounding


@pytest.fixture(params=["int8", "int4"])
def rounded_dtype(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["all", "plain"])
def rounded_model(request: pytest.FixtureRequest, rounded_dtype: str, monkeypatch: pytest.MonkeyPatch) -> EngineModel:
    """The demo model with rounded weights, with all kernels or only with plain operators."""
    if request.param == "plain":
        monkeypatch.setitem(choice.KERNELS, "int8", (int8.WIDENED,))
        monkeypatch.setitem(choice.KERNELS, "int4", (int4.WIDENED,))
    model = load_model("demo", dtype=rounded_dtype, max_prompt_tokens=1024)
    assert model.info.dtype == rounded_dtype
    assert model.info.engine_path.startswith("own forward pass")
    return model


def test_probabilities_are_close_to_those_of_float32(demo_model: EngineModel, rounded_model: EngineModel) -> None:
    most = {"int8": 0.05, "int4": 0.25}[rounded_model.info.dtype]
    for prompt in PROMPTS:
        exact, rounded = (model.answer(TopKQuestion(prompt, 4096)).next_tokens for model in (demo_model, rounded_model))
        expected = {candidate.token.id: candidate.probability for candidate in exact.candidates}
        differences = [abs(expected[candidate.token.id] - candidate.probability) for candidate in rounded.candidates]
        assert 0 < max(differences) < most
        top = [{candidate.token.id for candidate in answer.candidates[:10]} for answer in (exact, rounded)]
        assert len(top[0] & top[1]) >= (8 if rounded_model.info.dtype == "int8" else 5)


def test_a_model_with_rounded_weights_writes_and_judges(rounded_model: EngineModel) -> None:
    parameters = GenerationParameters.from_options(strategy="greedy", max_new_tokens=8)
    text = rounded_model.answer(ContinuationQuestion(PROMPT, parameters)).text
    assert text.startswith(" night; the rain fell in")
    review = SentimentQuestion("A wonderful, moving film with a great cast.")
    assert rounded_model.answer(review).label == "Positive"


def test_rounded_weights_on_another_device_than_the_cpu_are_refused(
    rounded_dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "choose_device", lambda *_: "mps")
    with pytest.raises(
        ModelUnavailable, match=rf"{rounded_dtype} works on the CPU only, not on mps\. Set BOT_DEVICE=cpu"
    ):
        load_model("demo", dtype=rounded_dtype, max_prompt_tokens=10)


def test_4_bits_leave_the_output_layer_and_unsuitable_layers_at_8() -> None:
    model: Any = AutoModelForCausalLM.from_config(llama(intermediate_size=40, tie_word_embeddings=False)).bfloat16()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    int4.quantize_linear_layers(model)
    assert type(model.lm_head) is Int8Linear
    assert type(model.model.layers[0].self_attn.q_proj) is Int4Linear
    assert type(model.model.layers[0].mlp.down_proj) is Int8Linear  # its rows can't be divided into groups


def test_weights_too_large_for_float16_stay_bfloat16() -> None:
    layers = _layers("bfloat16", 32, (16,))
    assert isinstance(layers[0].weight, torch.Tensor)
    with torch.no_grad():
        layers[0].weight[3, 5] = 1e6
    assert not _works(dense.Half(), layers)


@pytest.mark.parametrize("dtype", choice.KERNELS)
def test_kernels_that_fail_or_compute_something_else_are_not_used(
    dtype: str, monkeypatch: pytest.MonkeyPatch, demo_model: EngineModel
) -> None:
    *others, plain = choice.KERNELS[dtype]
    broken = [_Broken(others[0], lambda result: result + 1), _Broken(others[-1], _fail)]
    monkeypatch.setitem(choice.KERNELS, dtype, (*broken, plain))
    model = load_model("demo", dtype=dtype, max_prompt_tokens=100)
    assert model.info.engine_path.startswith(f"own forward pass, {plain.name}")
    assert model.answer(TopKQuestion(PROMPT, 1)).next_tokens.candidates[0].token.text == " night"


@pytest.mark.parametrize(("dtype", "kernel"), ALL, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("regime", ["few", "many"])
def test_a_model_with_a_disturbed_weight_is_computed_by_transformers(
    dtype: str, kernel: Kernel, regime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is correct when it is checked. Then one row of one layer's weights is packed wrongly."""
    if not _works(kernel, _layers(dtype, 128, (64,))):
        pytest.skip("this processor or this build of PyTorch doesn't have the kernel")
    plain = choice.KERNELS[dtype][-1]
    spoilt = _Spoilt(kernel, after=6)
    few, many = (spoilt, plain) if regime == "few" else (plain, spoilt)

    def chosen(_: Any, kernels: Sequence[Kernel]) -> choice.Choice:
        if kernels[-1] is not plain:  # the output layer of int4
            return choice.Choice(((kernels[-1], choice.UNLIMITED),), kernels[-1])
        return choice.Choice(((few, 8), (many, choice.UNLIMITED)), plain)

    monkeypatch.setattr(choice, "choose", chosen)
    model = load_model("demo", dtype=dtype, max_prompt_tokens=100)
    assert not model.info.engine_path.startswith("own forward pass")
    assert model.answer(TopKQuestion(PROMPT, 1)).next_tokens.candidates[0].token.text == " night"


def test_the_choice_by_the_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow, wide, whole = (_Named(name) for name in ("narrow", "wide", "whole"))
    layers = [_layers("float32", 32, (16,))]
    seconds: dict[Any, dict[int, float]] = {
        "narrow": {1: 1, 2: 2, 4: 4, 8: 8, 16: 16, 128: 128},
        "wide": {1: 3, 2: 3, 4: 5, 8: 6, 16: 6, 32: 12, 64: 21, 128: 40},
        "whole": {1: 20, 16: 20, 32: 20, 64: 20, 128: 20},
    }
    monkeypatch.setattr(choice, "WORTH", WORTH)
    monkeypatch.setattr(choice, "WORTH_BESIDE", WORTH_BESIDE)
    monkeypatch.setattr(choice, "_is_correct", lambda *_: True)
    monkeypatch.setattr(choice, "_seconds", lambda products, _, rows: seconds[products[0]][rows])
    chosen = choice.choose(layers, [narrow, wide, whole])
    assert chosen is not None
    assert chosen.kernels == ((narrow, 4), (wide, 32), (whole, choice.UNLIMITED))
    assert chosen.text == "narrow, wide, whole"
    assert "narrow 1000.0 / 16000.0 / 128000.0 ms" in chosen.reason
    assert chosen.reason.endswith("; narrow for up to 4 rows; wide for up to 32 rows")
    seconds["narrow"][1], seconds["whole"][128] = 2.9, 39  # not worth another copy of the weights
    chosen = choice.choose(layers, [narrow, wide, whole])
    assert chosen is not None
    assert chosen.kernels == ((wide, choice.UNLIMITED),)
    assert chosen.text == "wide"
    seconds["narrow"][1], seconds["whole"][128] = 2.5, 35  # worth it in bfloat16, but not in float32
    for dtype, text in (("bfloat16", "narrow, wide, whole"), ("float32", "wide")):
        chosen = choice.choose([_layers(dtype, 32, (16,))], [narrow, wide, whole])
        assert chosen is not None
        assert chosen.text == text


def test_a_layer_that_a_kernel_cannot_represent_is_packed_with_another_one(tmp_path: Path) -> None:
    def enlarge(model: Any) -> None:
        model.model.layers[1].mlp.down_proj.weight[3, 5] = 1e6  # float16 ends at 65,504

    folder = random_model(tmp_path, llama(), enlarge)
    model = load_model(str(folder), dtype="bfloat16", max_prompt_tokens=100)
    assert model.info.engine_path.startswith("own forward pass")
    ids = [token.id for token in model.answer(TokenizationQuestion(PROMPT))[0].tokens]
    with torch.no_grad():
        expected = plain_model(folder)(torch.tensor([ids])).logits[0, -1].softmax(0)
    best = model.answer(TopKQuestion(PROMPT, 1)).next_tokens.candidates[0]
    assert best.probability == pytest.approx(expected[best.token.id].item(), abs=0.05)


@pytest.mark.parametrize("kernel", [int8.FBGEMM, int8.ONEDNN], ids=lambda kernel: kernel.name)
def test_numbers_just_below_half_a_step_are_rounded_once(kernel: int8.Int8Kernel) -> None:
    layers = _layers("int8", 128, (32,), bias=False)
    if not _works(kernel, layers):
        pytest.skip("this processor or this build of PyTorch has no exact int8 kernel")
    states = torch.full((1, 128), 1.4999999)
    states[0, 0] = 127.0  # so that a step is 1
    with torch.no_grad():
        expected = states.double() @ layers[0].weight.double().T
        torch.testing.assert_close(kernel.pack(layers)(states).double(), expected, rtol=0, atol=0.1)


@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "int4"])
def test_rounded_weights_count_as_parameters(dtype: str, demo_model: EngineModel) -> None:
    assert load_model("demo", dtype=dtype, max_prompt_tokens=10).info.parameter_count == demo_model.info.parameter_count


def test_a_model_that_is_not_of_the_llama_family_uses_the_kernels_too(tmp_path: Path) -> None:
    config = GPTNeoXConfig(vocab_size=4096, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                           num_attention_heads=4, max_position_embeddings=256, initializer_range=0.3)  # fmt: skip
    folder = random_model(tmp_path, config)
    model = load_model(str(folder), max_prompt_tokens=100)
    names = {kernel.name for kernel in choice.KERNELS["float32"]}
    assert set(model.info.engine_path.split(", ")) <= names


class _Named:
    """A kernel whose product is its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def pack(self, _: Any) -> Any:
        return self.name

    def pack_gated(self, *_: Any) -> Any:
        return self.name


class _Broken:
    """A kernel whose products are changed."""

    def __init__(self, kernel: Kernel, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.name = f"broken {kernel.name}"
        self._kernel = kernel
        self._change = change

    def pack(self, layers: Sequence[torch.nn.Module]) -> Any:
        product = self._kernel.pack(layers)
        return lambda states: self._change(product(states))

    def pack_gated(self, *_: Any) -> Any:
        raise AssertionError("a broken kernel is not used")


class _Spoilt:
    """A kernel that packs one layer wrongly: the product after the first `after` ones."""

    def __init__(self, kernel: Kernel, after: int) -> None:
        self.name = kernel.name
        self._kernel = kernel
        self._left = after

    def pack(self, layers: Sequence[torch.nn.Module]) -> Any:
        self._left -= 1
        product = self._kernel.pack(layers)
        return self._spoil(product) if self._left == 0 else product

    def pack_gated(self, *arguments: Any) -> Any:
        return self._kernel.pack_gated(*arguments)

    def _spoil(self, product: Any) -> Any:
        def spoilt(states: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = product(states).clone()
            result[:, 3] = 100 * result[:, 3] + 5  # as if a row of weights and its bias were others
            return result

        return spoilt


def _fail(_: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("no such operator\nand why")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc says how much memory is in use")
def test_kernels_compiled_for_ever_more_row_counts_take_no_more_memory() -> None:
    """In a process of its own, because its memory is measured."""
    result = subprocess.run([sys.executable, "-c", MANY_ROW_COUNTS], check=True, capture_output=True, text=True)  # noqa: S603  # our own program
    first, later = map(int, result.stdout.split())
    assert later < first, f"60 row counts took {first:,} bytes, the next 200 took {later:,}"


MANY_ROW_COUNTS = """
import ctypes
from bot.settings import limit_kernel_cache
limit_kernel_cache()
import torch

class Mallinfo(ctypes.Structure):  # see mallinfo(3)
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Mallinfo

def bytes_in_use():
    counts = library.mallinfo2()
    return counts.uordblks + counts.hblkhd

packed = torch.ops.mkldnn._reorder_linear_weight(torch.rand(512, 256), 32)

@torch.no_grad()
def growth(row_counts):
    before = bytes_in_use()
    for rows in row_counts:
        torch.ops.mkldnn._linear_pointwise(torch.rand(rows, 256), packed, None, "none", [], "")
    return bytes_in_use() - before

print(growth(range(1, 61)), growth(range(61, 261)))
"""
