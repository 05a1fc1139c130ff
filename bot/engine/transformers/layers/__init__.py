"""Faster or smaller linear layers. Each is used only if it matches the original layer's numbers on this machine."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

Layer = TypeVar("Layer", bound=torch.nn.Module)
log = logging.getLogger(__name__)


def replace_layers(model: torch.nn.Module, kind: type[Layer], make: Callable[[Layer], torch.nn.Module]) -> None:
    """Replace each layer of exactly the class `kind` by `make(layer)`, one by one to free memory early."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is kind:
                setattr(parent, name, make(child))


@torch.no_grad()
def matches_reference(
    compute: Callable[[], torch.Tensor],
    reference: Callable[[], torch.Tensor],
    tolerance: float,
    *,
    otherwise: str,
    smallest_scale: float = 1.0,
) -> bool:
    """Return whether `compute` gives the numbers of `reference`, with differences up to `tolerance` times their scale.

    The scale is the largest number of `reference`, but at least `smallest_scale`. If this machine or build of PyTorch
    can't compute one of them, the result is False, and `otherwise` is logged with the reason.
    """
    try:
        expected, computed = reference(), compute()
    except (RuntimeError, AttributeError, TypeError) as error:  # a missing operator, or a layer with other arguments
        log.info("%s: %s", otherwise, str(error).partition("\n")[0])
        return False
    scale = expected.abs().max().clamp(min=smallest_scale)
    return bool((expected - computed).abs().max() <= tolerance * scale)


def linspace_states(rows: int, features: int, dtype: torch.dtype) -> torch.Tensor:
    """Return inputs for a check, evenly spaced from -1 to 1: [rows, features]."""
    return torch.linspace(-1, 1, rows * features, dtype=dtype).view(rows, features)
