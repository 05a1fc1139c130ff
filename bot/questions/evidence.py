"""The effect of each word of a text on a verdict: the words are left out in turn."""

import math
import re
from dataclasses import dataclass

MAX_GROUPS = 64  # groups of adjacent words; each group is left out once
CONTENT_FREE = ("N/A", "", "[MASK]")  # texts without content (Zhao et al. 2021, section 5)
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class WordEvidence:
    """A word of a text, or several adjacent ones, at `text[start:end]`.

    `effect` is the margin of the whole text, minus the margin of the text without these words. Above 0 the words count
    for the label whose margin it is, below 0 against it.
    """

    start: int
    end: int
    text: str
    effect: float


def word_groups(text: str, limit: int = MAX_GROUPS) -> tuple[list[tuple[int, int]], int]:
    """Return the start and end of each of at most `limit` groups of adjacent words, and the words per group."""
    words = [match.span() for match in _WORD.finditer(text)]
    together = max(1, math.ceil(len(words) / limit))
    groups = [words[first : first + together] for first in range(0, len(words), together)]
    return [(group[0][0], group[-1][1]) for group in groups], together


def without(text: str, start: int, end: int) -> str:
    """Return `text` without `text[start:end]` and the white space after it, or before it at the end."""
    before, after = text[:start], text[end:]
    if after.strip():
        return before + after.lstrip()
    return before.rstrip() + after if before.strip() else before + after
