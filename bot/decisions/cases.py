"""Labelled texts: reading them from TSV or JSON Lines, and matching their labels to those of a decision."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.errors import InputUnreadable, UsageError

_NEEDED = ("text", "label")
_OPTIONAL = ("author", "weight")
_COLUMNS = (*_NEEDED, *_OPTIONAL)


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with the label that a person gave it.

    `weight` is one divided by the probability with which the text was drawn: 1 for all texts that were drawn evenly.
    `line` is its line in the file.
    """

    text: str
    label: str
    author: str | None = None
    weight: float = 1.0
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """The labelled texts of a file in its order, and the names of columns or keys that aren't used."""

    cases: tuple[LabelledText, ...]
    unused: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order in which they first occur."""
        return tuple(dict.fromkeys(case.label for case in self.cases))


def parse_cases(lines: Sequence[str], name: str) -> LabelledFile:
    """Read labelled texts from the lines of the file `name`: JSON Lines if the first line is an object, otherwise TSV.

    TSV has a header with `text` and `label`, and `author` and `weight` if there are any; values are separated by tabs,
    without quotes. JSON Lines has the same keys. Blank lines are skipped. Raises InputUnreadable, with the line's
    number, for any other line that isn't a labelled text.
    """
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise InputUnreadable(f"{name} is empty. {_FORMAT}")
    is_json = numbered[0][1].lstrip().startswith("{")
    rows = list(_json_rows(numbered, name) if is_json else _tsv_rows(numbered, name))
    if not rows:
        raise InputUnreadable(f"{name} has a header but no texts. {_FORMAT}")
    unused = dict.fromkeys(key for _, row in rows for key in row if key not in _COLUMNS)
    return LabelledFile(tuple(_case(row, number, name) for number, row in rows), tuple(unused))


def match_labels(given: Iterable[str], labels: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Return the decision's label for each label of a file.

    `mapping` is followed first. Other labels match one with the same text, or else one that is the same without regard
    to case and surrounding white space. Raises UsageError, with the labels of both sides, if a label has no match.
    """
    given = tuple(dict.fromkeys(given))
    sides = f"The file has {_listed(given)}; the question has {_listed(labels)}."
    for source, target in mapping.items():
        if source not in given:
            raise UsageError(f"--map {source}={target}: the file has no label {source!r}. {sides}")
    matched: dict[str, str] = {}
    for label in given:
        wanted = mapping.get(label, label)
        found = wanted if wanted in labels else _only(own for own in labels if _folded(own) == _folded(wanted))
        if found is None:
            problem = f"The label {wanted!r} is none of the question's, or could be several of them. {sides}"
            raise UsageError(f"{problem} Say which one it is with --map {label!r}=LABEL, or remove its lines.")
        matched[label] = found
    return matched


_FORMAT = "Write a header with the columns text and label, separated by a tab, or a JSON object on each line."


def _tsv_rows(numbered: Sequence[tuple[int, str]], name: str) -> Iterator[tuple[int, dict[str, object]]]:
    first, header = numbered[0]
    columns = [column.strip() for column in header.split("\t")]
    where = f"{name}, line {first}"
    for column in _NEEDED:
        if column not in columns:
            raise InputUnreadable(f"{where}: the header has no column {column!r}. {_FORMAT}")
    if len(set(columns)) < len(columns):
        raise InputUnreadable(f"{where}: the header names a column twice. Rename or remove one.")
    for number, line in numbered[1:]:
        values = line.split("\t")
        if len(values) != len(columns):
            problem = f"{name}, line {number}: it has {len(values)} columns, but the header has {len(columns)}"
            raise InputUnreadable(f"{problem}. Separate them by one tab each, and replace tabs inside a text.")
        yield number, dict(zip(columns, values, strict=True))


def _json_rows(numbered: Iterable[tuple[int, str]], name: str) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in numbered:
        where = f"{name}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise InputUnreadable(f"{where}: it is not valid JSON. Write one object on each line.") from None
        if not isinstance(row, dict):
            raise InputUnreadable(f'{where}: it is not an object. Write {{"text": "…", "label": "…"}}.')
        for key in _NEEDED:
            if not isinstance(row.get(key), str):
                raise InputUnreadable(f"{where}: it needs {key!r} with a text as its value. Add it.")
        if not isinstance(row.get("author"), str | int | None) or isinstance(row.get("author"), bool):
            raise InputUnreadable(f"{where}: 'author' is neither a text nor a whole number. Write one of them.")
        yield number, row


def _case(row: Mapping[str, object], number: int, name: str) -> LabelledText:
    text, label, where = str(row["text"]), str(row["label"]), f"{name}, line {number}"
    if not text.strip():
        raise InputUnreadable(f"{where}: the text is empty. Write one, or remove the line.")
    if not label.strip():
        raise InputUnreadable(f"{where}: the label is empty. Write one, or remove the line.")
    author = row.get("author")
    is_known = author is not None and str(author).strip()
    weight = _weight(row.get("weight"), where)
    return LabelledText(text, label, str(author).strip() if is_known else None, weight, number)


def _weight(value: object, where: str) -> float:
    if value is None:
        return 1.0
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            weight = float(value)
            if 0 < weight < math.inf:
                return weight
    except (ValueError, OverflowError):
        pass
    raise InputUnreadable(
        f"{where}: the weight {value!r} is not a number above 0. Write one divided by the share drawn."
    )


def _only(labels: Iterator[str]) -> str | None:
    found = list(labels)
    return found[0] if len(found) == 1 else None


def _folded(label: str) -> str:
    return label.strip().casefold()


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(map(repr, labels))
