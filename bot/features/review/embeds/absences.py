"""Messages whose texts can't be used, in words."""

from collections.abc import Iterable
from typing import Literal

Absence = Literal["gone", "edited", "exempt", "unreadable"]


def absences_text(absences: Iterable[Absence]) -> str:
    """Return how many messages could not be used and why, such as ``2 gone, 1 edited since``; "" for none."""
    reasons = {
        "gone": "gone",
        "edited": "edited since",
        "exempt": "by members who opted out or are exempt",
        "unreadable": "that Discord didn't show",
    }
    listed = list(absences)
    counts = [(listed.count(absence), reason) for absence, reason in reasons.items() if absence in listed]
    return ", ".join(f"{count:,} {reason}" for count, reason in counts)
