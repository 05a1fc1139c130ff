"""The order of boxes that follow each other like the words of a text, by Unicode's bidirectional algorithm (UAX #9).

A box counts as one character, with the direction of its first letter, or else of its first digit. Brackets are treated
like other punctuation.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

_STRONG = ("L", "R", "AL")
_NUMBERS = ("EN", "AN")
_SEPARATORS = ("ES", "ET", "CS")  # of numbers: signs, units, and commas
# An escape shows another character, so its letters have no direction.
_ESCAPED = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}")


def is_right_to_left(texts: Iterable[str]) -> bool:
    """Return whether texts run from right to left: their first letter does (P2 and P3)."""
    return next((class_ != "L" for class_ in map(bidi_class, texts) if class_ in _STRONG), False)


def bidi_class(text: str) -> str:
    """Return the bidirectional class of a box, such as ``L``, ``R`` or ``EN``."""
    classes = [unicodedata.bidirectional(character) for character in _ESCAPED.sub("", text)]
    for wanted in (_STRONG, _NUMBERS):
        if first := next((class_ for class_ in classes if class_ in wanted), None):
            return first
    return classes[0] if len(set(classes)) == 1 and classes[0] in _SEPARATORS else "ON"


def levels_of(classes: Sequence[str], *, right_to_left: bool) -> list[int]:
    """Return the level of each box of a paragraph, which `visual_order` needs."""
    base = "R" if right_to_left else "L"
    resolved = _neutrals_resolved(_numbers_resolved(classes, base), base)
    if right_to_left:
        return [1 if class_ == "R" else 2 for class_ in resolved]
    return [{"L": 0, "R": 1}.get(class_, 2) for class_ in resolved]


def visual_order(levels: Sequence[int]) -> list[int]:
    """Return the indices of a line's boxes from left to right (L2)."""
    order = list(range(len(levels)))
    for level in range(max(levels, default=0), 0, -1):
        order = [
            index
            for is_reversed, run in groupby(order, key=lambda index: levels[index] >= level)
            for index in (reversed(list(run)) if is_reversed else run)
        ]
    return order


def _numbers_resolved(classes: Sequence[str], base: str) -> list[str]:
    """Return the classes after the rules W2 to W7: L, R, EN, AN and ON are left."""
    resolved = list(classes)
    for index, before in enumerate(_strong_before(classes, base)):
        if resolved[index] == "EN" and before == "AL":
            resolved[index] = "AN"  # W2
    resolved = ["R" if class_ == "AL" else class_ for class_ in resolved]  # W3
    for index in range(1, len(resolved) - 1):  # W4
        number = resolved[index - 1]
        if number == resolved[index + 1] and (number, resolved[index]) in (("EN", "ES"), ("EN", "CS"), ("AN", "CS")):
            resolved[index] = number
    for run in _runs(resolved, "ET"):  # W5
        if "EN" in (*resolved[max(0, run.start - 1) : run.start], *resolved[run.stop : run.stop + 1]):
            resolved[run.start : run.stop] = ["EN"] * len(run)
    resolved = ["ON" if class_ in _SEPARATORS else class_ for class_ in resolved]  # W6
    strong = list(_strong_before(resolved, base))
    return ["L" if pair == ("EN", "L") else pair[0] for pair in zip(resolved, strong, strict=True)]  # W7


def _neutrals_resolved(classes: Sequence[str], base: str) -> list[str]:
    """Return the classes after the rules N1 and N2: neutrals between two of one direction have it, others the base."""
    resolved = list(classes)
    for run in _runs(classes, "ON"):
        before = classes[run.start - 1] if run.start else base
        after = classes[run.stop] if run.stop < len(classes) else base
        sides = {"R" if side in _NUMBERS else side for side in (before, after)}
        resolved[run.start : run.stop] = [sides.pop() if len(sides) == 1 else base] * len(run)
    return resolved


def _strong_before(classes: Sequence[str], base: str) -> Iterator[str]:
    """Yield the last strong class before each index."""
    last = base
    for class_ in classes:
        yield last
        if class_ in _STRONG:
            last = class_


def _runs(classes: Sequence[str], wanted: str) -> Iterator[range]:
    """Yield the runs of a class."""
    for class_, run in groupby(range(len(classes)), key=lambda index: classes[index]):
        if class_ == wanted:
            indices = list(run)
            yield range(indices[0], indices[-1] + 1)
