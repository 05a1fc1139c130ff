"""The gated feed-forward layer of Llama, Qwen2 and many others, its two elementwise steps done by the linear layers.

SwiGLU (Shazeer 2020, "GLU Variants Improve Transformer"): down(silu(gate(x)) * up(x)). The same numbers but for
rounding; apart they take a fifth of the time of a long prompt.
"""

import logging

import torch

from bot.inference.packed_linear import PackedLinear

_PARTS = ("gate_proj", "up_proj", "down_proj")
_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}  # of the check below, which is to find another kind of layer

log = logging.getLogger(__name__)


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
