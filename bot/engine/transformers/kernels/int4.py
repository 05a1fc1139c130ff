"""4-bit weights with a scale and an offset per group of 32. Everything else has the model's dtype.

A weight needs 5 bits with its share of the scales, a third of bfloat16's. Each group is rounded to 16 evenly spaced
values from its smallest to its largest number, which changes the results noticeably. The output layer, whose numbers
are the logits, therefore keeps 8 bits.
"""

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
from bot.engine.transformers.kernels.int8 import Int8Linear

GROUP = 32  # weights with one scale and one offset
_LOWEST, _HIGHEST = -8, 7  # numbers of 4 bits
_LOW_BITS = 15
_KERNEL_ROWS = 64  # at a time, because PyTorch's kernel is slower with more
_WIDTH = 16  # outputs that PyTorch's kernel computes at a time


class Int4Linear(torch.nn.Module):
    """A torch.nn.Linear for inference, with 4-bit weights: number * scale + offset.

    A byte of `pairs` [in features / 2, out features] has the numbers of two weights of an output: in its lower half one
    for the first half of the inputs, in its upper half one for the second. `scale` and `offset` are [in features / 32,
    out features]. All layers of a model share the memory `scratch`, in which weights are widened.
    """

    def __init__(self, linear: torch.nn.Linear, scratch: torch.Tensor) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        groups = linear.weight.detach().view(self.out_features, -1, GROUP)
        smallest = groups.amin(2).float()
        dtype = linear.weight.dtype
        scale = ((groups.amax(2).float() - smallest) / (_HIGHEST - _LOWEST)).clamp_(min=1e-12).to(dtype)
        offset = (smallest - _LOWEST * scale.float()).to(dtype)
        self.pairs = torch.empty(self.in_features // 2, self.out_features, dtype=torch.int8)
        for rows in parts(self.out_features, max(1, SCRATCH // self.in_features)):
            steps = (groups[rows].float() - offset[rows, :, None].float()) / scale[rows, :, None].float()
            numbers = steps.round_().clamp_(_LOWEST, _HIGHEST).to(torch.int8).flatten(1)
            low, high = numbers.chunk(2, dim=1)
            self.pairs[:, rows] = ((low & _LOW_BITS) | (high << 4)).T
        self.scale, self.offset = scale.T.contiguous(), offset.T.contiguous()
        self.scratch = scratch

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights, for models that read them directly."""
        return widened(self.pairs, self.scale, self.offset).T.contiguous()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return `states` @ weight.T + bias."""
        rows = states.reshape(-1, self.in_features)
        result = _product(rows, self.pairs, self.scale, self.offset, self.scratch)
        if self.bias is not None:
            result = result + self.bias
        return result.view(*states.shape[:-1], self.out_features)


def numbers_of(pairs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the numbers in the lower and upper halves of the bytes `pairs`."""
    return (pairs << 4) >> 4, pairs >> 4  # shifts to the right keep the sign


def widened(
    pairs: torch.Tensor, scale: torch.Tensor, offset: torch.Tensor, memory: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the plain weights [in features, out features] in the dtype of `scale`, in `memory` if given.

    The outputs are the last dimension: with scales repeated along the last one it takes 1.7 times as long.
    """
    half, outputs = pairs.shape
    weights = scale.new_empty(2 * half, outputs) if memory is None else memory[: 2 * pairs.numel()].view(-1, outputs)
    weights[:half], weights[half:] = numbers_of(pairs)
    groups = weights.view(-1, GROUP, outputs)
    torch.addcmul(offset[:, None], groups, scale[:, None], out=groups)
    return weights


def _product(
    rows: torch.Tensor, pairs: torch.Tensor, scale: torch.Tensor, offset: torch.Tensor, scratch: torch.Tensor
) -> torch.Tensor:
    rows = rows.to(scale.dtype)
    half, outputs = pairs.shape
    result = rows.new_empty(len(rows), outputs)
    for some in parts(outputs, max(1, len(scratch) // (2 * half))):
        result[:, some] = rows @ widened(pairs[:, some], scale[:, some], offset[:, some], scratch)
    return result


def quantize_linear_layers(model: torch.nn.Module) -> None:
    """Replace the linear layers of `model`, which is in bfloat16: by Int4Linear, or by Int8Linear where that can't be.

    It can't be for the output layer, and for layers whose rows can't be divided into groups.
    """
    scratch = scratch_for(model)
    output = model.get_output_embeddings()  # type: ignore[operator]  # typed as any attribute of a module

    def make(linear: torch.nn.Linear) -> torch.nn.Module:
        can_be = linear is not output and linear.in_features % (2 * GROUP) == linear.out_features % _WIDTH == 0
        return Int4Linear(linear, scratch) if can_be else Int8Linear(linear, scratch)

    replace_layers(model, torch.nn.Linear, make)


class WidenedProduct:
    """Widens the weights for each call, with plain operators."""

    def __init__(self, layers: Sequence[LinearLayer]) -> None:
        if not all(isinstance(layer, Int4Linear) for layer in layers):
            raise TypeError("the layers are not Int4Linear")
        self.pairs = torch.cat([layer.pairs for layer in layers], dim=1)
        self.scale = torch.cat([layer.scale for layer in layers], dim=1)
        self.offset = torch.cat([layer.offset for layer in layers], dim=1)
        self.bias = joined_bias(layers, [layer.out_features for layer in layers])
        self._scratch: torch.Tensor = layers[0].scratch

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights."""
        return widened(self.pairs, self.scale, self.offset).T.contiguous()

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        result = _product(states, self.pairs, self.scale, self.offset, self._scratch)
        return result if self.bias is None else result.add_(self.bias)


class MixedProduct:
    """PyTorch's own kernel of bfloat16 states and 4-bit weights. It is meant for few rows."""

    def __init__(self, layers: Sequence[LinearLayer]) -> None:
        plain = WidenedProduct(layers)
        numbers = torch.cat(numbers_of(plain.pairs.T.contiguous()), dim=1)
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(numbers.int() - _LOWEST, 1)
        self._scales = torch.stack([plain.scale, plain.offset], dim=2)
        self._bias = plain.bias
        self._in_features = 2 * len(plain.pairs)

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights."""
        return self._product(torch.eye(self._in_features, dtype=torch.bfloat16)).T

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        result = self._product(states.bfloat16())
        return result if self._bias is None else result.add_(self._bias)

    def _product(self, states: torch.Tensor) -> torch.Tensor:
        products = [
            torch.ops.aten._weight_int4pack_mm_for_cpu(
                states[start : start + _KERNEL_ROWS], self._packed, GROUP, self._scales
            )
            for start in range(0, len(states), _KERNEL_ROWS)
        ]
        return products[0] if len(products) == 1 else torch.cat(products)


class Int4Kernel(JoiningKernel):
    """A kernel for Int4Linear layers."""

    def __init__(self, name: str, product: Callable[[Sequence[LinearLayer]], WeightedProduct]) -> None:
        self.name = name
        self._product = product

    def pack(self, layers: Sequence[LinearLayer]) -> WeightedProduct:
        """Return one product of all `layers`."""
        return self._product(layers)


WIDENED = Int4Kernel("4-bit weights widened at each call", WidenedProduct)
MIXED = Int4Kernel("4-bit weights, bfloat16 sums", MixedProduct)
