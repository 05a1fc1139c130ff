"""The keys and values of one layer, in a memory with room, so that a new token copies nothing but itself."""

from typing import Any, NamedTuple

import torch
from transformers.cache_utils import DynamicLayer

ROOM = 64  # columns by which the memory grows


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]  # transformers leaves a hook of its classes untyped
    """One layer's keys and values, with room for what comes: [rows, heads, columns, head size] each."""

    keys: torch.Tensor
    values: torch.Tensor

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
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
