"""The keys and values of running texts: caches that grow in place, merged for a batch."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from transformers.cache_utils import Cache, DynamicLayer

from bot.engine.transformers.sequences import Place, Sequence

ROOM = 64  # columns by which the memory grows


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]  # transformers leaves a hook of its classes untyped
    """One layer's keys and values, with room for what comes: [rows, heads, columns, head size] each."""

    keys: torch.Tensor
    values: torch.Tensor

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append columns; the memory is copied only where its room is used up."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._take(key_states, value_states, key_states.shape[-2])
            return key_states, value_states
        end, columns = self.keys.shape[-2], key_states.shape[-2]
        if end + columns > self._memory[0].shape[-2]:
            room = columns + ROOM
            self._take(_right_aligned(list(self.keys), end, room), _right_aligned(list(self.values), end, room), end)
        for memory, new in zip(self._memory, (key_states, value_states), strict=True):
            memory[..., end : end + columns, :] = new
        self._take(*self._memory, end + columns)
        return self.keys, self.values

    def gather(self, rows: "list[Columns]", end: int) -> None:
        """Take each row's first columns from another layer, so that all end in column `end`."""
        source = rows[0].layer
        self.lazy_initialization(source.keys, source.values)
        self._take(
            _right_aligned([row.of(row.layer.keys) for row in rows], end),
            _right_aligned([row.of(row.layer.values) for row in rows], end),
            end,
        )

    def _take(self, keys: torch.Tensor, values: torch.Tensor, end: int) -> None:
        self._memory = (keys, values)
        self.keys, self.values = keys[..., :end, :], values[..., :end, :]


class Columns(NamedTuple):
    """The first `kept` columns of a text of `length` columns, which ends in the last column of `row`."""

    layer: GrowingLayer
    row: int
    length: int
    kept: int

    def of(self, states: torch.Tensor) -> torch.Tensor:
        """Return them, [heads, kept, head size]."""
        start = states.shape[-2] - self.length
        return states[self.row, :, start : start + self.kept]


def _right_aligned(rows: list[torch.Tensor], end: int, room: int = ROOM) -> torch.Tensor:
    """Return `rows` [heads, length, head size] in one memory with `room` columns after them, zeros before them."""
    heads, _, size = rows[0].shape
    memory = rows[0].new_zeros(len(rows), heads, end + room, size)
    for row, states in enumerate(rows):
        memory[row, :, end - states.shape[1] : end] = states
    return memory


def gathered(sequences: list[Sequence], kept: list[int]) -> Cache:
    """Return a new memory with the first `kept` columns of each of `sequences`, all ending in the same column."""
    places = [sequence.place for sequence in sequences]
    any_cache = next(place.cache for place in places if place is not None)
    cache = Cache(layer_class_to_replicate=GrowingLayer)
    for index in range(len(any_cache.layers)):

        def columns(sequence: Sequence, count: int, index: int = index) -> Columns:
            place = sequence.place or Place(any_cache, 0)
            layer = place.cache.layers[index]
            assert isinstance(layer, GrowingLayer)  # noqa: S101  # no other kind is put into these caches
            return Columns(layer, place.row, sequence.length, count)

        merged = GrowingLayer()  # type: ignore[no-untyped-call]  # as transformers' own
        merged.gather(list(map(columns, sequences, kept)), max(kept))
        cache.layers.append(merged)
    return cache


@dataclass(slots=True)
class Batch:
    """Sequences under way whose keys and values stand in one memory, a row each."""

    sequences: list[Sequence]
    cache: Cache

    @classmethod
    def of(cls, sequences: list[Sequence]) -> "Batch":
        """Return a new memory with what `sequences` have in others."""
        cache = gathered(sequences, [sequence.length for sequence in sequences])
        for row, sequence in enumerate(sequences):
            sequence.place = Place(cache, row)
        return cls(sequences, cache)
