"""The keys and values of several sequences in one memory."""

from dataclasses import dataclass

from transformers.cache_utils import Cache

from bot.inference.growing_layer import Columns, GrowingLayer
from bot.inference.sequences import Place, Sequence


def gathered(sequences: list[Sequence], kept: list[int]) -> Cache:
    """Return a new memory with the first `kept` columns of each of `sequences`, all ending in the same column."""
    places = [sequence.place for sequence in sequences]
    any_cache = next(place.cache for place in places if place is not None)
    cache = Cache(layer_class_to_replicate=GrowingLayer)
    for index in range(len(any_cache.layers)):

        def columns(sequence: Sequence, count: int, index: int = index) -> Columns:
            place = sequence.place or Place(any_cache, 0)
            return Columns(place.cache.layers[index], place.row, sequence.length, count)

        layer = GrowingLayer()  # type: ignore[no-untyped-call]  # as transformers' own
        layer.gather(list(map(columns, sequences, kept)), max(kept))
        cache.layers.append(layer)
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
