"""One thing that was looked at, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How a thing was found."""

    GOOD = "✓"
    BAD = "✗"
    OPEN = "–"  # nothing wrong; or not to be known yet


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it was found, and in words: a fact, or the remedy."""

    subject: str
    mark: Mark
    text: str

    @classmethod
    def good(cls, subject: str, text: str) -> "Finding":
        """Return a finding that asks for nothing."""
        return cls(subject, Mark.GOOD, text)

    @classmethod
    def bad(cls, subject: str, text: str) -> "Finding":
        """Return a finding with a remedy, without which the bot does not work."""
        return cls(subject, Mark.BAD, text)

    @classmethod
    def open(cls, subject: str, text: str) -> "Finding":
        """Return a finding that is no fault."""
        return cls(subject, Mark.OPEN, text)
