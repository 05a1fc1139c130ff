"""Kernels for float32 and bfloat16 weights."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from bot.engine.transformers.kernels import Activation, GatedProduct, JoiningKernel, LinearLayer, Product, joined_bias

ROWS_EXPECTED = 16  # rows for which oneDNN's layout is optimized
_FINEST = 2.0**-25  # half of float16's smallest step
_ROWS_CHECKED = 4096  # rows of weights at a time, because a check needs several times their memory


def _joined(layers: Sequence[LinearLayer]) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the weights and the biases of `layers`, joined. Raises TypeError if they are no dense linear layers."""
    if not all(type(layer) is torch.nn.Linear for layer in layers):
        raise TypeError("the layers are not torch.nn.Linear")
    weights = [layer.weight.detach() for layer in layers]
    bias = joined_bias(layers, [len(weight) for weight in weights])
    return weights[0] if len(weights) == 1 else torch.cat(weights), bias


class PlainProduct:
    """torch.nn.functional.linear."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self.weight = weight
        self._bias = bias

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        return functional.linear(states.to(self.weight.dtype), self.weight, self._bias)


class Plain(JoiningKernel):
    """PyTorch's own product, with the weights as they are."""

    name = "plain weights"

    def pack(self, layers: Sequence[LinearLayer]) -> PlainProduct:
        """Return one product of all `layers`."""
        return PlainProduct(*_joined(layers))


class PackedProduct:
    """A product whose weights have the memory layout of the processor's matrix kernels (oneDNN).

    The sums are those of a plain product in another order, so float32 results differ only by rounding. Without this
    layout every call rearranges the weights first, which takes longer than the product for a few rows.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self._dtype = weight.dtype
        self._bias = bias
        # What PyTorch's own compiler uses for frozen weights (torch/_inductor/fx_passes/mkldnn_fusion.py).
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS_EXPECTED)

    @property
    def weight(self) -> torch.Tensor:
        """The plain weights."""
        plain: torch.Tensor = self._packed.to_dense()
        return plain

    def __call__(self, states: torch.Tensor, then: str = "none") -> torch.Tensor:
        """Return `then`(product), where `then` is an elementwise function of oneDNN."""
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            states.to(self._dtype), self._packed, self._bias, then, [], ""
        )
        return result

    def times(self, states: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return the product multiplied by `other`, element by element."""
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(states, other, self._packed, self._bias, "mul")
        return result


class PackedGatedProduct:
    """silu(gate(x)) * up(x), with its elementwise steps inside of the products.

    On their own they would take a fifth of the time of a long prompt. This is SwiGLU (Shazeer 2020, "GLU Variants
    Improve Transformer").
    """

    def __init__(self, gate: PackedProduct, up: PackedProduct, dtype: torch.dtype) -> None:
        self._gate = gate
        self._up = up
        self._dtype = dtype

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        states = states.to(self._dtype)
        return self._up.times(states, self._gate(states, "swish"))


class Packed:
    """Weights in oneDNN's layout."""

    name = "packed weights"

    def pack(self, layers: Sequence[LinearLayer]) -> PackedProduct:
        """Return one product of all `layers`."""
        if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch leaves it untyped
            raise RuntimeError("this build of PyTorch has no oneDNN")
        return PackedProduct(*_joined(layers))

    def pack_gated(self, gate: LinearLayer, up: LinearLayer, activation: Activation) -> Product:
        """Return activation(gate(x)) * up(x) as one product."""
        if not is_silu(activation):
            return GatedProduct(self.pack([gate, up]), activation)
        return PackedGatedProduct(self.pack([gate]), self.pack([up]), gate.weight.dtype)


def is_silu(activation: Activation) -> bool:
    """Return whether the activation is SiLU (also called swish)."""
    return (
        activation is functional.silu
        or isinstance(activation, torch.nn.SiLU)
        or type(activation).__name__ == "SiLUActivation"
    )


class HalfProduct:
    """bfloat16 weights as float16, widened inside of FBGEMM's kernel, which sums in float32.

    It is fastest for a few rows, and on processors without bfloat16 instructions. float16 represents every bfloat16
    number from 2**-14 to 65504. Smaller numbers are rounded to float16's steps of 2**-24.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self._packed = torch.ops.quantized.linear_prepack_fp16(weight.float(), None if bias is None else bias.float())

    @property
    def weight(self) -> torch.Tensor:
        """The plain weights."""
        plain: torch.Tensor = torch.ops.quantized.linear_unpack_fp16(self._packed)[0]
        return plain.bfloat16()

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product in float32."""
        result: torch.Tensor = torch.ops.quantized.linear_dynamic_fp16(states.float(), self._packed)
        return result


def _fits(weight: torch.Tensor) -> bool:
    """Return whether float16 can represent `weight`."""
    return bool((weight.half().float() - weight).abs().max() <= _FINEST)


class Half(JoiningKernel):
    """bfloat16 weights that float16 can represent."""

    name = "float16 weights"

    def pack(self, layers: Sequence[LinearLayer]) -> HalfProduct:
        """Return one product of all `layers`. Raises ValueError if float16 can't represent a weight."""
        weight, bias = _joined(layers)
        if weight.dtype != torch.bfloat16:
            raise ValueError("the weights are not bfloat16")
        starts = range(0, len(weight), _ROWS_CHECKED)
        if not all(_fits(weight[start : start + _ROWS_CHECKED]) for start in starts):
            raise ValueError("a weight is too large for float16")
        return HalfProduct(weight, bias)
