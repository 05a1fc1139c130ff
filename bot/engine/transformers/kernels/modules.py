"""Puts products into transformers' own models, in place of their linear layers."""

import torch

from bot.engine.transformers.kernels import LinearLayer, WeightedProduct, replace_layers
from bot.engine.transformers.kernels.choice import choose_kernels
from bot.engine.transformers.kernels.int4 import Int4Linear
from bot.engine.transformers.kernels.int8 import Int8Linear


class ProductLinear(torch.nn.Module):
    """A linear layer that computes with a product."""

    def __init__(self, layer: LinearLayer, product: WeightedProduct) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.product = product

    @property
    def weight(self) -> torch.Tensor:
        """The plain weights, for models that read them directly."""
        return self.product.weight

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return `states` @ weight.T + bias."""
        rows = states.reshape(-1, states.shape[-1])
        return self.product(rows).to(states.dtype).view(*states.shape[:-1], -1)


def use_kernels(model: torch.nn.Module) -> str:
    """Let `model` compute its linear layers with the fastest kernels. Return their names, or "" if none is used."""
    layers = [module for module in model.modules() if type(module) in _LINEAR]
    is_on_cpu = all(parameter.device.type == "cpu" for parameter in model.parameters())
    kernels = choose_kernels([[layer] for layer in layers]) if layers and is_on_cpu else None
    if kernels is None:
        return ""
    del layers  # frees each layer's plain weights as soon as it is replaced
    for kind in _LINEAR:
        replace_layers(model, kind, lambda layer: ProductLinear(layer, kernels.pack([layer])))
    return kernels.text


_LINEAR: tuple[type[torch.nn.Module], ...] = (torch.nn.Linear, Int8Linear, Int4Linear)
