"""Texts whose keys and values are kept for later texts that begin alike: questions, walks and conversations."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from bot.engine.transformers.sequences import Decoding

KEPT_TOKENS = 4096  # at most, in all
KEPT_BYTES = 256_000_000  # at most; 4,096 tokens of Qwen2-0.5B in float32 take 100 MB
WORTH_SHARING = 16  # tokens; attention to fewer shared columns takes as long as computing them again


class Start(NamedTuple):
    """The first `length` tokens of a computed text."""

    text: Decoding
    length: int


class KeptTexts:
    """Computed texts. The ones that were not used for longest are dropped first.

    A token takes `bytes_per_token`, if that is known. `most` tokens are kept.
    """

    def __init__(self, bytes_per_token: int | None) -> None:
        self.most = min(KEPT_TOKENS, KEPT_BYTES // (bytes_per_token or 1))
        self._texts: OrderedDict[tuple[int, ...], Decoding] = OrderedDict()

    @property
    def tokens(self) -> int:
        """How many tokens are kept."""
        return sum(map(len, self._texts))

    def longest_start(self, ids: Sequence[int], most: int) -> Start | None:
        """Return the kept text with which `ids` share the longest beginning, up to `most` tokens.

        None if no text shares enough.
        """
        if most < WORTH_SHARING:
            return None
        lengths = {key: min(most, common_length(key, ids)) for key in self._texts}
        key = max(lengths, key=lambda text: lengths[text], default=())
        if lengths.get(key, 0) < WORTH_SHARING:
            return None
        self._texts.move_to_end(key)
        return Start(self._texts[key], lengths[key])

    def keep(self, decoding: Decoding) -> None:
        """Keep a computed text, in place of the kept texts with which it begins."""
        key = tuple(decoding.ids[: decoding.length])
        for other in [other for other in self._texts if other == key[: len(other)]]:
            del self._texts[other]
        self._texts[key] = decoding
        while len(self._texts) > 1 and self.tokens > self.most:
            self._texts.popitem(last=False)


def common_length(some: Sequence[int], others: Sequence[int]) -> int:
    """Return how many ids two texts have in common at their beginnings."""
    shorter = min(len(some), len(others))
    if list(some[:shorter]) == list(others[:shorter]):
        return shorter
    return next(position for position in range(shorter) if some[position] != others[position])
