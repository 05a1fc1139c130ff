"""The records that the store returns: frozen, and detached from the database.

`place_id` is a watched place; `channel_id` is the channel or thread in which a message was posted.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from bot.storage.question_records import Direction, Measurement

ExemptionKind = Literal["role", "user"]
Label = Literal["none", "react", "reply"]
ShownLabel = Literal["positive", "negative"]
Fault = Literal["not_finite", "model", "database", "unreadable", "bot"]
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
class WatchedPlace:
    """A watched channel, thread, forum or category, and its options."""

    place_id: int
    guild_id: int
    flag_below: float | None
    log_channel_id: int | None
    last_message_id: int
    live: bool
    watched_by: int
    watched_at: datetime
    label: Label
    urgent_below: float | None
    excerpts: bool
    suspended_at: datetime | None
    digest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pending:
    """A message whose current content waits for its score."""

    message_id: int
    place_id: int
    channel_id: int
    content_hash: str
    backfilled: bool


@dataclass(frozen=True, slots=True)
class NewScore:
    """A model's score of one content of a message."""

    message_id: int
    content_hash: str
    model: str
    positive_probability: float
    margin: float
    label_mass: float

    def __post_init__(self) -> None:
        """Raise ValueError for a number that is not finite: PostgreSQL would store it, SQLite only infinity."""
        if not all(map(math.isfinite, (self.positive_probability, self.margin, self.label_mass))):
            raise ValueError("the score is not finite")


@dataclass(frozen=True, slots=True)
class Unscored:
    """A message that has no retries left, and why the last attempt to score it failed."""

    message_id: int
    channel_id: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class ScoredMessage:
    """A message with its newest score."""

    message_id: int
    channel_id: int
    author_id: int
    posted_at: datetime
    positive_probability: float
    margin: float
    label_mass: float
    model: str


@dataclass(frozen=True, slots=True)
class Due:
    """A message whose score is not shown yet, with the newest score of its current content."""

    message_id: int
    place_id: int
    guild_id: int
    channel_id: int
    author_id: int
    positive_probability: float
    margin: float
    label_mass: float
    model: str
    content_hash: str
    shown_label: ShownLabel | None
    label_message_id: int | None


@dataclass(frozen=True, slots=True)
class UntrackedMessage:
    """A message that the bot stopped tracking, and the label that it had in Discord."""

    message_id: int
    guild_id: int
    channel_id: int
    shown_label: ShownLabel | None
    label_message_id: int | None


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """A recorded message, and the hash of its content when it was last seen."""

    message_id: int
    channel_id: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class AuthorRow:
    """One message of an author with one of its scores; the score's fields are None if it has none."""

    message_id: int
    place_id: int
    channel_id: int
    guild_id: int
    posted_at: datetime
    content_hash: str
    pending: bool
    scored_content_hash: str | None
    model: str | None
    positive_probability: float | None
    margin: float | None
    label_mass: float | None
    scored_at: datetime | None
    tries: int = 0
    fault: str | None = None
    next_try_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exemption:
    """A role or a user whose messages the moderators of a server exempted."""

    guild_id: int
    kind: ExemptionKind
    target_id: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An action of a moderator; `place_id` is None for one that concerns the whole server."""

    place_id: int | None
    user_id: int
    action: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """A message that the bot posted and has to delete from Discord."""

    channel_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class StaleDigest:
    """A digest that lists deleted cases and has to be rewritten; `times` counts the deletions."""

    channel_id: int
    message_id: int
    times: int


@dataclass(frozen=True, slots=True)
class Case:
    """A flagged message that moderators review, with the newest score that was applied.

    `flag_below` is the threshold when it was opened; `claimed_by` stays after the decision. The last fields are those
    of one of the place's questions: `positive_probability` is then P(`flag_label`), `direction` says on which side of
    the threshold it flags, and `measurement_id` is what allowed the case.
    """

    id: int
    guild_id: int
    number: int
    message_id: int
    place_id: int
    channel_id: int
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
    place_question_id: int = 0
    question: str | None = None
    version: int | None = None
    flag_label: str | None = None
    direction: Direction | None = None
    measurement_id: int | None = None


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """An event in the history of a case, numbered from 1; `user_id` is None for the bot."""

    number: int
    kind: EventKind
    user_id: int | None
    at: datetime
    note: str | None
    positive_probability: float | None


@dataclass(frozen=True, slots=True)
class CardContent:
    """What the card of a case shows; `can_quote` says whether its place lets cards quote messages.

    `measurement` is the one that allowed the case, None for the notebook's question, or if it was deleted.
    """

    case: Case
    history: list[CaseEvent]
    can_quote: bool
    measurement: Measurement | None = None


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """A decision about a message, with its probability rounded to 2 decimals."""

    positive_probability: float
    confirmed: bool
    decided_on: date
