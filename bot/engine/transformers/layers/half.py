"""Linear layers in bfloat16 for processors without instructions for it: float16 weights, widened inside the kernel.

The kernel is FBGEMM's and its sums are float32, so it is the more exact way too. float16 holds every bfloat16 number
from 2**-14 to 65504; smaller ones are rounded to its steps of 2**-24.
"""

import torch

from bot.engine.transformers.layers import computes_as, replace_layers

_FINEST = 2.0**-25  # half of float16's smallest step
_TOLERANCE = 5e-2  # of the check below, which is to find broken kernels: bfloat16 rounds to about a hundredth


class HalfLinear(torch.nn.Module):
    """A torch.nn.Linear in bfloat16 for inference on the CPU, with weights that float16 can hold."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        bias = None if linear.bias is None else linear.bias.detach().float()
        self._packed = torch.ops.quantized.linear_prepack_fp16(linear.weight.detach().float(), bias)

    @property
    def weight(self) -> torch.Tensor:
        """The plain weights, for a model that reads them past its layer."""
        plain: torch.Tensor = torch.ops.quantized.linear_unpack_fp16(self._packed)[0]
        return plain.bfloat16()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return `states` @ weight.T + bias."""
        result: torch.Tensor = torch.ops.quantized.linear_dynamic_fp16(states.float(), self._packed)
        return result.bfloat16()


def halve_linear_layers(model: torch.nn.Module) -> bool:
    """Replace the linear layers of `model` where this processor is faster with them; return whether it did."""
    linear_layers = [module for module in model.modules() if type(module) is torch.nn.Linear]
    if not linear_layers or not all(map(_can_be_halved, linear_layers)):
        return False
    first = linear_layers[0]
    if not computes_as(first, HalfLinear, _TOLERANCE):
        return False
    del first, linear_layers  # so that each layer's plain weights go when its halved ones come
    replace_layers(model, torch.nn.Linear, HalfLinear)
    return True


def _can_be_halved(linear: torch.nn.Linear) -> bool:
    weight = linear.weight.detach()
    if weight.device.type != "cpu" or weight.dtype != torch.bfloat16 or torch.cpu._is_avx512_bf16_supported():
        return False
    return bool((weight.half().float() - weight).abs().max() <= _FINEST)
