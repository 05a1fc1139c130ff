"""What the stores return: plain facts, detached from the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ExemptionKind = Literal["role", "user"]


@dataclass(frozen=True, slots=True)
class Watched:
    """A watched channel and its options."""

    channel_id: int
    guild_id: int
    flag_below: float | None
    log_channel_id: int | None
    notice_message_id: int | None
    last_message_id: int
    live: bool
    watched_by: int
    watched_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """A message whose present content waits for its score."""

    message_id: int
    channel_id: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class ScoredMessage:
    """A message with its newest score."""

    message_id: int
    author_id: int
    posted_at: datetime
    positive_probability: float
    margin: float
    label_mass: float
    model: str


@dataclass(frozen=True, slots=True)
class AuthorRow:
    """One message of somebody, with one of its scores; the score's fields are None while it has none."""

    message_id: int
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


@dataclass(frozen=True, slots=True)
class Exemption:
    """A role or a person whose messages a server's moderators do not want read."""

    guild_id: int
    kind: ExemptionKind
    target_id: int
