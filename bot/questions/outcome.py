"""What a receipt stores to repeat an answer and compare the outcomes."""

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

TOLERANCE = 1e-4  # for figures, relative and absolute: a batch adds float32 numbers in another order
_LIBRARIES = ("torch", "transformers", "tokenizers")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The ids and figures of a result.

    `input_ids` are all ids that the model read. `outputs` are the output ids of each text, or the candidates. `figures`
    are the numbers that rounding can change a little, so no counts or ranks. If `is_cut_short`, a person stopped the
    answer, and the outputs are only its beginning.
    """

    input_ids: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    figures: tuple[float, ...] = ()
    is_cut_short: bool = False

    @property
    def output_count(self) -> int:
        """The number of output ids in all texts."""
        return sum(map(len, self.outputs))


@dataclass(frozen=True, slots=True)
class Difference:
    """The first position, from 0, at which two outcomes differ. A value is None if that outcome ended before it."""

    kind: Literal["input id", "output id", "figure"]
    position: int
    then: float | None
    now: float | None


@cache
def versions() -> dict[str, str]:
    """Return the versions of Nightword, Python and the libraries, by name, without importing them. Cached."""
    by_name = {"nightword": __version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            by_name[library] = version(library)
        except PackageNotFoundError:  # not installed as a package
            by_name[library] = "unknown"
    return by_name


def output_hash(outputs: Sequence[Sequence[int]]) -> str:
    """Return the hexadecimal SHA-256 of the ids in decimal, with commas between ids and line feeds between texts."""
    return hashlib.sha256("\n".join(",".join(map(str, ids)) for ids in outputs).encode("ascii")).hexdigest()


def first_difference(then: Outcome, now: Outcome) -> Difference | None:
    """Return the first difference, or None if all ids are equal and all figures within `TOLERANCE`."""
    return (
        _first_difference_of("input id", then.input_ids, now.input_ids)
        or _first_output_difference(then.outputs, now.outputs)
        or _first_difference_of("figure", then.figures, now.figures)
    )


def _first_output_difference(then: Sequence[Sequence[int]], now: Sequence[Sequence[int]]) -> Difference | None:
    """Return the first difference of several texts. Positions continue from one text to the next."""
    before = 0
    for old_ids, new_ids in zip_longest(then, now, fillvalue=()):
        if (difference := _first_difference_of("output id", old_ids, new_ids, before)) is not None:
            return difference
        before += len(old_ids)
    return None


def _first_difference_of(
    kind: Literal["input id", "output id", "figure"], then: Sequence[float], now: Sequence[float], before: int = 0
) -> Difference | None:
    for position, (old, new) in enumerate(zip_longest(then, now), start=before):
        if old is None or new is None or not _is_same(old, new):
            return Difference(kind, position, old, new)
    return None


def _is_same(old: float, new: float) -> bool:
    if isinstance(old, int) and isinstance(new, int):
        return old == new
    return math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
