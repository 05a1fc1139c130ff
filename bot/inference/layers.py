"""Replacing the layers of a model by others that compute the same."""

from collections.abc import Callable
from typing import TypeVar

import torch

Layer = TypeVar("Layer", bound=torch.nn.Module)


def replace_layers(model: torch.nn.Module, kind: type[Layer], make: Callable[[Layer], torch.nn.Module]) -> None:
    """Replace each layer of exactly that kind by what `make` makes of it, one by one, so that memory goes at once."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is kind:
                setattr(parent, name, make(child))
