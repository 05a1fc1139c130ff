"""bfloat16 linear layers for processors without bfloat16 instructions: float16 weights, widened inside the kernel.

FBGEMM's kernel sums in float32, so it is also more exact. float16 represents every bfloat16 number from 2**-14 to
65504. Smaller numbers are rounded to float16's steps of 2**-24.
"""

import torch

from bot.engine.transformers.layers import replace_linear_layers

_FINEST = 2.0**-25  # half of float16's smallest step


class HalfLinear(torch.nn.Module):
    """A bfloat16 torch.nn.Linear for inference on the CPU, with weights that float16 can represent."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        bias = None if linear.bias is None else linear.bias.detach().float()
        self._packed = torch.ops.quantized.linear_prepack_fp16(linear.weight.detach().float(), bias)

    @property
    def weight(self) -> torch.Tensor:
        """The plain weights, for models that read them directly."""
        plain: torch.Tensor = torch.ops.quantized.linear_unpack_fp16(self._packed)[0]
        return plain.bfloat16()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return `states` @ weight.T + bias."""
        result: torch.Tensor = torch.ops.quantized.linear_dynamic_fp16(states.float(), self._packed)
        return result.bfloat16()


def halve_linear_layers(model: torch.nn.Module) -> bool:
    """Replace the linear layers of `model` if that is faster on this processor. Return whether it did."""
    return replace_linear_layers(model, HalfLinear, _can_be_halved, otherwise="linear layers are not stored in float16")


def _can_be_halved(linear: torch.nn.Linear) -> bool:
    weight = linear.weight.detach()
    if weight.device.type != "cpu" or weight.dtype != torch.bfloat16 or torch.cpu._is_avx512_bf16_supported():
        return False
    return bool((weight.half().float() - weight).abs().max() <= _FINEST)
