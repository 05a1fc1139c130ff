"""The keys and values of texts.

`TextCache` has those of one text. While texts are written together, `WritingGroup` has theirs in one tensor, so that
one call computes the attention of all of them.
"""

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

SMALLEST_CAPACITY = 64  # columns


@dataclass(frozen=True, slots=True)
class CacheShape:
    """Keys and values of one text have the shape [layers, 2, heads, columns, head size]."""

    layers: int
    heads: int
    head_size: int
    dtype: torch.dtype
    device: torch.device

    def empty(self, columns: int) -> torch.Tensor:
        """Return memory for one text."""
        return torch.empty(self.layers, 2, self.heads, columns, self.head_size, dtype=self.dtype, device=self.device)

    @property
    def bytes_per_token(self) -> int:
        """How much memory a token takes."""
        return self.layers * 2 * self.heads * self.head_size * self.dtype.itemsize


class TextCache:
    """The keys and values of one text, one column per token.

    The first `shared_length` columns belong to the text `shared`, which begins alike. The others are in `_own`, or in a
    row of a group.
    """

    __slots__ = ("__weakref__", "_own", "group", "row", "shared", "shared_length")

    def __init__(self, shared: "TextCache | None" = None, shared_length: int = 0) -> None:
        # The text that really has these columns.
        while shared is not None and shared_length <= shared.shared_length:
            shared = shared.shared
        self.shared: TextCache | None = shared
        self.shared_length: int = shared_length
        self._own: torch.Tensor | None = None
        self.group: WritingGroup | None = None
        self.row = 0

    @property
    def is_empty(self) -> bool:
        """Whether the text has no columns of its own."""
        return self._own is None and self.group is None

    def segments(self, length: int) -> list[torch.Tensor]:
        """Return the first `length` columns, as views: [layers, 2, heads, columns, head size] each."""
        before = [] if self.shared is None else self.shared.segments(min(self.shared_length, length))
        count = length - self.shared_length
        if count <= 0:
            return before
        memory = self._own if self.group is None else self.group.columns_of(self.row)
        assert memory is not None  # noqa: S101  # these columns were computed
        return [*before, memory[..., :count, :]]

    def room_for(self, shape: CacheShape, length: int, total: int) -> torch.Tensor:
        """Return the text's own memory, for columns from `shared_length` on. It has room for `total` columns.

        The columns up to `length` are kept.
        """
        wanted = total - self.shared_length
        if self.group is not None or self._own is None or self._own.shape[-2] < wanted:
            memory = shape.empty(wanted)
            if length > self.shared_length:
                kept = self.segments(length)[-1]
                memory[..., : kept.shape[-2], :] = kept
            self._own, self.group = memory, None
        return self._own

    def leave_group(self, shape: CacheShape, length: int) -> None:
        """Copy the text's columns out of its group."""
        self.room_for(shape, length, length)

    def join(self, group: "WritingGroup", row: int, length: int) -> None:
        """Copy all columns into a row of `group`."""
        memory = group.columns_of(row)
        end = 0
        for segment in self.segments(length):
            memory[..., end : end + segment.shape[-2], :] = segment
            end += segment.shape[-2]
        memory[..., end:, :] = 0  # an earlier text's numbers may not be finite
        self.group, self.row = group, row
        self._own, self.shared, self.shared_length = None, None, 0

    def copied(self, shape: CacheShape, length: int) -> "TextCache":
        """Return a copy of the first `length` columns that shares nothing."""
        copy = TextCache()
        copy._own = shape.empty(length)
        torch.cat(self.segments(length), dim=-2, out=copy._own)
        return copy


class WritingGroup:
    """Texts of up to `capacity` tokens that are written together, each in its row of one tensor.

    `memory` is [layers, rows, 2, heads, capacity, head size]. `lengths` are the texts' numbers of columns before the
    pass. When nothing refers to a text any more, its row is free.
    """

    def __init__(self, shape: CacheShape, capacity: int) -> None:
        self._shape = shape
        self.capacity = capacity
        self._texts: list[weakref.ref[TextCache]] = []
        self.lengths: list[int] = []
        self.memory = torch.empty(0)

    def __len__(self) -> int:
        return len(self.lengths)

    def columns_of(self, row: int) -> torch.Tensor:
        """Return the memory of a row: [layers, 2, heads, capacity, head size]."""
        return self.memory[:, row]

    def keep_only(self, texts: Sequence[tuple[TextCache, int]]) -> None:
        """Make `texts`, with their lengths, the group's texts. Texts that are in another group leave it.

        A text's row number is then its `row`.
        """
        wanted = {id(text) for text, _ in texts}
        rows: list[TextCache | None] = [self._kept(row, wanted) for row in range(len(self._texts))]
        new = [text for text, _ in texts if text.group is not self]
        self._grow(len(texts), rows)
        rows += [None] * (len(texts) - len(rows))
        lengths = {id(text): length for text, length in texts}
        moving = iter([text for text in rows[len(texts) :] if text is not None] + new)
        for row in range(len(texts)):
            if rows[row] is None:
                text = next(moving)
                text.join(self, row, lengths[id(text)])
                rows[row] = text
        kept = [text for text in rows[: len(texts)] if text is not None]
        self._texts = [weakref.ref(text) for text in kept]
        self.lengths = [lengths[id(text)] for text in kept]
        if not kept:
            self.memory = torch.empty(0)

    def _kept(self, row: int, wanted: set[int]) -> TextCache | None:
        """Return the text of `row` if it stays. If it goes, but is still used, its columns are copied out."""
        text = self._texts[row]()
        if text is None or text.group is not self:
            return None
        if id(text) in wanted:
            return text
        text.leave_group(self._shape, self.lengths[row] + 1)  # with the token of the last pass
        return None

    def _grow(self, count: int, rows: Iterable[TextCache | None]) -> None:
        have = self.memory.shape[1] if self.memory.dim() > 1 else 0
        if count <= have:
            return
        shape = self._shape
        size = 1 << (count - 1).bit_length()
        # Zeros, because the attention to a column is multiplied by 0 where another text is shorter.
        sizes = (shape.layers, size, 2, shape.heads, self.capacity, shape.head_size)
        memory = torch.zeros(sizes, dtype=shape.dtype, device=shape.device)
        if have and any(text is not None for text in rows):
            memory[:, :have] = self.memory
        self.memory = memory


def capacity_for(tokens: int) -> int:
    """Return the capacity of the group for texts of `tokens` tokens: 64, 128, 256 and so on."""
    return max(SMALLEST_CAPACITY, 1 << (tokens - 1).bit_length())
