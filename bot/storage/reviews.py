"""Messages on their way to a score, and their scores."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, case, func, select, update

from bot.storage.database import Database
from bot.storage.records import Pending, ScoredMessage
from bot.storage.statements import changed_rows, insert_into, lock_author
from bot.storage.tables import Message, OptOut, Score, WatchedChannel


class Reviews:
    """The messages of the watched channels of `database`, and what models said about them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self, message_id: int, channel_id: int, guild_id: int, author_id: int, posted_at: datetime, text: str
    ) -> bool:
        """Remember that a message was seen, and return whether its content is new and now waits for its score.

        It is not where the same content was seen before, its author opted out, or its channel is not watched.
        """
        message = {
            "message_id": message_id,
            "channel_id": channel_id,
            "guild_id": guild_id,
            "author_id": author_id,
            "posted_at": posted_at,
            "content_hash": self._database.content_hash(text),
            "pending": True,
        }
        async with self._database.session() as session:
            await lock_author(session, author_id, alone=False)
            if not await changed_rows(session, _seen(channel_id, message_id)):
                return False
            if await session.get(OptOut, author_id) is not None:
                return False
            statement = insert_into(session, Message).values(message)
            new = statement.excluded.content_hash
            statement = statement.on_conflict_do_update(
                index_elements=[Message.message_id],
                set_={"content_hash": new, "pending": True},
                where=Message.content_hash != new,
            )
            return (await session.execute(statement.returning(Message.message_id))).first() is not None

    async def pending(self, limit: int) -> list[Pending]:
        """Return the oldest messages that wait for their score."""
        waiting = select(Message.message_id, Message.channel_id, Message.content_hash).where(Message.pending)
        async with self._database.session() as session:
            rows = await session.execute(waiting.order_by(Message.posted_at, Message.message_id).limit(limit))
            return [Pending(*row) for row in rows]

    async def pending_count(self, guild_id: int) -> int:
        """Return how many messages of a server wait for their score."""
        waiting = select(func.count()).select_from(Message).where(Message.pending, Message.guild_id == guild_id)
        async with self._database.session() as session:
            return (await session.execute(waiting)).scalar_one()

    async def score(
        self,
        message_id: int,
        content_hash: str,
        *,
        model: str,
        positive_probability: float,
        margin: float,
        label_mass: float,
    ) -> bool:
        """Keep what `model` said about a message's present content, which then waits no longer.

        Returns False, and keeps nothing, where the message is gone, has another content by now, or has its score of
        this model already.
        """
        score = {
            "message_id": message_id,
            "content_hash": content_hash,
            "model": model,
            "positive_probability": positive_probability,
            "margin": margin,
            "label_mass": label_mass,
            "scored_at": datetime.now(UTC),
        }
        scored = update(Message).where(Message.message_id == message_id, Message.content_hash == content_hash)
        async with self._database.session() as session:
            if not await changed_rows(session, scored.values(pending=False)):
                return False
            statement = insert_into(session, Score).values(score).on_conflict_do_nothing().returning(Score.id)
            return (await session.execute(statement)).first() is not None

    async def scored_count(self, channel_id: int) -> int:
        """Return how many messages of a channel have a score."""
        scored = select(func.count(Score.message_id.distinct())).join(Message, Message.message_id == Score.message_id)
        async with self._database.session() as session:
            return (await session.execute(scored.where(Message.channel_id == channel_id))).scalar_one()

    async def latest_scores(self, channel_id: int, since: datetime | None = None) -> list[ScoredMessage]:
        """Return the scored messages of a channel, posted at `since` or later, in the order of their posting.

        Of several scores the newest of the present content counts; while that has none, the newest of all.
        """
        which = [Message.channel_id == channel_id]
        if since is not None:
            which.append(Message.posted_at >= since)
        async with self._database.session() as session:
            rows = await session.execute(_newest_scores(which))
            return [ScoredMessage(*row) for row in rows]


def _seen(channel_id: int, message_id: int) -> Update:
    """Return what moves a channel on to `message_id`, never back, and locks it: two events come one after the other."""
    last = WatchedChannel.last_message_id
    moved = case((last < message_id, message_id), else_=last)
    return update(WatchedChannel).where(WatchedChannel.channel_id == channel_id).values(last_message_id=moved)


def _newest_scores(which: list[ColumnElement[bool]]) -> Select[*tuple[Any, ...]]:
    # After an edit back to what was there before, the score of that content is not the newest.
    is_present = case((Score.content_hash == Message.content_hash, 1), else_=0)
    place = func.row_number().over(partition_by=Score.message_id, order_by=(is_present.desc(), Score.id.desc()))
    ranked = (
        select(
            Message.message_id,
            Message.author_id,
            Message.posted_at,
            Score.positive_probability,
            Score.margin,
            Score.label_mass,
            Score.model,
            place.label("place"),
        )
        .join(Score, Score.message_id == Message.message_id)
        .where(*which)
        .subquery()
    )
    kept = [ranked.c[field.name] for field in fields(ScoredMessage)]
    return select(*kept).where(ranked.c.place == 1).order_by(ranked.c.posted_at, ranked.c.message_id)
