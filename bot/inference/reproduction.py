"""What a receipt needs so that an answer can be repeated and compared."""

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest

from bot import __version__

_LIBRARIES = ("torch", "transformers", "tokenizers")


def versions() -> dict[str, str]:
    """Return the versions of everything that computes, by name, without importing any of it."""
    found = {"nightword": __version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:  # put together by hand
            found[library] = "unknown"
    return found


def output_hash(ids: Sequence[int]) -> str:
    """Return the SHA-256 of `ids`, written in decimal with a comma between them, in hexadecimal."""
    return hashlib.sha256(",".join(map(str, ids)).encode("ascii")).hexdigest()


def first_difference(ids: Sequence[int], others: Sequence[int]) -> int | None:
    """Return the first position, from 0, at which two lists differ, also by one having ended; None where they agree."""
    for position, (one, other) in enumerate(zip_longest(ids, others)):
        if one != other:
            return position
    return None
