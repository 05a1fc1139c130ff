"""Linear layers in other layouts and precisions, each proved against the original."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

Layer = TypeVar("Layer", bound=torch.nn.Module)
log = logging.getLogger(__name__)


def replace_layers(model: torch.nn.Module, kind: type[Layer], make: Callable[[Layer], torch.nn.Module]) -> None:
    """Replace each layer of exactly that kind by what `make` makes of it, one by one, so that memory goes at once."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is kind:
                setattr(parent, name, make(child))


@torch.no_grad()
def computes_as(linear: torch.nn.Linear, make: Callable[[torch.nn.Linear], torch.nn.Module], tolerance: float) -> bool:
    """Return whether what `make` makes of a layer computes what the layer does; log which operator lacks."""
    states = torch.linspace(-1, 1, 3 * linear.in_features, dtype=linear.weight.dtype).view(3, -1)
    try:
        expected, computed = linear(states), make(linear)(states)
    except (RuntimeError, AttributeError) as error:  # another build of PyTorch may lack the operators
        log.info("linear layers are left as they are: %s", str(error).partition("\n")[0])
        return False
    scale = expected.abs().max().clamp(min=1)
    return bool(((expected - computed).abs().max() / scale) < tolerance)
