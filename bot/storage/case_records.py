"""What the stores return of cases: plain facts, detached from the database."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

CaseState = Literal["open", "claimed", "confirmed", "dismissed", "withdrawn"]
EventKind = Literal[
    "opened",
    "edited",
    "withdrawn",
    "reopened",
    "urgent",
    "claimed",
    "released",
    "confirmed",
    "dismissed",
    "noted",
    "unscored",
]


@dataclass(frozen=True, slots=True)
class Case:
    """A message that moderators are asked to look at, with the newest score that was acted on.

    `flag_below` is the threshold at its opening; `claimed_by` is kept when it is decided.
    """

    id: int
    guild_id: int
    number: int
    message_id: int
    place_id: int
    posted_in: int
    author_id: int
    posted_at: datetime
    log_channel_id: int
    urgent: bool
    flag_below: float
    positive_probability: float
    margin: float
    label_mass: float
    model: str
    state: CaseState
    claimed_by: int | None
    decided_by: int | None
    opened_at: datetime
    card_message_id: int | None
    digest_message_id: int | None


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One step in the history of a case, numbered from 1; without a user it was the bot's."""

    number: int
    kind: EventKind
    user_id: int | None
    at: datetime
    note: str | None
    positive_probability: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about somebody's message, its probability rounded to 2 decimals."""

    positive_probability: float
    confirmed: bool
    decided_on: date
