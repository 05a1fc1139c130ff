"""Linear layers with 8-bit weights and one scale per row. Everything else is bfloat16.

The weights need half of bfloat16's memory. A single text is also decoded faster, because decoding takes as long as
reading the weights. Each weight is rounded to one of 255 values per row (absmax), so results differ slightly from the
model's own.

`Int8Linear` uses PyTorch's kernel. `PackedInt8Linear` uses the processor's integer kernels (oneDNN, VNNI or AMX), which
only multiply integers. Each input row therefore becomes two integer rows: its values in 127 steps of the row's scale,
and the remainders in 254ths of a step. Together they have 15 bits, more than bfloat16, and the sums are exact. Only the
weights are rounded, as in Int8Linear.
"""

import torch

from bot.engine.transformers.layers import TOLERANCE, linspace_states, matches_reference, replace_layers

KERNEL_ROWS = 16  # up to so many tokens at once, PyTorch's kernel is faster than widening the weights for the call
SCRATCH = 5_000_000  # weights widened at a time, 10 MB: a whole layer of a small model
_WIDTH = 16  # weights that the kernel reads at a time, past a row's end if its length is not a multiple
LARGEST = 127
_FINER = 2 * LARGEST  # finer steps in a step: a remainder is at most half a step, which is 127 finer steps
_ZERO = 128  # the kernels read integers from 0 to 255


class Int8Linear(torch.nn.Module):
    """A torch.nn.Linear for inference, with int8 weights [out features, in features] and one scale per output.

    All layers of a model share the memory `scratch`.
    """

    def __init__(self, linear: torch.nn.Linear, scratch: torch.Tensor, *, kernel: bool) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        weight = linear.weight.detach()
        self.scale = (weight.abs().amax(dim=1).float().clamp(min=1e-12) / LARGEST).to(weight.dtype)
        self.quantized = torch.empty_like(weight, dtype=torch.int8)
        for rows in _parts(self.out_features, max(1, SCRATCH // self.in_features)):
            self.quantized[rows] = (
                (weight[rows].float() / self.scale[rows, None].float()).round_().clamp_(-LARGEST, LARGEST)
            )
        self._scratch = scratch
        self.kernel = kernel and self.in_features % _WIDTH == 0

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights, for models that read them directly."""
        return self.quantized.to(self.scale.dtype) * self.scale[:, None]

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return `states` @ weight.T + bias."""
        rows = states.reshape(-1, self.in_features)
        if self.kernel and len(rows) <= KERNEL_ROWS:
            result = torch._weight_int8pack_mm(rows, self.quantized, self.scale)
        else:
            result = self._widened(rows)
        if self.bias is not None:
            result = result + self.bias
        return result.view(*states.shape[:-1], self.out_features)

    def _widened(self, rows: torch.Tensor) -> torch.Tensor:
        result = rows.new_empty(len(rows), self.out_features)
        for outputs in _parts(self.out_features, len(self._scratch) // self.in_features):
            part = self.quantized[outputs]
            widened = self._scratch[: part.numel()].view_as(part).copy_(part)
            result[:, outputs] = rows @ widened.T
        return result.mul_(self.scale)


def quantize_linear_layers(model: torch.nn.Module) -> bool:
    """Replace the linear layers of `model`, which is in bfloat16. Return whether PyTorch's int8 kernel is used."""
    kernel = _has_kernel()
    widest = max((layer.in_features for layer in model.modules() if type(layer) is torch.nn.Linear), default=0)
    scratch = torch.empty(max(SCRATCH, widest), dtype=torch.bfloat16)
    replace_layers(model, torch.nn.Linear, lambda linear: Int8Linear(linear, scratch, kernel=kernel))
    return kernel


def _parts(count: int, at_a_time: int) -> list[slice]:
    return [slice(start, start + at_a_time) for start in range(0, count, at_a_time)]


def _has_kernel() -> bool:
    """Return whether this machine has PyTorch's int8 kernel, and whether its results are correct."""
    linear = torch.nn.Linear(64, 32, dtype=torch.bfloat16)
    scratch = torch.empty(linear.weight.numel(), dtype=torch.bfloat16)
    states = linspace_states(3, linear.in_features, torch.bfloat16)
    return matches_reference(
        lambda: Int8Linear(linear, scratch, kernel=True)(states),
        lambda: Int8Linear(linear, scratch, kernel=False)(states),
        TOLERANCE[torch.bfloat16],
        otherwise="the int8 kernel is not used",
    )


class PackedInt8Linear(torch.nn.Module):
    """An Int8Linear whose sums are computed with integers."""

    def __init__(self, layer: Int8Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.bias = layer.bias
        self._scale = layer.scale.float()
        self._zeros = torch.zeros(self.out_features, dtype=torch.int32)
        self._packed = torch.ops.onednn.qlinear_prepack(layer.quantized, None)

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights, for models that read them directly."""
        return self._sums(torch.eye(self.in_features).add_(_ZERO).to(torch.uint8)).T.bfloat16()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return `states` @ weight.T + bias."""
        rows = states.reshape(-1, self.in_features)
        step = rows.abs().amax(dim=1, keepdim=True).float().clamp_(min=1e-30) / LARGEST
        exact = rows / step
        coarse = exact.round()
        fine = exact.sub_(coarse).mul_(_FINER).round_()
        sums = self._sums(torch.cat([coarse, fine]).add_(_ZERO).to(torch.uint8))
        result = torch.add(sums[: len(rows)], sums[len(rows) :], alpha=1 / _FINER).mul_(step)
        if self.bias is not None:
            result += self.bias
        return result.to(states.dtype).view(*states.shape[:-1], self.out_features)

    def _sums(self, numbers: torch.Tensor) -> torch.Tensor:
        # What PyTorch's own compiler uses for quantized models (torch/_inductor/fx_passes/quantization.py).
        output: tuple[object, ...] = (None, 1.0, 0, torch.float32, "none", [], "")
        sums: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            numbers, 1.0, _ZERO, self._packed, self._scale, self._zeros, *output
        )
        return sums


def pack_int8_layers(model: torch.nn.Module) -> bool:
    """Replace the Int8Linear layers of `model` if this machine has the kernels. Return whether it did."""
    if not _has_exact_kernel():
        return False
    replace_layers(model, Int8Linear, PackedInt8Linear)
    return True


@torch.no_grad()
def _has_exact_kernel() -> bool:
    """Return whether the kernels compute exact sums of the largest numbers. Without VNNI the sums overflow."""
    layer = torch.nn.Linear(256, 32, dtype=torch.bfloat16)
    layer.weight.copy_(linspace_states(layer.out_features, layer.in_features, torch.float32))
    rounded = Int8Linear(layer, torch.empty(0), kernel=False)
    numbers = torch.linspace(_ZERO + LARGEST, _ZERO - LARGEST, 5 * 256).view(5, 256).to(torch.uint8)
    exact = ((numbers.double() - _ZERO) @ rounded.quantized.double().T).float() * rounded.scale.float()
    return matches_reference(
        lambda: PackedInt8Linear(rounded)._sums(numbers), lambda: exact, 0.0, otherwise="8-bit weights are not packed"
    )
