"""Linear layers, and the gated MLPs made of them, in the layout that the processor's matrix kernels (oneDNN) read.

The sums are those of torch.nn.Linear in another order: float32 results differ by rounding alone. Without this layout
every call rearranges the weights first, which for a few tokens takes longer than the multiplication.

The gated MLP of Llama, Qwen2 and many others is SwiGLU (Shazeer 2020, "GLU Variants Improve Transformer"):
down(silu(gate(x)) * up(x)). Its two elementwise steps are done by the linear layers; apart they take a fifth of the
time of a long prompt.
"""

import logging

import torch

from bot.engine.transformers.layers import computes_as, replace_layers

ROWS_EXPECTED = 16  # the layout is chosen for about as many tokens at once
_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}  # of the check below, which is to find broken kernels
_PARTS = ("gate_proj", "up_proj", "down_proj")
log = logging.getLogger(__name__)


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


class PackedMLP(torch.nn.Module):
    """A gated feed-forward layer over three packed linear layers."""

    def __init__(self, gate_proj: PackedLinear, up_proj: PackedLinear, down_proj: PackedLinear) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = gate_proj, up_proj, down_proj

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return down(silu(gate(states)) * up(states))."""
        result: torch.Tensor = self.down_proj(self.up_proj.times(states, self.gate_proj(states, "swish")))
        return result


def pack_gated_mlps(model: torch.nn.Module) -> None:
    """Replace the gated feed-forward layers of `model` that compute what PackedMLP computes."""
    right: dict[type, bool] = {}
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            parts = [part for part in (getattr(child, part, None) for part in _PARTS) if isinstance(part, PackedLinear)]
            if len(parts) < len(_PARTS):
                continue
            packed = PackedMLP(*parts)
            if type(child) not in right:
                right[type(child)] = _is_right(child, packed)
            if right[type(child)]:
                setattr(parent, name, packed)


@torch.no_grad()
def _is_right(plain: torch.nn.Module, packed: PackedMLP) -> bool:
    """Return whether both compute the same: another activation or another formula is left as it is."""
    inputs, dtype = packed.gate_proj.in_features, packed.gate_proj.dtype
    states = torch.linspace(-1, 1, 3 * inputs, dtype=dtype).view(1, 3, -1)
    try:
        expected, computed = plain(states), packed(states)
        scale = expected.abs().max().clamp(min=1e-3)
        return bool((expected - computed).abs().max() / scale < _TOLERANCE[dtype])
    except (RuntimeError, AttributeError, TypeError) as error:  # a module of another kind, or operators that lack
        log.info("feed-forward layers stay as they are: %s", str(error).partition("\n")[0])
        return False
