"""The tables. The text of a message is never stored, only ids, times, scores and a salted hash.

`place_id` is a watched place; `channel_id` is the channel or thread in which a message was posted. In the database some
columns have older names: `channel_id` for the id of a place, and `posted_in` for the channel of a message.
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
    Text,
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
    """A time in UTC. SQLite has no time zones, so the zone is added when a time is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 – the interface
        """Return `value` in UTC. Raises ValueError for a time without a zone, which is ambiguous."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 – the interface
        """Return `value` in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The base of all tables: integers of 64 bits, times in UTC, and named constraints."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {int: BigInteger, float: Float, datetime: UtcDateTime, date: Date}  # noqa: RUF012 – SQLAlchemy's interface


# SQLite increments a column automatically only if its type is INTEGER.
Counted = BigInteger().with_variant(Integer, "sqlite")


class Setting(Base):
    """Values about the database itself: the salt, and the name of the last model."""

    __tablename__ = "setting"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(256))


class Place(Base):
    """A place that a moderator watches: a channel, a thread, a forum or a category."""

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
    """The bot's message that tells members that their channel is watched."""

    __tablename__ = "notice"
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int]
    place_id: Mapped[int] = mapped_column(ForeignKey("watched_channel.channel_id", ondelete="CASCADE"), index=True)


class Message(Base):
    """A message of a watched place, posted in the channel or thread `channel_id`."""

    __tablename__ = "message"
    # Exports and previews read a place in the order of posting.
    __table_args__ = (Index("ix_message_channel_id", "channel_id", "posted_at", "message_id"),)
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    place_id: Mapped[int] = mapped_column("channel_id", ForeignKey("watched_channel.channel_id", ondelete="CASCADE"))
    guild_id: Mapped[int] = mapped_column(index=True)
    author_id: Mapped[int] = mapped_column(index=True)
    posted_at: Mapped[datetime]
    content_hash: Mapped[str] = mapped_column(String(64))
    pending: Mapped[bool] = mapped_column(index=True)
    # SQLite adds a column only with a default, but every row sets it.
    channel_id: Mapped[int] = mapped_column("posted_in", server_default="0")
    acts: Mapped[bool] = mapped_column(default=False, server_default=false(), index=True)
    backfilled: Mapped[bool] = mapped_column(default=False, server_default=false())
    shown_label: Mapped[str | None] = mapped_column(String(8))
    label_message_id: Mapped[int | None]
    # Failed attempts to score the current content, the reason for the last failure, and when the next is due:
    # NULL if no retries are left.
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    fault: Mapped[str | None] = mapped_column(String(16))
    next_try_at: Mapped[datetime | None]


class Score(Base):
    """A model's score of one content of a message. An edited message has several."""

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


class ServerQuestion(Base):
    """A question that a server's moderators defined. Its versions say what it asks."""

    __tablename__ = "question"
    __table_args__ = (UniqueConstraint("guild_id", "name"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    guild_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(32))


class QuestionVersion(Base):
    """What a question asks, as JSON: text, labels and examples. A version never changes."""

    __tablename__ = "question_version"
    __table_args__ = (UniqueConstraint("question_id", "number"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    question_id: Mapped[int] = mapped_column(ForeignKey("question.id", ondelete="CASCADE"))
    number: Mapped[int]
    definition: Mapped[str] = mapped_column(Text)
    written_by: Mapped[int]
    written_at: Mapped[datetime]


class PlaceQuestion(Base):
    """A question that is asked about each message of a place, beside the notebook's, and which answers it flags.

    `live` is what the moderators want. Whether the question may alert is computed whenever a case is opened.
    `told` is the fingerprint about which the log channel was told that the question is in shadow again.
    """

    __tablename__ = "place_question"
    # Buttons in Discord and cases contain the id, so SQLite must never give it to another question of a place.
    __table_args__ = (UniqueConstraint("place_id", "question_id"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    place_id: Mapped[int] = mapped_column(ForeignKey("watched_channel.channel_id", ondelete="CASCADE"))
    question_id: Mapped[int] = mapped_column(ForeignKey("question.id", ondelete="CASCADE"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("question_version.id", ondelete="CASCADE"))
    flag_label: Mapped[str] = mapped_column(String(100))
    threshold: Mapped[float]
    direction: Mapped[str] = mapped_column(String(5))
    calibration: Mapped[str] = mapped_column(String(16))
    prior: Mapped[str] = mapped_column(Text)
    log_channel_id: Mapped[int]
    live: Mapped[bool]
    set_by: Mapped[int]
    set_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]
    digest_at: Mapped[datetime | None]
    told: Mapped[str | None] = mapped_column(String(64))


class QuestionScore(Base):
    """What a model answered to a version of a place's question about one content of a message.

    `probabilities` is a JSON list in the order of the labels, before calibration, and NULL if `fault` says why there is
    none. `computed_by` is a hash of the model with its revision, dtype and engine.
    """

    __tablename__ = "question_score"
    __table_args__ = (
        UniqueConstraint("message_id", "content_hash", "place_question_id", "version_id", "computed_by"),
        Index("ix_question_score_place_question_id", "place_question_id", "acts"),
    )
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.message_id", ondelete="CASCADE"))
    content_hash: Mapped[str] = mapped_column(String(64))
    place_question_id: Mapped[int] = mapped_column(ForeignKey("place_question.id", ondelete="CASCADE"))
    version_id: Mapped[int]
    model: Mapped[str] = mapped_column(String(512))
    computed_by: Mapped[str] = mapped_column(String(64))
    probabilities: Mapped[str | None] = mapped_column(Text)
    label_mass: Mapped[float | None]
    verdict: Mapped[str | None] = mapped_column(String(100))
    margin: Mapped[float | None]
    fault: Mapped[str | None] = mapped_column(String(16))
    acts: Mapped[bool]
    scored_at: Mapped[datetime]


class CaseLabel(Base):
    """The label that a moderator gave a message for a place's question. `weight` is how many messages it represents."""

    __tablename__ = "case_label"
    __table_args__ = (UniqueConstraint("place_question_id", "message_id"),)
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    place_question_id: Mapped[int] = mapped_column(ForeignKey("place_question.id", ondelete="CASCADE"))
    message_id: Mapped[int] = mapped_column(ForeignKey("message.message_id", ondelete="CASCADE"), index=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    label: Mapped[str] = mapped_column(String(100))
    weight: Mapped[float]
    labelled_by: Mapped[int]
    labelled_at: Mapped[datetime]


class Measurement(Base):
    """A measurement of a place's question, with the rule that was measured and the model that computed it.

    `summary` is the JSON of its figures, of which `held_out` and `flagging` are the two that limit a confirmation.
    """

    __tablename__ = "measurement"
    # A button in Discord contains the id.
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    place_question_id: Mapped[int] = mapped_column(ForeignKey("place_question.id", ondelete="CASCADE"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("question_version.id", ondelete="CASCADE"))
    flag_label: Mapped[str] = mapped_column(String(100))
    threshold: Mapped[float]
    direction: Mapped[str] = mapped_column(String(5))
    calibration: Mapped[str] = mapped_column(String(16))
    prior: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(512))
    summary: Mapped[str] = mapped_column(Text)
    held_out: Mapped[int]
    flagging: Mapped[int]
    measured_by: Mapped[int]
    measured_at: Mapped[datetime]
    reported_at: Mapped[datetime | None]
    confirmed_by: Mapped[int | None]
    confirmed_at: Mapped[datetime | None]
    partly_deleted: Mapped[bool] = mapped_column(default=False, server_default=false())


class MeasurementCase(Base):
    """A message from which a measurement was computed. Once it is deleted, the measurement is marked."""

    __tablename__ = "measurement_case"
    measurement_id: Mapped[int] = mapped_column(ForeignKey("measurement.id", ondelete="CASCADE"), primary_key=True)
    message_id: Mapped[int] = mapped_column(
        ForeignKey("message.message_id", ondelete="CASCADE"), primary_key=True, index=True
    )


class OptOut(Base):
    """A member who opted out, in all servers."""

    __tablename__ = "opt_out"
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[datetime]


class Exemption(Base):
    """A role or a person that a server's moderators exempted."""

    __tablename__ = "exemption"
    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    target_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class CaseCounter(Base):
    """The last case number in a server. Numbers are never reused."""

    __tablename__ = "case_counter"
    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class ReviewCase(Base):
    """A message that moderators are asked to look at, because of the notebook's question or one of its place's.

    `place_question_id` is 0 for the notebook's question. It is no foreign key: a case stays when its question is
    removed from the place, so it has the question's name and version itself.
    """

    __tablename__ = "review_case"
    # Buttons in Discord contain the id, so SQLite must never give it to another case.
    __table_args__ = (
        UniqueConstraint("guild_id", "number"),
        UniqueConstraint("message_id", "place_question_id"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    guild_id: Mapped[int]
    number: Mapped[int]
    message_id: Mapped[int] = mapped_column(ForeignKey("message.message_id", ondelete="CASCADE"))
    place_question_id: Mapped[int] = mapped_column(default=0, server_default="0")
    question: Mapped[str | None] = mapped_column(String(32))
    version: Mapped[int | None]
    flag_label: Mapped[str | None] = mapped_column(String(100))
    direction: Mapped[str | None] = mapped_column(String(5))
    measurement_id: Mapped[int | None]
    content_hash: Mapped[str | None] = mapped_column(String(64))
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
    """An event in the history of a case, by a moderator, or by the bot if it has no user."""

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


class CaseOutcome(Base):
    """A moderator's decision. It names neither message nor author, and stays when the message is deleted.

    `place_question_id` is 0 for the notebook's question.
    """

    __tablename__ = "verdict"
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    place_id: Mapped[int] = mapped_column(
        "channel_id", ForeignKey("watched_channel.channel_id", ondelete="CASCADE"), index=True
    )
    place_question_id: Mapped[int] = mapped_column(default=0, server_default="0")
    positive_probability: Mapped[float]
    confirmed: Mapped[bool]
    decided_on: Mapped[date]


class Audit(Base):
    """An action of a moderator."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Counted, primary_key=True, autoincrement=True)
    guild_id: Mapped[int] = mapped_column(index=True)
    place_id: Mapped[int | None] = mapped_column("channel_id")
    user_id: Mapped[int]
    action: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(index=True)


class DueDeletion(Base):
    """A message of the bot to delete from Discord, because the message it is about was deleted.

    Rows of earlier versions have 0 as their server, which is on shard 0.
    """

    __tablename__ = "due_deletion"
    guild_id: Mapped[int] = mapped_column(server_default="0")
    channel_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class StaleDigest(Base):
    """A digest in Discord that lists deleted cases; `times` counts the deletions. As above for earlier versions."""

    __tablename__ = "stale_digest"
    guild_id: Mapped[int] = mapped_column(server_default="0")
    channel_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    times: Mapped[int]
