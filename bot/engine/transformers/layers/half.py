"""bfloat16 linear layers for processors without bfloat16 instructions: float16 weights, widened inside the kernel.

FBGEMM's kernel sums in float32, so it is also more exact. float16 represents every bfloat16 number from 2**-14 to
65504. Smaller numbers are rounded to float16's steps of 2**-24.
"""

import torch

from bot.engine.transformers.layers import linspace_states, matches_reference, replace_layers

_FINEST = 2.0**-25  # half of float16's smallest step
_TOLERANCE = 5e-2  # for finding broken kernels: bfloat16 rounds to about a hundredth


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
    linear_layers = [module for module in model.modules() if type(module) is torch.nn.Linear]
    if not linear_layers or not all(map(_can_be_halved, linear_layers)):
        return False
    if not _matches(linear_layers[0]):
        return False
    del linear_layers  # frees each layer's plain weights as soon as it is replaced
    replace_layers(model, torch.nn.Linear, HalfLinear)
    return True


def _can_be_halved(linear: torch.nn.Linear) -> bool:
    weight = linear.weight.detach()
    if weight.device.type != "cpu" or weight.dtype != torch.bfloat16 or torch.cpu._is_avx512_bf16_supported():
        return False
    return bool((weight.half().float() - weight).abs().max() <= _FINEST)


def _matches(linear: torch.nn.Linear) -> bool:
    states = linspace_states(3, linear.in_features, linear.weight.dtype)
    return matches_reference(
        lambda: HalfLinear(linear)(states),
        lambda: linear(states),
        _TOLERANCE,
        otherwise="linear layers are not stored in float16",
    )
