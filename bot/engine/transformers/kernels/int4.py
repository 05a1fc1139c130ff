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
_HIGHEST = 15
_MIDDLE = 8  # PyTorch's kernel computes (number - 8) * scale + offset
_KERNEL_ROWS = 64  # at a time, because PyTorch's kernel is slower with more
_WIDTH = 16  # outputs that PyTorch's kernel computes at a time


class Int4Linear(torch.nn.Module):
    """A torch.nn.Linear for inference, with 4-bit weights.

    A byte of `pairs` [out features, in features / 2] has the numbers of one weight of the first half of a row and one
    of the second. `scale` and `offset` are [out features, in features / 32]. All layers of a model share the memory
    `scratch`, in which weights are widened.
    """

    def __init__(self, linear: torch.nn.Linear, scratch: torch.Tensor) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        groups = linear.weight.detach().view(self.out_features, -1, GROUP)
        smallest = groups.amin(2).float()
        dtype = linear.weight.dtype
        self.scale = ((groups.amax(2).float() - smallest) / _HIGHEST).clamp_(min=1e-12).to(dtype)
        self.offset = (smallest + _MIDDLE * self.scale.float()).to(dtype)
        self.pairs = torch.empty(self.out_features, self.in_features // 2, dtype=torch.uint8)
        for rows in parts(self.out_features, max(1, SCRATCH // self.in_features)):
            steps = (groups[rows].float() - self.offset[rows, :, None].float()) / self.scale[rows, :, None].float()
            numbers = steps.round_().add_(_MIDDLE).clamp_(0, _HIGHEST).to(torch.uint8).flatten(1)
            low, high = numbers.chunk(2, dim=1)
            self.pairs[rows] = low + (high << 4)
        self.scratch = scratch

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights, for models that read them directly."""
        return widened(self.pairs, self.scale, self.offset)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return `states` @ weight.T + bias."""
        rows = states.reshape(-1, self.in_features)
        result = _product(rows, self.pairs, self.scale, self.offset, self.scratch)
        if self.bias is not None:
            result = result + self.bias
        return result.view(*states.shape[:-1], self.out_features)


def widened(
    pairs: torch.Tensor, scale: torch.Tensor, offset: torch.Tensor, memory: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the plain weights [out features, in features] in the dtype of `scale`, in `memory` if given."""
    outputs, half = pairs.shape
    weights = scale.new_empty(outputs, 2 * half) if memory is None else memory[: 2 * pairs.numel()].view(outputs, -1)
    weights[:, :half] = pairs & _HIGHEST
    weights[:, half:] = pairs >> 4
    groups = weights.view(outputs, -1, GROUP)
    groups.sub_(_MIDDLE).mul_(scale[:, :, None]).add_(offset[:, :, None])
    return weights


def _product(
    rows: torch.Tensor, pairs: torch.Tensor, scale: torch.Tensor, offset: torch.Tensor, scratch: torch.Tensor
) -> torch.Tensor:
    rows = rows.to(scale.dtype)
    result = rows.new_empty(len(rows), len(pairs))
    for some in parts(len(pairs), max(1, len(scratch) // (2 * pairs.shape[1]))):
        result[:, some] = rows @ widened(pairs[some], scale[some], offset[some], scratch).T
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
        self.pairs = torch.cat([layer.pairs for layer in layers])
        self.scale = torch.cat([layer.scale for layer in layers])
        self.offset = torch.cat([layer.offset for layer in layers])
        self.bias = joined_bias(layers, [len(layer.pairs) for layer in layers])
        self._scratch: torch.Tensor = layers[0].scratch

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights."""
        return widened(self.pairs, self.scale, self.offset)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        result = _product(states, self.pairs, self.scale, self.offset, self._scratch)
        return result if self.bias is None else result.add_(self.bias)


class MixedProduct:
    """PyTorch's own kernel of bfloat16 states and 4-bit weights. It is meant for few rows."""

    def __init__(self, layers: Sequence[LinearLayer]) -> None:
        plain = WidenedProduct(layers)
        numbers = torch.cat([plain.pairs & _HIGHEST, plain.pairs >> 4], dim=1).int()
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(numbers, 1)
        self._scales = torch.stack([plain.scale.T, plain.offset.T], dim=2).contiguous()
        self._bias = plain.bias
        self._in_features = 2 * plain.pairs.shape[1]

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
