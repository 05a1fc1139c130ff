"""8-bit weights with one scale per output. Everything else has the model's dtype.

The weights need half of bfloat16's memory. A single text is also decoded faster, because decoding takes as long as
reading the weights. Each weight is rounded to one of 255 values per output (absmax), so results differ slightly from
the model's own.

`Int8Linear` defines the numbers with plain operators. The integer kernels (FBGEMM's and oneDNN's, with VNNI or AMX)
only multiply integers. Each row of states therefore becomes two integer rows: its values in 127 steps of the row's
scale, and the remainders in 254ths of a step. Together they have 15 bits, more than bfloat16, and the sums are exact.
Only the weights are rounded, as in Int8Linear.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch

from bot.engine.transformers.kernels import (
    SCRATCH,
    JoiningKernel,
    LinearLayer,
    WeightedProduct,
    joined_bias,
    parts,
    replace_layers,
    scratch_for,
)

LARGEST = 127
_FINER = 2 * LARGEST  # finer steps in a step: a remainder is at most half a step, which is 127 finer steps
_ZERO = 128  # the kernels read integers from 0 to 255
_WIDTH = 16  # weights that PyTorch's kernel reads at a time, past a row's end if its length is not a multiple
_MIXED_ROWS = 16  # up to so many rows, PyTorch's kernel is faster than widening the weights for the call


class Int8Linear(torch.nn.Module):
    """A torch.nn.Linear for inference, with int8 weights [out features, in features] and one scale per output.

    All layers of a model share the memory `scratch`, in which weights are widened.
    """

    def __init__(self, linear: torch.nn.Linear, scratch: torch.Tensor) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        weight = linear.weight.detach()
        self.scale = (weight.abs().amax(dim=1).float().clamp(min=1e-12) / LARGEST).to(weight.dtype)
        self.quantized = torch.empty_like(weight, dtype=torch.int8)
        for rows in parts(self.out_features, max(1, SCRATCH // self.in_features)):
            self.quantized[rows] = (
                (weight[rows].float() / self.scale[rows, None].float()).round_().clamp_(-LARGEST, LARGEST)
            )
        self.scratch = scratch

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights, for models that read them directly."""
        return self.quantized.to(self.scale.dtype) * self.scale[:, None]

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return `states` @ weight.T + bias."""
        rows = states.reshape(-1, self.in_features)
        result = widened_product(rows, self.quantized, self.scale, self.scratch)
        if self.bias is not None:
            result = result + self.bias
        return result.view(*states.shape[:-1], self.out_features)


def widened_product(
    rows: torch.Tensor, quantized: torch.Tensor, scale: torch.Tensor, scratch: torch.Tensor
) -> torch.Tensor:
    """Return `rows` @ (`quantized` * `scale`).T. Some weights at a time are widened, in `scratch`."""
    outputs, features = quantized.shape
    rows = rows.to(scratch.dtype)
    result = rows.new_empty(len(rows), outputs)
    for some in parts(outputs, max(1, len(scratch) // features)):
        part = quantized[some]
        widened = scratch[: part.numel()].view_as(part).copy_(part)
        result[:, some] = rows @ widened.T
    return result.mul_(scale)


def quantize_linear_layers(model: torch.nn.Module) -> None:
    """Replace the linear layers of `model`, which is in bfloat16, by Int8Linear layers."""
    scratch = scratch_for(model)
    replace_layers(model, torch.nn.Linear, lambda linear: Int8Linear(linear, scratch))


class _Int8Weights:
    """The weights of several Int8Linear layers, joined."""

    def __init__(self, layers: Sequence[LinearLayer]) -> None:
        if not all(isinstance(layer, Int8Linear) for layer in layers):
            raise TypeError("the layers are not Int8Linear")
        self.quantized = torch.cat([layer.quantized for layer in layers])
        self.scale = torch.cat([layer.scale for layer in layers])
        self.bias = joined_bias(layers, [len(layer.quantized) for layer in layers])
        self.scratch: torch.Tensor = layers[0].scratch
        self.in_features: int = layers[0].in_features


class WidenedProduct:
    """Widens the weights for each call, with plain operators."""

    def __init__(self, weights: _Int8Weights) -> None:
        self._weights = weights

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights."""
        return self._weights.quantized.to(self._weights.scale.dtype) * self._weights.scale[:, None]

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        weights = self._weights
        result = widened_product(states, weights.quantized, weights.scale, weights.scratch)
        return result if weights.bias is None else result.add_(weights.bias)


class MixedProduct(WidenedProduct):
    """PyTorch's own kernel of bfloat16 states and int8 weights. It is meant for few rows."""

    def __init__(self, weights: _Int8Weights) -> None:
        super().__init__(weights)
        if weights.in_features % _WIDTH:
            raise ValueError(f"the rows of weights have no multiple of {_WIDTH} numbers")

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        if len(states) > _MIXED_ROWS:
            return super().__call__(states)
        weights = self._weights
        result = torch._weight_int8pack_mm(states.bfloat16(), weights.quantized, weights.scale)
        return result if weights.bias is None else result.add_(weights.bias)


class _IntegerProduct(ABC):
    """Exact sums of integers, computed by `sums`: [rows, in features] to [rows, out features]."""

    def __init__(self, weights: _Int8Weights) -> None:
        self._bias = None if weights.bias is None else weights.bias.float()
        self._in_features = weights.in_features

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights."""
        return self.sums(torch.eye(self._in_features)).T.bfloat16()

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product in float32."""
        count = len(states)
        states = states.float()
        step = states.abs().amax(1, keepdim=True).clamp_min_(1e-30).mul_(1 / LARGEST)
        numbers = states.new_empty(2 * count, self._in_features)
        exact = states / step
        whole = torch.round(exact, out=numbers[:count])
        torch.sub(exact, whole, out=numbers[count:]).mul_(_FINER)
        sums = self.sums(numbers)
        result = torch.add(sums[:count], sums[count:], alpha=1 / _FINER).mul_(step)
        return result if self._bias is None else result.add_(self._bias)

    @abstractmethod
    def sums(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the products of `numbers`, rounded to integers from -128 to 127, with the weights."""


class FbgemmProduct(_IntegerProduct):
    """FBGEMM's integer kernel."""

    def __init__(self, weights: _Int8Weights) -> None:
        super().__init__(weights)
        zeros = torch.zeros(len(weights.scale), dtype=torch.long)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch announces another package for quantized tensors
            tensor = torch._make_per_channel_quantized_tensor(weights.quantized, weights.scale.double(), zeros, 0)
        self._packed = torch.ops.quantized.linear_prepack(tensor, None)

    def sums(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the products of `numbers`, rounded to integers from -128 to 127, with the weights."""
        result: torch.Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            numbers, 1.0, _ZERO, self._packed
        )
        return result


class OneDnnProduct(_IntegerProduct):
    """oneDNN's integer kernel."""

    def __init__(self, weights: _Int8Weights) -> None:
        super().__init__(weights)
        self._scale = weights.scale.float()
        self._zeros = torch.zeros(len(weights.scale), dtype=torch.int32)
        self._packed = torch.ops.onednn.qlinear_prepack(weights.quantized, None)

    def sums(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the products of `numbers`, rounded to integers from -128 to 127, with the weights."""
        # What PyTorch's own compiler uses for quantized models (torch/_inductor/fx_passes/quantization.py).
        output: tuple[object, ...] = (None, 1.0, 0, torch.float32, "none", [], "")
        integers = numbers.round().add_(_ZERO).to(torch.uint8)
        sums: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            integers, 1.0, _ZERO, self._packed, self._scale, self._zeros, *output
        )
        return sums


class Int8Kernel(JoiningKernel):
    """A kernel for Int8Linear layers."""

    def __init__(self, name: str, product: Callable[[_Int8Weights], WeightedProduct]) -> None:
        self.name = name
        self._product = product

    def pack(self, layers: Sequence[LinearLayer]) -> WeightedProduct:
        """Return one product of all `layers`."""
        return self._product(_Int8Weights(layers))


WIDENED = Int8Kernel("8-bit weights widened at each call", WidenedProduct)
MIXED = Int8Kernel("8-bit weights, bfloat16 sums", MixedProduct)
FBGEMM = Int8Kernel("8-bit weights, integer sums (FBGEMM)", FbgemmProduct)
ONEDNN = Int8Kernel("8-bit weights, integer sums (oneDNN)", OneDnnProduct)


def sums_are_exact(kernel: Int8Kernel) -> bool:
    """Return whether a kernel computes exact sums of the largest numbers. Without VNNI they can overflow.

    Raises the errors of `pack`.
    """
    layer = torch.nn.Linear(256, 32, bias=False, dtype=torch.bfloat16)
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(-1, 1, layer.weight.numel()).view_as(layer.weight))
    rounded = Int8Linear(layer, torch.empty(layer.weight.numel(), dtype=torch.bfloat16))
    product = kernel.pack([rounded])
    if not isinstance(product, _IntegerProduct):
        return True
    numbers = torch.linspace(LARGEST, -LARGEST - 1, 5 * 256).round().view(5, 256)
    exact = (numbers.double() @ rounded.quantized.double().T).float() * rounded.scale.float()
    return torch.equal(product.sums(numbers), exact)
