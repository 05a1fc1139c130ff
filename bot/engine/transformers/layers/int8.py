"""Linear layers whose weights are stored in 8 bits, each row with a scale of its own; everything else is bfloat16.

They take half of bfloat16's memory, and a text that is written alone is faster, since its time is that of reading the
weights. The weights are rounded to one of 255 values a row (absmax), so results differ a little from the model's own.

`Int8Linear` uses PyTorch's kernel. `PackedInt8Linear` uses the processor's integer kernels (oneDNN, VNNI or AMX), which
multiply whole numbers only: each row of the input becomes two of them, its values in 127 steps of a scale of its own,
and what is missing to them in 254ths of a step. Together they have 15 bits, more than bfloat16, and the sums are exact:
what is rounded is the weights, as in Int8Linear.
"""

import logging

import torch

from bot.engine.transformers.layers import replace_layers

KERNEL_ROWS = 16  # tokens at once up to which PyTorch's kernel is faster than widening the weights for one call
SCRATCH = 5_000_000  # weights that are widened at a time: a whole layer of a small model, 10 MB
_WIDTH = 16  # weights that the kernel reads at a time, past the end of a row that is no multiple of it
LARGEST = 127
_TOLERANCE = 5e-2  # of the check below, which is to find broken kernels: bfloat16 rounds to about a hundredth
log = logging.getLogger(__name__)
_FINER = 2 * LARGEST  # a half step, the most that is missing, in the finer steps that 8 bits hold
_ZERO = 128  # the kernels read whole numbers from 0 to 255


class Int8Linear(torch.nn.Module):
    """A torch.nn.Linear for inference, with weights [out features, in features] in int8 and a scale for each output.

    `scratch` is memory that all layers of a model share.
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
        """The rounded weights, for a model that reads them past its layer."""
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
    """Replace the linear layers of `model`, which is in bfloat16; return whether PyTorch's int8 kernel is used."""
    kernel = _kernel_is_right()
    widest = max((one.in_features for one in model.modules() if type(one) is torch.nn.Linear), default=0)
    scratch = torch.empty(max(SCRATCH, widest), dtype=torch.bfloat16)
    replace_layers(model, torch.nn.Linear, lambda linear: Int8Linear(linear, scratch, kernel=kernel))
    return kernel


def _parts(count: int, at_a_time: int) -> list[slice]:
    return [slice(start, start + at_a_time) for start in range(0, count, at_a_time)]


@torch.no_grad()
def _kernel_is_right() -> bool:
    """Return whether this machine has the kernel, and whether it computes what the plain sum does."""
    linear = torch.nn.Linear(64, 32, dtype=torch.bfloat16)
    scratch = torch.empty(linear.weight.numel(), dtype=torch.bfloat16)
    states = torch.linspace(-1, 1, 3 * linear.in_features, dtype=torch.bfloat16).view(3, -1)
    try:
        computed = Int8Linear(linear, scratch, kernel=True)(states)
    except (RuntimeError, AttributeError) as error:  # another build of PyTorch may lack it
        log.info("the int8 kernel is not used: %s", str(error).splitlines()[0])
        return False
    expected = Int8Linear(linear, scratch, kernel=False)(states)
    return bool((expected - computed).abs().max() < _TOLERANCE)


class PackedInt8Linear(torch.nn.Module):
    """An Int8Linear whose sums are computed in whole numbers."""

    def __init__(self, layer: Int8Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.bias = layer.bias
        self._scale = layer.scale.float()
        self._zeros = torch.zeros(self.out_features, dtype=torch.int32)
        self._packed = torch.ops.onednn.qlinear_prepack(layer.quantized, None)

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weights, for a model that reads them past its layer."""
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
    """Replace the Int8Linear layers of `model` where this machine has the kernels; return whether it did."""
    if not _kernel_is_exact():
        return False
    replace_layers(model, Int8Linear, PackedInt8Linear)
    return True


@torch.no_grad()
def _kernel_is_exact() -> bool:
    """Return whether sums of the largest numbers are exact; those of processors without VNNI overflow."""
    layer = torch.nn.Linear(256, 32, dtype=torch.bfloat16)
    layer.weight.copy_(torch.linspace(-1, 1, layer.weight.numel()).view_as(layer.weight))
    rounded = Int8Linear(layer, torch.empty(0), kernel=False)
    numbers = torch.linspace(_ZERO + LARGEST, _ZERO - LARGEST, 5 * 256).view(5, 256).to(torch.uint8)
    try:
        computed = PackedInt8Linear(rounded)._sums(numbers)
    except (RuntimeError, AttributeError) as error:  # another build of PyTorch may lack the operators
        log.info("8-bit weights are not packed: %s", str(error).partition("\n")[0])
        return False
    whole = (numbers.double() - _ZERO) @ rounded.quantized.double().T
    return torch.equal(computed, whole.float() * rounded.scale.float())
