"""Linear layers whose weights stand in memory as the processor's matrix kernels (oneDNN) read them.

The same sums as torch.nn.Linear, in another order: float32 results differ by rounding alone. Without it every call
rearranges the weights first, which for a few tokens takes longer than the multiplication.
"""

import torch

from bot.inference.layers import computes_as, replace_layers

ROWS_EXPECTED = 16  # the layout is chosen for about as many tokens at once
_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}  # of the check below, which is to find broken kernels


class PackedLinear(torch.nn.Module):
    """A torch.nn.Linear for inference on the CPU."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.dtype = linear.weight.dtype
        self.bias = linear.bias
        # What PyTorch's own compiler uses for frozen weights (torch/_inductor/fx_passes/mkldnn_fusion.py).
        self._packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), ROWS_EXPECTED)

    @property
    def weight(self) -> torch.Tensor:
        """The plain weights, for a model that reads them past its layer."""
        plain: torch.Tensor = self._packed.to_dense()
        return plain

    def forward(self, states: torch.Tensor, then: str = "none") -> torch.Tensor:
        """Return `states` @ weight.T + bias, to which the elementwise function `then` was applied."""
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, self._packed, self.bias, then, [], "")
        return result

    def times(self, states: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return (`states` @ weight.T + bias) * `other`."""
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(states, other, self._packed, self.bias, "mul")
        return result


def pack_linear_layers(model: torch.nn.Module) -> bool:
    """Replace the linear layers of `model` where this machine can; return whether it did."""
    linear_layers = [module for module in model.modules() if type(module) is torch.nn.Linear]
    if not linear_layers or not all(map(_can_be_packed, linear_layers)):
        return False
    first = linear_layers[0]
    if not computes_as(first, PackedLinear, _TOLERANCE[first.weight.dtype]):
        return False
    del first, linear_layers  # so that each layer's plain weights go when its packed ones come
    replace_layers(model, torch.nn.Linear, PackedLinear)
    return True


def _can_be_packed(linear: torch.nn.Linear) -> bool:
    weight = linear.weight
    has_kernels: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return has_kernels and weight.device.type == "cpu" and weight.dtype in _TOLERANCE
