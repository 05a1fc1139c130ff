"""The tables. The text of a message is never stored, only ids, times, scores and a salted hash.

A place is what is watched; `channel_id` is the channel or thread in which a message was posted. Some columns keep older
names: `channel_id` for the id of a place, and `posted_in` for the channel of a message.
"""

from datetime import UTC, date, datetime

from sqlalchemy import (
    BigInteger,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite, which has no time zones, gives it back with its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 – the interface
        """Return `value` in UTC; one without a zone is refused, for it names no moment."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 – the interface
        """Return `value` in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What all tables share: 64 bits for a whole number, UTC for a time, and names for constraints."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {int: BigInteger, float: Float, datetime: UtcDateTime, date: Date}  # noqa: RUF012 – SQLAlchemy's own way to say it


# SQLite counts up by itself only in a column that it calls INTEGER.
Counted = BigInteger().with_variant(Integer, "sqlite")


class Setting(Base):
    """What the database has to remember about itself: the salt."""

    __tablename__ = "setting"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(256))


class Place(Base):
    """A place whose messages are read, because a moderator said so: a channel, a thread, a forum or a category."""

    __tablename__ = "watched_channel"
    place_id: Mapped[int] = mapped_column("channel_id", primary_key=True, autoincrement=False)
    guild_id: Mapped[int] = mapped_column(index=True)
    flag_below: Mapped[float | None]
    log_channel_id: Mapped[int | None]
    last_message_id: Mapped[int] = mapped_column(default=0, server_default="0")
    live: Mapped[bool] = mapped_column(default=False, server_default=false())
    watched_by: Mapped[int]
    watched_at: Mapped[datetime]
    label: Mapped[str] = mapped_column(String(8), default="none", server_default="none")
    urgent_below: Mapped[float | None]
    excerpts: Mapped[bool] = mapped_column(default=False, server_default=false())
    suspended_at: Mapped[datetime | None]
    digest_at: Mapped[datetime | None]


class Notice(Base):
    """The message that tells a channel's members that they are read."""

    __tablename__ = "notice"
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int]
    place_id: Mapped[int] = mapped_column(ForeignKey("watched_channel.channel_id", ondelete="CASCADE"), index=True)


class Message(Base):
    """A message of a watched place, posted in the channel or thread `channel_id`."""

    __tablename__ = "message"
    # Exports and previews go through a place in the order of posting.
    __table_args__ = (Index("ix_message_channel_id", "channel_id", "posted_at", "message_id"),)
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    place_id: Mapped[int] = mapped_column("channel_id", ForeignKey("watched_channel.channel_id", ondelete="CASCADE"))
    guild_id: Mapped[int] = mapped_column(index=True)
    author_id: Mapped[int] = mapped_column(index=True)
    posted_at: Mapped[datetime]
    content_hash: Mapped[str] = mapped_column(String(64))
    pending: Mapped[bool] = mapped_column(index=True)
    # SQLite adds a column only with a default; every row sets it.
    channel_id: Mapped[int] = mapped_column("posted_in", server_default="0")
    acts: Mapped[bool] = mapped_column(default=False, server_default=false(), index=True)
    backfilled: Mapped[bool] = mapped_column(default=False, server_default=false())
    shown_label: Mapped[str | None] = mapped_column(String(8))
    label_message_id: Mapped[int | None]
    # Tries that failed to score the present content, why the last one did, and when the next is due: never, where none
    # is left.
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    fault: Mapped[str | None] = mapped_column(String(16))
    next_try_at: Mapped[datetime | None]


class Score(Base):
    """What a model said about one content of a message; an edited message has several."""

    __tablename__ = "score"
    __table_args__ = (UniqueConstraint("message_id", "content_hash", "model"),)
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.message_id", ondelete="CASCADE"))
    content_hash: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(512))
    positive_probability: Mapped[float]
    margin: Mapped[float]
    label_mass: Mapped[float]
    scored_at: Mapped[datetime]


class OptOut(Base):
    """Somebody whose messages are not read, in any server."""

    __tablename__ = "opt_out"
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[datetime]


class Exemption(Base):
    """A role or a person whose messages a server's moderators do not want read."""

    __tablename__ = "exemption"
    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    target_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class CaseCounter(Base):
    """The last number of a case in a server: a number is never used again."""

    __tablename__ = "case_counter"
    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class ReviewCase(Base):
    """A message that moderators are asked to look at."""

    __tablename__ = "review_case"
    # Buttons in Discord carry the id: SQLite too must not give it to another case.
    __table_args__ = (UniqueConstraint("guild_id", "number"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    guild_id: Mapped[int]
    number: Mapped[int]
    message_id: Mapped[int] = mapped_column(ForeignKey("message.message_id", ondelete="CASCADE"), unique=True)
    place_id: Mapped[int] = mapped_column(ForeignKey("watched_channel.channel_id", ondelete="CASCADE"), index=True)
    log_channel_id: Mapped[int]
    urgent: Mapped[bool]
    flag_below: Mapped[float]
    positive_probability: Mapped[float]
    margin: Mapped[float]
    label_mass: Mapped[float]
    model: Mapped[str] = mapped_column(String(512))
    state: Mapped[str] = mapped_column(String(10))
    claimed_by: Mapped[int | None]
    decided_by: Mapped[int | None]
    opened_at: Mapped[datetime]
    card_message_id: Mapped[int | None] = mapped_column(index=True)
    card_behind: Mapped[bool] = mapped_column(default=False, server_default=false(), index=True)
    digest_message_id: Mapped[int | None] = mapped_column(index=True)
    excerpt_until: Mapped[datetime | None] = mapped_column(index=True)


class CaseEvent(Base):
    """One step in the history of a case, by a moderator or, without a user, by the bot."""

    __tablename__ = "case_event"
    __table_args__ = (UniqueConstraint("case_id", "number"),)
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("review_case.id", ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))
    user_id: Mapped[int | None]
    at: Mapped[datetime]
    note: Mapped[str | None] = mapped_column(String(1000))
    positive_probability: Mapped[float | None]


class Verdict(Base):
    """A decision of moderators. It names neither message nor author, and outlives the message."""

    __tablename__ = "verdict"
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    place_id: Mapped[int] = mapped_column(
        "channel_id", ForeignKey("watched_channel.channel_id", ondelete="CASCADE"), index=True
    )
    positive_probability: Mapped[float]
    confirmed: Mapped[bool]
    decided_on: Mapped[date]


class Audit(Base):
    """What a moderator did with the bot."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    guild_id: Mapped[int] = mapped_column(index=True)
    place_id: Mapped[int | None] = mapped_column("channel_id")
    user_id: Mapped[int]
    action: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(index=True)


class DueDeletion(Base):
    """A message of the bot to delete from Discord, because what it is about is deleted."""

    __tablename__ = "due_deletion"
    channel_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class StaleDigest(Base):
    """A digest in Discord that lists deleted cases; `times` counts the deletions."""

    __tablename__ = "stale_digest"
    channel_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    times: Mapped[int]
