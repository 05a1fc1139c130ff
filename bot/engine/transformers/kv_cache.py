"""The keys and values of running texts: preallocated caches, and merging them into one batch."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from transformers.cache_utils import Cache, DynamicLayer

from bot.engine.transformers.sequences import Decoding

SPARE_COLUMNS = 64  # free columns after each reallocation


class PreallocatedLayer(DynamicLayer):  # type: ignore[no-untyped-call]  # transformers leaves a hook of its classes untyped
    """One layer's keys and values, [rows, heads, columns, head size] each, with free columns after them."""

    keys: torch.Tensor
    values: torch.Tensor

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append columns, and return all keys and values. The memory is copied only when no column is free."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._use(key_states, value_states, key_states.shape[-2])
            return key_states, value_states
        end, width = self.keys.shape[-2], key_states.shape[-2]
        if end + width > self._memory[0].shape[-2]:
            spare = width + SPARE_COLUMNS
            self._use(_right_aligned(list(self.keys), end, spare), _right_aligned(list(self.values), end, spare), end)
        for memory, new in zip(self._memory, (key_states, value_states), strict=True):
            memory[..., end : end + width, :] = new
        self._use(*self._memory, end + width)
        return self.keys, self.values

    def fill(self, rows: "list[RowStart]", end: int) -> None:
        """Copy the start of each row from another layer. All rows then end in column `end`."""
        source = rows[0].layer
        self.lazy_initialization(source.keys, source.values)
        self._use(
            _right_aligned([row.of(row.layer.keys) for row in rows], end),
            _right_aligned([row.of(row.layer.values) for row in rows], end),
            end,
        )

    def _use(self, keys: torch.Tensor, values: torch.Tensor, end: int) -> None:
        self._memory = (keys, values)
        self.keys, self.values = keys[..., :end, :], values[..., :end, :]


@dataclass(frozen=True, slots=True)
class CacheRow:
    """The row of a cache that holds a text's keys and values. They end in the cache's last column."""

    cache: Cache  # its layers are PreallocatedLayers
    row: int


class RowStart(NamedTuple):
    """The first `kept` of a text's `length` columns. The text ends in the last column of `row`."""

    layer: PreallocatedLayer
    row: int
    length: int
    kept: int

    def of(self, states: torch.Tensor) -> torch.Tensor:
        """Return these columns of the layer's keys or values, [heads, kept, head size]."""
        start = states.shape[-2] - self.length
        return states[self.row, :, start : start + self.kept]


def _right_aligned(rows: list[torch.Tensor], end: int, spare: int = SPARE_COLUMNS) -> torch.Tensor:
    """Return `rows` [heads, length, head size] in one tensor, with zeros before them and `spare` columns after."""
    heads, _, size = rows[0].shape
    memory = rows[0].new_zeros(len(rows), heads, end + spare, size)
    for row, states in enumerate(rows):
        memory[row, :, end - states.shape[1] : end] = states
    return memory


def merge_caches(decodings: list[Decoding], kept: list[int]) -> Cache:
    """Return a new cache with the first `kept` columns of each text, all ending in the same column."""
    cache_rows = {id(decoding): decoding.cache for decoding in decodings if isinstance(decoding.cache, CacheRow)}
    any_cache = next(iter(cache_rows.values())).cache
    cache = Cache(layer_class_to_replicate=PreallocatedLayer)
    for index in range(len(any_cache.layers)):

        def row_start(decoding: Decoding, count: int, index: int = index) -> RowStart:
            cache_row = cache_rows.get(id(decoding)) or CacheRow(any_cache, 0)
            layer = cache_row.cache.layers[index]
            assert isinstance(layer, PreallocatedLayer)  # noqa: S101  # these caches have no other kind of layer
            return RowStart(layer, cache_row.row, decoding.length, count)

        merged = PreallocatedLayer()  # type: ignore[no-untyped-call]  # as transformers' own
        merged.fill(list(map(row_start, decodings, kept)), max(kept))
        cache.layers.append(merged)
    return cache


@dataclass(slots=True)
class Batch:
    """Texts whose next tokens are computed together. Their keys and values are the rows of one cache."""

    decodings: list[Decoding]
    cache: Cache

    @classmethod
    def of(cls, decodings: list[Decoding]) -> "Batch":
        """Merge the caches of `decodings`, and point them to the new cache."""
        cache = merge_caches(decodings, [decoding.length for decoding in decodings])
        for row, decoding in enumerate(decodings):
            decoding.cache = CacheRow(cache, row)
        return cls(decodings, cache)
