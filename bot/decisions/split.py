"""The split: on one part of the cases a threshold is chosen, and on the other part it is reported."""

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import UsageError

DEVELOPMENT_SHARE = 3  # a third of the cases, if no number is given


@dataclass(frozen=True, slots=True)
class CaseKey:
    """What tells a case from others: a key that equal texts share, and its author if known.

    `text_key` is `text_key()` of the text, or any hash that is the same for the same text.
    """

    text_key: str
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """The indices of the cases in both parts, in ascending order, and how many groups each part has.

    A group is all cases that are connected by an author or a text. It is in one part only.
    """

    development: tuple[int, ...]
    held_out: tuple[int, ...]
    development_groups: int
    held_out_groups: int


def text_key(text: str) -> str:
    """Return a key that is the same for texts that differ only in case, white space or compatibility characters."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def split_cases(keys: Sequence[CaseKey], development: int | None = None) -> Split:
    """Divide cases into a development part of at most `development` cases (default: a third) and the held-out rest.

    Cases that share an author or a text are one group. Groups are ordered by a SHA-256 of their texts' keys, and each
    is taken into the development part if it fits. The result depends on the set of cases, not on their order.

    Raises UsageError if either part would be empty.
    """
    wanted = len(keys) // DEVELOPMENT_SHARE if development is None else development
    if not 0 < wanted < len(keys):
        problem = f"{_cases(len(keys))} can't be divided into {wanted} for development and at least 1 held out"
        raise UsageError(f"{problem}. Give more cases, or another number with --development.")
    chosen: list[int] = []
    groups = _groups(keys)
    taken = 0
    for group in groups:
        if len(chosen) + len(group) <= wanted:
            chosen += group
            taken += 1
    if not chosen:
        problem = f"Each author with the cases connected to them has more than {_cases(wanted)}"
        smallest = min(map(len, groups))
        if smallest == len(keys):
            raise UsageError("All cases are connected by author or text, so none can be held out. Add other authors.")
        raise UsageError(f"{problem}, so no one fits into the development part. Use --development {smallest} or more.")
    development_part = frozenset(chosen)
    held_out = tuple(index for index in range(len(keys)) if index not in development_part)
    return Split(tuple(sorted(chosen)), held_out, taken, len(groups) - taken)


def _groups(keys: Sequence[CaseKey]) -> list[list[int]]:
    """Return the connected components of cases, ordered by the smallest hash of a text in them."""
    parents = list(range(len(keys)))

    def root_of(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    first_with: dict[tuple[str, str], int] = {}
    for index, key in enumerate(keys):
        traits = [("text", key.text_key), *([("author", key.author)] if key.author is not None else [])]
        for trait in traits:
            parents[root_of(index)] = root_of(first_with.setdefault(trait, index))
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index in range(len(keys)):
        members[root_of(index)].append(index)
    return sorted(members.values(), key=lambda group: min(_hash(keys[index].text_key) for index in group))


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"
