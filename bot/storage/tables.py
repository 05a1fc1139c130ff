"""The tables. A text is never stored: of a message there are ids, times, scores and a salted hash."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
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
    type_annotation_map = {int: BigInteger, float: Float, datetime: UtcDateTime}  # noqa: RUF012 – SQLAlchemy's own way to say it


class Setting(Base):
    """What the database has to remember about itself: the salt."""

    __tablename__ = "setting"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(256))


class WatchedChannel(Base):
    """A channel whose messages are read, because a moderator said so."""

    __tablename__ = "watched_channel"
    channel_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    guild_id: Mapped[int] = mapped_column(index=True)
    flag_below: Mapped[float | None]
    log_channel_id: Mapped[int | None]
    notice_message_id: Mapped[int | None]
    last_message_id: Mapped[int] = mapped_column(default=0, server_default="0")
    live: Mapped[bool] = mapped_column(default=False, server_default=false())
    watched_by: Mapped[int]
    watched_at: Mapped[datetime]


class Message(Base):
    """A message that was read, or waits to be."""

    __tablename__ = "message"
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int] = mapped_column(ForeignKey("watched_channel.channel_id", ondelete="CASCADE"), index=True)
    guild_id: Mapped[int] = mapped_column(index=True)
    author_id: Mapped[int] = mapped_column(index=True)
    posted_at: Mapped[datetime]
    content_hash: Mapped[str] = mapped_column(String(64))
    pending: Mapped[bool] = mapped_column(index=True)


class Score(Base):
    """What a model said about one content of a message; an edited message has several."""

    __tablename__ = "score"
    __table_args__ = (UniqueConstraint("message_id", "content_hash", "model"),)
    # SQLite counts up by itself only in a column that it calls INTEGER.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
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
