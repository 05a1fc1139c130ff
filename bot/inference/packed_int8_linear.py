"""Linear layers over 8-bit weights as the processor's integer kernels (oneDNN, VNNI or AMX) read them.

The kernels multiply whole numbers only, so each row of the input becomes two of them: its values in 127 steps of a
scale of its own, and what is missing to them in 254ths of a step. Together they have 15 bits, more than bfloat16, and
the sums are exact: what is rounded is the weights, as in Int8Linear.
"""

import logging
from typing import Any

import torch

from bot.inference.int8_linear import LARGEST, Int8Linear
from bot.inference.layers import replace_layers

_FINER = 2 * LARGEST  # a half step, the most that is missing, in the finer steps that 8 bits hold
_ZERO = 128  # the kernels read whole numbers from 0 to 255

log = logging.getLogger(__name__)


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
        output: tuple[Any, ...] = (None, 1.0, 0, torch.float32, "none", [], "")
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
