"""The effect of each word of a text on what a model says: the words are left out in turn."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

MAX_GROUPS = 64  # groups of adjacent words; each group is left out once
CONTENT_FREE = ("N/A", "", "[MASK]")  # texts without content (Zhao et al. 2021, section 5)
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class WordEvidence:
    """A word of a text, or several adjacent ones, at `text[start:end]`.

    `effect` is the margin of the whole text, minus the margin of the text without these words. Above 0 the words count
    for the label or token whose margin it is, below 0 against it.
    """

    start: int
    end: int
    text: str
    effect: float


@dataclass(frozen=True, slots=True)
class WordGroups:
    """The words of a text in groups of adjacent ones, which are left out in turn.

    Words end at white space and include punctuation. `spans` are the start and end of each group. A group has
    `together` words (the last one can have fewer): 1, or more if the text has more words than groups.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    together: int

    @classmethod
    def of(cls, text: str, limit: int = MAX_GROUPS) -> Self:
        """Return the words of `text` in at most `limit` groups."""
        words = [match.span() for match in _WORD.finditer(text)]
        together = max(1, math.ceil(len(words) / limit))
        groups = [words[first : first + together] for first in range(0, len(words), together)]
        return cls(text, tuple((group[0][0], group[-1][1]) for group in groups), together)

    @property
    def reduced(self) -> list[str]:
        """The text without each of the groups."""
        return [without(self.text, start, end) for start, end in self.spans]

    def evidence(self, whole: float, reduced: Sequence[float]) -> tuple[WordEvidence, ...]:
        """Return the effect of each group: `whole` is the margin of the text, `reduced` are those of `self.reduced`."""
        return tuple(
            WordEvidence(start, end, self.text[start:end], whole - margin)
            for (start, end), margin in zip(self.spans, reduced, strict=True)
        )


def without(text: str, start: int, end: int) -> str:
    """Return `text` without `text[start:end]` and the white space after it, or before it at the end."""
    before, after = text[:start], text[end:]
    if after.strip():
        return before + after.lstrip()
    return before.rstrip() + after if before.strip() else before + after
