"""Faster or smaller linear layers. Each is used only if it matches the original layer's numbers on this machine."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

# For finding broken kernels. bfloat16 rounds to about a hundredth.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}

Layer = TypeVar("Layer", bound=torch.nn.Module)
log = logging.getLogger(__name__)


def replace_layers(model: torch.nn.Module, kind: type[Layer], make: Callable[[Layer], torch.nn.Module]) -> None:
    """Replace each layer of exactly the class `kind` by `make(layer)`, one by one to free memory early."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is kind:
                setattr(parent, name, make(child))


def replace_linear_layers(
    model: torch.nn.Module,
    make: Callable[[torch.nn.Linear], torch.nn.Module],
    can_replace: Callable[[torch.nn.Linear], bool],
    *,
    otherwise: str,
) -> bool:
    """Replace every linear layer of `model` if each can be replaced and the first one's results match.

    Return whether they were replaced. If not, `otherwise` is logged with the reason.
    """
    linear_layers = [module for module in model.modules() if type(module) is torch.nn.Linear]
    if not linear_layers or not all(map(can_replace, linear_layers)) or not _matches(linear_layers[0], make, otherwise):
        return False
    del linear_layers  # frees each layer's plain weights as soon as it is replaced
    replace_layers(model, torch.nn.Linear, make)
    return True


def _matches(linear: torch.nn.Linear, make: Callable[[torch.nn.Linear], torch.nn.Module], otherwise: str) -> bool:
    dtype = linear.weight.dtype
    states = linspace_states(3, linear.in_features, dtype)
    return matches_reference(
        lambda: make(linear)(states), lambda: linear(states), TOLERANCE[dtype], otherwise=otherwise
    )


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
