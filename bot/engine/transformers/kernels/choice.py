"""Which kernels compute a model's products: checked on this machine, and measured on the model's own weights."""

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from bot.engine.transformers.kernels import (
    Activation,
    ByRows,
    Kernel,
    LinearLayer,
    Product,
    WeightedProduct,
    dense,
    int4,
    int8,
)

Layers = Sequence[LinearLayer]  # linear layers that one product computes, with their outputs joined

# The first kernel of each kind is used unless another one is clearly faster, so that each start gives the same numbers.
# The last one works everywhere and with all weights.
KERNELS: dict[str, tuple[Kernel, ...]] = {
    "float32": (dense.Packed(), dense.Plain()),
    "bfloat16": (dense.Packed(), dense.Half(), dense.Plain()),
    "int8": (int8.FBGEMM, int8.ONEDNN, int8.MIXED, int8.WIDENED),
    "int4": (int4.MIXED, int4.WIDENED),
}
# For finding broken kernels, relative to the largest number. bfloat16 rounds to about a hundredth.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
ONE, SEVERAL, PROMPT = 1, 16, 128  # rows for which the kernels are compared: a text, several at once, a prompt
BETWEEN = (2, 4, 8, 12)  # rows at which the best kernel for one row is compared with that for several
BETWEEN_PROMPTS = (32, 64)  # as above, for the best kernels for several rows and for a prompt
# Factors by which another kernel must be faster: instead of the first one, and beside another one, with a second layout
# of the weights. In float32, that takes as much memory as everything else: 2 of 4.9 GB with half a billion parameters.
WORTH = 0.9
WORTH_BESIDE = {"float32": 0.7, "bfloat16": 0.9, "int8": 0.9, "int4": 0.9}
SAMPLE = 60_000_000  # weights measured at most: more than a processor's cache holds
ROUNDS = 4  # the first one also prepares the kernel
UNLIMITED = 1 << 62  # rows

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The kernels by number of rows, each with the most rows for which it is used. The last one has no limit.

    Layers whose weights none of them can represent are packed with `otherwise`. `reason` has the measured times.
    """

    kernels: tuple[tuple[Kernel, int], ...]
    otherwise: Kernel
    reason: str = ""

    @property
    def text(self) -> str:
        """The choice in words. It is the same at each start, unless the times are close."""
        return ", ".join(dict.fromkeys(kernel.name for kernel, _ in self.kernels))

    def pack(self, layers: Layers) -> WeightedProduct:
        """Return one product of `layers`."""
        product: WeightedProduct = self._by_rows(lambda kernel: kernel.pack(layers))
        return product

    def pack_gated(self, gate: LinearLayer, up: LinearLayer, activation: Activation) -> Product:
        """Return activation(gate(x)) * up(x) as one product."""
        product: Product = self._by_rows(lambda kernel: kernel.pack_gated(gate, up, activation))
        return product

    def _by_rows(self, pack: Callable[[Kernel], Product]) -> Any:
        """Return a product that chooses between those of the kernels that can represent the weights."""
        products: list[tuple[Product, int]] = []
        for kernel, most in self.kernels:
            try:
                products.append((pack(kernel), most))
            except ValueError as error:
                log.info("%s: not used for a layer: %s", kernel.name, error)
        if not products or products[-1][1] < UNLIMITED:
            products.append((pack(self.otherwise), UNLIMITED))
        return ByRows.of(products)


@dataclass(frozen=True, slots=True)
class Kernels:
    """The chosen kernels, by the kind of layer: of a dtype, or with rounded weights."""

    choices: dict[str, Choice]

    @property
    def text(self) -> str:
        """The choices in words."""
        return "; ".join(choice.text for choice in self.choices.values())

    @property
    def reason(self) -> str:
        """The measured times in words. "" if there was nothing to choose."""
        return "; ".join(choice.reason for choice in self.choices.values() if choice.reason)

    def pack(self, layers: Layers) -> WeightedProduct:
        """Return one product of `layers`."""
        return self.choices[_kind(layers)].pack(layers)

    def pack_gated(self, gate: LinearLayer, up: LinearLayer, activation: Activation) -> Product:
        """Return activation(gate(x)) * up(x) as one product."""
        return self.choices[_kind([gate, up])].pack_gated(gate, up, activation)


def choose_kernels(groups: Sequence[Layers]) -> Kernels | None:
    """Return the fastest correct kernels for all `groups`, which are layers of one model. None if a group has none."""
    choices: dict[str, Choice] = {}
    for kind in dict.fromkeys(map(_kind, groups)):
        some = [group for group in groups if _kind(group) == kind]
        choice = choose(some, _candidates(kind, some))
        if choice is None:
            return None
        choices[kind] = choice
    return Kernels(choices)


def _candidates(kind: str, groups: Sequence[Layers]) -> Sequence[Kernel]:
    """Return the kernels of a kind. Other devices than the CPU have only the plain one."""
    kernels = KERNELS.get(kind, ())
    is_on_cpu = all(_numbers(layer).device.type == "cpu" for group in groups for layer in group)
    return kernels if is_on_cpu else kernels[-1:]


def _kind(layers: Layers) -> str:
    """Return the key in KERNELS of layers that one product computes, or "" if their kinds differ."""
    kinds = {_KINDS.get(type(layer)) or str(layer.weight.dtype).removeprefix("torch.") for layer in layers}
    return kinds.pop() if len(kinds) == 1 else ""


_KINDS: dict[type, str] = {int8.Int8Linear: "int8", int4.Int4Linear: "int4"}


@torch.no_grad()
def choose(groups: Sequence[Layers], kernels: Sequence[Kernel]) -> Choice | None:
    """Return the fastest of `kernels` that give the plain numbers, or None if none of them does.

    `groups` are layers of one model. Kernels are checked on the first one and measured on the first ones of them.
    """
    correct = correct_kernels(groups[0], kernels)
    if not correct:
        return None
    if len(correct) == 1:
        return Choice(((correct[0], UNLIMITED),), kernels[-1])
    sample = _sample(groups)
    measured = _Measured({kernel: _packed(kernel, sample) for kernel in correct}, sample)
    worth_beside = WORTH_BESIDE[_kind(groups[0])]
    several = measured.faster_than(correct[0], SEVERAL, WORTH) or correct[0]
    chosen = [(several, UNLIMITED)]
    if (prompt := measured.faster_than(several, PROMPT, worth_beside)) is not None:
        chosen = [(several, measured.most_rows(several, prompt, (SEVERAL, *BETWEEN_PROMPTS))), (prompt, UNLIMITED)]
    if (one := measured.faster_than(several, ONE, worth_beside)) is not None:
        chosen.insert(0, (one, measured.most_rows(one, several, (ONE, *BETWEEN))))
    limits = "; ".join(f"{kernel.name} for up to {most} rows" for kernel, most in chosen[:-1])
    reason = f"{measured.text}; {limits}" if limits else measured.text
    log.debug("kernels measured at loading: %s", reason)
    return Choice(tuple(chosen), kernels[-1], reason)


def _packed(kernel: Kernel, sample: Sequence[Layers]) -> list[WeightedProduct]:
    """Return the product of each of `sample` that the kernel can represent. The others count as plain ones."""
    return [Choice(((kernel, UNLIMITED),), KERNELS[_kind(group)][-1]).pack(group) for group in sample]


class _Measured:
    """The seconds that kernels take for some rows by the weights of `sample`, measured when first asked for."""

    def __init__(self, products: dict[Kernel, list[WeightedProduct]], sample: Sequence[Layers]) -> None:
        self._products = products
        self._sample = sample
        self._seconds: dict[tuple[Kernel, int], float] = {}

    def seconds(self, kernel: Kernel, rows: int) -> float:
        """Return the shortest time."""
        key = (kernel, rows)
        if key not in self._seconds:
            self._seconds[key] = _seconds(self._products[kernel], self._sample, rows)
        return self._seconds[key]

    def fastest(self, rows: int) -> Kernel:
        """Return the fastest kernel."""
        return min(self._products, key=lambda kernel: self.seconds(kernel, rows))

    def faster_than(self, other: Kernel, rows: int, factor: float) -> Kernel | None:
        """Return the fastest kernel if it takes less than `factor` of the time of `other`."""
        fastest = self.fastest(rows)
        return fastest if self.seconds(fastest, rows) < factor * self.seconds(other, rows) else None

    def most_rows(self, few: Kernel, many: Kernel, counts: Sequence[int]) -> int:
        """Return the last of the ascending `counts` before `few` is slower than `many`. The first isn't compared."""
        faster = itertools.takewhile(lambda rows: self.seconds(few, rows) <= self.seconds(many, rows), counts[1:])
        return max(faster, default=counts[0])

    @property
    def text(self) -> str:
        """The measured times in words."""
        weights = sum(layer.in_features * layer.out_features for group in self._sample for layer in group)
        sizes = (ONE, SEVERAL, PROMPT)
        times = ", ".join(
            f"{kernel.name} {' / '.join(f'{1000 * self.seconds(kernel, rows):.1f}' for rows in sizes)} ms"
            for kernel in self._products
        )
        return f"{' / '.join(map(str, sizes))} rows by {weights / 1e6:.0f} million weights: {times}"


def correct_kernels(layers: Layers, kernels: Sequence[Kernel]) -> list[Kernel]:
    """Return those of `kernels` that give the numbers of `layers` on this machine. The reasons of others are logged."""
    return [kernel for kernel in kernels if _is_correct(kernel, layers)]


def _sample(groups: Sequence[Layers]) -> list[Layers]:
    sample: list[Layers] = []
    count = 0
    for group in groups:
        sample.append(group)
        count += sum(layer.in_features * layer.out_features for layer in group)
        if count > SAMPLE:
            break
    return sample


def _seconds(products: Sequence[Product], groups: Sequence[Layers], rows: int) -> float:
    """Return the shortest time of a call of each product with `rows` rows. Others on the machine only slow it down."""
    states = {width: linspace_states(rows, width) for width in {_width(group) for group in groups}}
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for product, group in zip(products, groups, strict=True):
            product(states[_width(group)])
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _is_correct(kernel: Kernel, layers: Layers) -> bool:
    """Return whether the kernel gives the plain layers' numbers on this machine. If not, the reason is logged."""
    states = linspace_states(3, _width(layers))
    try:
        if isinstance(kernel, int8.Int8Kernel) and not int8.sums_are_exact(kernel):
            log.info("%s: not used, because its sums overflow", kernel.name)
            return False
        numbers = _numbers(layers[0])
        states = states.to(numbers)
        expected = torch.cat([layer(states) for layer in layers], dim=1).float()
        computed = kernel.pack(layers)(states).float()
    except (RuntimeError, AttributeError, TypeError, ValueError) as error:  # a missing operator, or other weights
        log.info("%s: not used: %s", kernel.name, str(error).partition("\n")[0])
        return False
    tolerance = TOLERANCE[numbers.dtype] * expected.abs().max().clamp(min=1e-3)
    is_close = bool((expected - computed).abs().max() <= tolerance)
    if not is_close:
        log.info("%s: not used, because its numbers differ from the plain layers'", kernel.name)
    return is_close


def _numbers(layer: LinearLayer) -> torch.Tensor:
    """Return a tensor whose dtype and device are the layer's."""
    scale = getattr(layer, "scale", None)
    return scale if isinstance(scale, torch.Tensor) else layer.weight


def _width(layers: Layers) -> int:
    return int(layers[0].in_features)


def linspace_states(rows: int, features: int) -> torch.Tensor:
    """Return inputs for a check, evenly spaced from -1 to 1: [rows, features]."""
    return torch.linspace(-1, 1, rows * features).view(rows, features)
