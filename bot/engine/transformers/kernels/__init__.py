"""Matrix products with fixed weights, by the fastest kernels of this machine.

A `Kernel` packs the weights of linear layers into a `Product`. Each kernel is used only if it gives the numbers of the
plain layers on this machine. `choice` measures which one is fastest for one row and for many.

1. `dense`: float32 and bfloat16 weights: plain, in oneDNN's layout, or as float16.
2. `int8` and `int4`: rounded weights, and the plain layers that define their numbers.
3. `choice`: checks and measures the kernels of a dtype.
4. `modules`: puts products into transformers' models.
5. `processor`: what the processor can compute with, for `nightword doctor`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import torch

Activation = Callable[[torch.Tensor], torch.Tensor]
# torch.nn.Linear, Int8Linear or Int4Linear. torch types the attributes of modules as any tensor or module.
LinearLayer: TypeAlias = Any
Layer = TypeVar("Layer", bound=torch.nn.Module)
SCRATCH = 5_000_000  # weights widened at a time, 10 MB: a whole layer of a small model


class Product(Protocol):
    """Computes `states` @ weight.T + bias: [rows, in features] to [rows, out features].

    `states` are float32 or bfloat16. The result can have either dtype, whichever the kernel computes.
    """

    def __call__(self, states: torch.Tensor, /) -> torch.Tensor:
        """Return the product."""
        ...


class WeightedProduct(Product, Protocol):
    """A product that can return its weights."""

    @property
    def weight(self) -> torch.Tensor:
        """The plain weights [out features, in features], in the dtype of the layers."""
        ...


class Kernel(Protocol):
    """One way of computing products."""

    @property
    def name(self) -> str:
        """What it is, as people read it."""
        ...

    def pack(self, layers: Sequence[LinearLayer]) -> WeightedProduct:
        """Return one product of all `layers`, with their outputs joined in this order.

        Raises RuntimeError, AttributeError or TypeError if this build of PyTorch doesn't have the kernel, and
        ValueError if the kernel can't represent these weights.
        """
        ...

    def pack_gated(self, gate: LinearLayer, up: LinearLayer, activation: Activation) -> Product:
        """Return activation(gate(x)) * up(x) as one product. Raises the errors of `pack`."""
        ...


class GatedProduct:
    """activation(gate(x)) * up(x), from one product that computes both."""

    def __init__(self, both: Product, activation: Activation) -> None:
        self._both = both
        self._activation = activation

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        gate, up = self._both(states).chunk(2, dim=-1)
        return self._activation(gate).mul_(up)


class JoiningKernel(ABC):
    """A kernel whose gated products are one product of both layers."""

    @abstractmethod
    def pack(self, layers: Sequence[LinearLayer]) -> WeightedProduct:
        """Return one product of all `layers`. Raises the errors of `Kernel.pack`."""

    def pack_gated(self, gate: LinearLayer, up: LinearLayer, activation: Activation) -> Product:
        """Return activation(gate(x)) * up(x) as one product. Raises the errors of `pack`."""
        return GatedProduct(self.pack([gate, up]), activation)


class ByRows:
    """Uses one of several products, by the number of rows. Each has the most rows for which it is used."""

    def __init__(self, products: Sequence[tuple[Product, int]]) -> None:
        self._products = products

    @classmethod
    def of(cls, products: Sequence[tuple[Any, int]]) -> Any:
        """Return the only product of `products`, or one that chooses."""
        return products[0][0] if len(products) == 1 else cls(products)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        count = len(states)
        return next(product for product, most in self._products if count <= most)(states)

    @property
    def weight(self) -> torch.Tensor:
        """The plain weights. A gated product has none."""
        weight: torch.Tensor = self._products[0][0].weight  # type: ignore[attr-defined]  # not every product has it
        return weight


def joined_bias(layers: Sequence[LinearLayer], features: Sequence[int]) -> torch.Tensor | None:
    """Return the biases joined, with zeros for a layer without one. None if no layer has one."""
    biases = [layer.bias for layer in layers]
    known = next((bias for bias in biases if bias is not None), None)
    if known is None:
        return None
    pairs = zip(biases, features, strict=True)
    return torch.cat([known.new_zeros(count) if bias is None else bias.detach() for bias, count in pairs])


def scratch_for(model: torch.nn.Module) -> torch.Tensor:
    """Return memory in which the layers of `model` widen their rounded weights, at least one output at a time."""
    widest = max((layer.in_features for layer in model.modules() if type(layer) is torch.nn.Linear), default=0)
    return torch.empty(max(SCRATCH, widest), dtype=torch.bfloat16)


def parts(count: int, at_a_time: int) -> list[slice]:
    """Return slices of at most `at_a_time` that cover `count`."""
    return [slice(start, start + at_a_time) for start in range(0, count, at_a_time)]


def replace_layers(model: torch.nn.Module, kind: type[Layer], make: Callable[[Layer], torch.nn.Module]) -> None:
    """Replace each layer of exactly the class `kind` by `make(layer)`, one by one to free memory early."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is kind:
                setattr(parent, name, make(child))
