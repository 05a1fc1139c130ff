"""What the stores return: plain facts, detached from the database."""

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

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
class Watched:
    """A watched place and its options; `channel_id` is a channel's, a thread's, a forum's or a category's."""

    channel_id: int
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
    """A message whose present content waits for its score: of the place `channel_id`, standing in `posted_in`."""

    message_id: int
    channel_id: int
    posted_in: int
    content_hash: str
    backfilled: bool


@dataclass(frozen=True, slots=True)
class NewScore:
    """What a model said about one content of a message."""

    message_id: int
    content_hash: str
    model: str
    positive_probability: float
    margin: float
    label_mass: float

    def __post_init__(self) -> None:
        """Raise ValueError for a number that is not finite: PostgreSQL would keep it, and SQLite infinity."""
        if not all(map(math.isfinite, (self.positive_probability, self.margin, self.label_mass))):
            raise ValueError("a score that is not finite")


@dataclass(frozen=True, slots=True)
class Unscored:
    """A message for which no try to score it is left, and why the last one failed."""

    message_id: int
    posted_in: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class ScoredMessage:
    """A message with its newest score."""

    message_id: int
    posted_in: int
    author_id: int
    posted_at: datetime
    positive_probability: float
    margin: float
    label_mass: float
    model: str


@dataclass(frozen=True, slots=True)
class Due:
    """A message whose score is still to be shown, with the newest score of its present content."""

    message_id: int
    place_id: int
    guild_id: int
    posted_in: int
    author_id: int
    positive_probability: float
    margin: float
    label_mass: float
    model: str
    content_hash: str
    shown_label: ShownLabel | None
    label_message_id: int | None


@dataclass(frozen=True, slots=True)
class LetGo:
    """A message of which nothing is said any more, and the label that it had."""

    message_id: int
    guild_id: int
    posted_in: int
    shown_label: ShownLabel | None
    label_message_id: int | None


@dataclass(frozen=True, slots=True)
class Present:
    """What a message says now, by its hash, and whether something is still to be shown about it."""

    content_hash: str
    acts: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that is kept, and the hash of what it said when it was last seen."""

    message_id: int
    posted_in: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class AuthorRow:
    """One message of somebody, with one of its scores; the score's fields are None while it has none."""

    message_id: int
    channel_id: int
    posted_in: int
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
    """A role or a person whose messages a server's moderators do not want read."""

    guild_id: int
    kind: ExemptionKind
    target_id: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What a moderator did with the bot."""

    channel_id: int | None
    user_id: int
    action: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """A message of the bot's own that is to be deleted in Discord."""

    channel_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class StaleDigest:
    """A digest of the bot's own that is to be written anew, and how many times something of it was forgotten."""

    channel_id: int
    message_id: int
    times: int


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
