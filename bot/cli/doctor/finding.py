"""The result of one check, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """The outcome of a check."""

    GOOD = "✓"
    BAD = "✗"
    OPEN = "–"  # not a problem, or not known yet


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, the outcome, and a text: the facts, or the problem with its remedy."""

    subject: str
    mark: Mark
    text: str

    @classmethod
    def good(cls, subject: str, text: str) -> "Finding":
        """Return a check that passed."""
        return cls(subject, Mark.GOOD, text)

    @classmethod
    def bad(cls, subject: str, text: str) -> "Finding":
        """Return a problem that keeps the bot from working. `text` says how to fix it."""
        return cls(subject, Mark.BAD, text)

    @classmethod
    def open(cls, subject: str, text: str) -> "Finding":
        """Return a note that is not a problem."""
        return cls(subject, Mark.OPEN, text)
