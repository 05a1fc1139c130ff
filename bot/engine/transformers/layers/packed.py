"""Linear layers and gated MLPs whose weights have the memory layout of the processor's matrix kernels (oneDNN).

The sums are those of torch.nn.Linear in another order, so float32 results differ only by rounding. Without this layout
every call rearranges the weights first, which takes longer than the multiplication for a few tokens.

The gated MLP of Llama, Qwen2 and many others is SwiGLU (Shazeer 2020, "GLU Variants Improve Transformer"):
down(silu(gate(x)) * up(x)). The linear layers also do its two elementwise steps, which would take a fifth of the time
of a long prompt on their own.
"""

import torch

from bot.engine.transformers.layers import TOLERANCE, linspace_states, matches_reference, replace_linear_layers

ROWS_EXPECTED = 16  # tokens at once for which the layout is optimized
_PARTS = ("gate_proj", "up_proj", "down_proj")


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
        """The plain weights, for models that read them directly."""
        plain: torch.Tensor = self._packed.to_dense()
        return plain

    def forward(self, states: torch.Tensor, then: str = "none") -> torch.Tensor:
        """Return `then`(`states` @ weight.T + bias), where `then` is an elementwise function of oneDNN."""
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, self._packed, self.bias, then, [], "")
        return result

    def times(self, states: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return (`states` @ weight.T + bias) * `other`."""
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(states, other, self._packed, self.bias, "mul")
        return result


def pack_linear_layers(model: torch.nn.Module) -> bool:
    """Replace the linear layers of `model` if this machine has the kernels. Return whether it did."""
    return replace_linear_layers(model, PackedLinear, _can_be_packed, otherwise="linear layers are not packed")


def _can_be_packed(linear: torch.nn.Linear) -> bool:
    weight = linear.weight
    has_kernels: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return has_kernels and weight.device.type == "cpu" and weight.dtype in TOLERANCE


class PackedMLP(torch.nn.Module):
    """A gated MLP of three packed linear layers."""

    def __init__(self, gate_proj: PackedLinear, up_proj: PackedLinear, down_proj: PackedLinear) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = gate_proj, up_proj, down_proj

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return down(silu(gate(states)) * up(states))."""
        result: torch.Tensor = self.down_proj(self.up_proj.times(states, self.gate_proj(states, "swish")))
        return result


def pack_gated_mlps(model: torch.nn.Module) -> None:
    """Replace the gated MLPs of `model` that compute the same as PackedMLP."""
    is_packable: dict[type, bool] = {}
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            parts = [part for part in (getattr(child, part, None) for part in _PARTS) if isinstance(part, PackedLinear)]
            if len(parts) < len(_PARTS):
                continue
            packed = PackedMLP(*parts)
            if type(child) not in is_packable:
                is_packable[type(child)] = _mlp_matches(child, packed)
            if is_packable[type(child)]:
                setattr(parent, name, packed)


def _mlp_matches(plain: torch.nn.Module, packed: PackedMLP) -> bool:
    """Return whether `packed` computes the same. It doesn't if `plain` uses another activation or formula."""
    dtype = packed.gate_proj.dtype
    states = linspace_states(3, packed.gate_proj.in_features, dtype)[None]
    return matches_reference(
        lambda: packed(states), lambda: plain(states), TOLERANCE[dtype], otherwise="gated MLPs are not packed",
        smallest_scale=1e-3,
    )  # fmt: skip
