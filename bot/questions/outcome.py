"""What a receipt needs so that an answer can be repeated and compared."""

import hashlib
import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from typing import Literal

from bot import __version__

TOLERANCE = 1e-4  # of figures, relative and absolute: float32 adds up in another order beside other requests
_LIBRARIES = ("torch", "transformers", "tokenizers")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a result comes down to.

    `input_ids` are all ids that were read, `outputs` the ids that came out, of one text or of several, and `figures`
    the numbers beside them. `is_cut_short` where a person ended it: the outputs are the beginning of what would come.
    """

    input_ids: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    figures: tuple[float, ...] = ()
    is_cut_short: bool = False

    @property
    def output_count(self) -> int:
        """How many ids came out, of all texts."""
        return sum(map(len, self.outputs))


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place at which two outcomes differ, from 0; a value is None where that outcome had ended."""

    kind: Literal["input id", "output id", "figure"]
    position: int
    then: float | None
    now: float | None


@cache
def versions() -> dict[str, str]:
    """Return the versions of everything that computes, by name, without importing any of it; read once."""
    found = {"nightword": __version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:  # put together by hand
            found[library] = "unknown"
    return found


def output_hash(outputs: Sequence[Sequence[int]]) -> str:
    """Return the SHA-256, in hexadecimal, of ids in decimal with a comma between them and a line feed between texts."""
    return hashlib.sha256("\n".join(",".join(map(str, ids)) for ids in outputs).encode("ascii")).hexdigest()


def first_difference(then: Outcome, now: Outcome) -> Difference | None:
    """Return the first difference, None where all ids are the same and all figures within `TOLERANCE`."""
    return (
        _first_other("input id", then.input_ids, now.input_ids)
        or _first_other_output(then.outputs, now.outputs)
        or _first_other("figure", then.figures, now.figures)
    )


def _first_other_output(then: Sequence[Sequence[int]], now: Sequence[Sequence[int]]) -> Difference | None:
    """Return the first difference of several texts, whose ids are counted through."""
    before = 0
    for one, other in zip_longest(then, now, fillvalue=()):
        if (found := _first_other("output id", one, other, before)) is not None:
            return found
        before += len(one)
    return None


def _first_other(
    kind: Literal["input id", "output id", "figure"], then: Sequence[float], now: Sequence[float], before: int = 0
) -> Difference | None:
    for position, (one, other) in enumerate(zip_longest(then, now), start=before):
        if one is None or other is None or not _is_same(one, other):
            return Difference(kind, position, one, other)
    return None


def _is_same(one: float, other: float) -> bool:
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
