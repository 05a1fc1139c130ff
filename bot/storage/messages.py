"""The messages of watched places: recorded, waiting for a score, and deleted."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, false, func, not_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.database import Database
from bot.storage.records import Case, Pending, RecordedMessage, UntrackedMessage
from bot.storage.shards import Shards
from bot.storage.statements import (
    IS_GIVEN_UP,
    NO_FAULT,
    add_event,
    delete_later,
    delete_messages,
    execute_and_count,
    find_cases,
    insert_into,
    is_on,
    lock_author,
    mark_measurements,
)
from bot.storage.tables import CaseLabel, Message, OptOut, Place, QuestionScore, ReviewCase, Score

IDS_PER_STATEMENT = 10_000  # both databases accept about 32,000 values in one statement

# In the order of UntrackedMessage's fields.
_COLUMNS: tuple[Any, ...] = (
    Message.message_id,
    Message.guild_id,
    Message.channel_id,
    Message.shown_label,
    Message.label_message_id,
)


class Messages:
    """The messages of the watched places of `database`.

    Deleting a message deletes its scores and its case, and schedules what the bot posted about it for deletion from
    Discord. Reactions stay.
    """

    def __init__(self, database: Database, shards: Shards) -> None:
        self._database = database
        self._is_ours = is_on(shards, Message.guild_id)

    async def record(
        self,
        message_id: int,
        place_id: int,
        guild_id: int,
        author_id: int,
        posted_at: datetime,
        text: str,
        *,
        channel_id: int,
        advance: bool = True,
        backfilled: bool = False,
    ) -> bool:
        """Record a message of a place, and return whether its content is new and now waits for its score.

        Nothing is recorded for content that was seen before, an author who opted out, or a place that is not watched.
        In a live place, the score will be shown, unless only a backfill has seen the message. `advance` moves the
        place's last seen message up to this one.
        """
        message = {
            "message_id": message_id,
            "place_id": place_id,
            "channel_id": channel_id,
            "guild_id": guild_id,
            "author_id": author_id,
            "posted_at": posted_at,
            "content_hash": self._database.content_hash(text),
            "pending": True,
            "backfilled": backfilled,
        }
        async with self._database.session() as session:
            await lock_author(session, author_id, alone=False)
            live = await _advance_place(session, place_id, message_id if advance else 0)
            if live is None or await session.get(OptOut, author_id) is not None:
                return False
            statement = insert_into(session, Message).values(message | {"acts": live and not backfilled})
            new = statement.excluded
            never_seen = and_(Message.backfilled, new.backfilled)
            changes = {
                "content_hash": new.content_hash,
                "pending": True,
                "backfilled": never_seen,
                "acts": not_(never_seen) if live else false(),
                **NO_FAULT,
            }
            statement = statement.on_conflict_do_update(
                index_elements=[Message.message_id], set_=changes, where=Message.content_hash != new.content_hash
            )
            recorded = (await session.execute(statement.returning(Message.backfilled))).first()
            if recorded is not None and not recorded.backfilled:
                # After an edit back to an earlier content, its answers act again.
                of_content = {"message_id": message_id, "content_hash": message["content_hash"], "fault": None}
                again = update(QuestionScore).filter_by(**of_content)
                await execute_and_count(session, again.values(acts=True))
            return recorded is not None

    async def pending(self, limit: int, now: datetime | None = None) -> list[Pending]:
        """Return the oldest messages of this process's servers that wait for their score, those of a backfill last.

        A message that failed is left out until its next attempt is due.
        """
        columns = (
            Message.message_id,
            Message.place_id,
            Message.channel_id,
            Message.content_hash,
            Message.backfilled,
        )
        is_due = Message.fault.is_(None) | (Message.next_try_at <= (now or datetime.now(UTC)))
        waiting = select(*columns).where(Message.pending, is_due, self._is_ours)
        order = (Message.backfilled, Message.posted_at, Message.message_id)
        async with self._database.session() as session:
            return [Pending(*row) for row in await session.execute(waiting.order_by(*order).limit(limit))]

    async def posted_since(self, place_id: int, since: datetime) -> list[RecordedMessage]:
        """Return the messages of a place that were posted at `since` or later, the newest first."""
        columns = (Message.message_id, Message.channel_id, Message.content_hash)
        statement = select(*columns).where(Message.place_id == place_id, Message.posted_at >= since)
        order = (Message.posted_at.desc(), Message.message_id.desc())
        async with self._database.session() as session:
            return [RecordedMessage(*row) for row in await session.execute(statement.order_by(*order))]

    async def pending_count(self, guild_id: int) -> int:
        """Return how many messages of a server wait for their score, except those without retries left."""
        of_server = (Message.pending, Message.guild_id == guild_id, ~IS_GIVEN_UP)
        waiting = select(func.count()).select_from(Message).where(*of_server)
        async with self._database.session() as session:
            return (await session.execute(waiting)).scalar_one()

    async def backlog(self) -> tuple[int, int]:
        """Return how many messages on this process's shards wait for their score, and how many have no retries left."""
        given_up = func.count().filter(IS_GIVEN_UP)
        counts = select(func.count() - given_up, given_up).select_from(Message).where(self._is_ours, Message.pending)
        async with self._database.session() as session:
            waiting, failed = (await session.execute(counts)).one()
        return waiting, failed

    async def delete_pending_backfill(self, place_id: int) -> int:
        """Delete the messages of a place's backfill that still wait for their score, and return their number."""
        waiting = and_(Message.place_id == place_id, Message.backfilled, Message.pending)
        async with self._database.session() as session:
            count = await delete_messages(session, waiting)
        if count:
            await self._database.erase()
        return count

    async def backfill_counts(self, place_id: int) -> tuple[int, int]:
        """Return how many messages of a place's backfills wait for their first attempt, and how many are scored."""
        of_backfill = (Message.place_id == place_id, Message.backfilled, ~Message.pending | Message.fault.is_(None))
        counts = select(Message.pending, func.count()).where(*of_backfill)
        async with self._database.session() as session:
            rows = await session.execute(counts.group_by(Message.pending))
            counts_by_state = {bool(pending): count for pending, count in rows}
        return counts_by_state.get(True, 0), counts_by_state.get(False, 0)

    async def content_hash(self, message_id: int) -> str | None:
        """Return the hash of a message's current content, None for an unknown message."""
        async with self._database.session() as session:
            return await session.scalar(select(Message.content_hash).where(Message.message_id == message_id))

    async def delete(self, ids: Iterable[int]) -> int:
        """Delete messages, and return how many of them were known."""
        remaining = iter(sorted(set(ids)))
        count = 0
        async with self._database.session() as session:
            while batch := list(islice(remaining, IDS_PER_STATEMENT)):
                count += await delete_messages(session, Message.message_id.in_(batch))
        if count:
            await self._database.erase()
        return count

    async def delete_in_channel(self, channel_id: int) -> int:
        """Delete all messages posted in a channel or thread, and return how many there were."""
        async with self._database.session() as session:
            count = await delete_messages(session, Message.channel_id == channel_id)
        if count:
            await self._database.erase()
        return count

    async def stop_tracking(
        self, message_id: int, text: str, *, waited_as: str | None = None
    ) -> UntrackedMessage | None:
        """Stop tracking a message whose text is now `text`, which cannot be scored.

        The message is deleted with its scores. If it has cases, only the scores are deleted, and undecided cases are
        withdrawn. Return None if the message is unknown or no longer tracked, or if it no longer waits for the score of
        the content whose hash is `waited_as`.
        """
        content_hash = self._database.content_hash(text)
        is_message = Message.message_id == message_id
        if waited_as is None:
            is_tracked = Message.pending | (Message.content_hash != content_hash)
        else:
            is_tracked = Message.pending & (Message.content_hash == waited_as)
        statement = select(*_COLUMNS).where(is_message, is_tracked)
        async with self._database.session() as session:
            row = (await session.execute(statement.with_for_update())).first()
            if row is None:
                return None
            of_message = ReviewCase.message_id == message_id
            await session.execute(select(ReviewCase.id).where(of_message).with_for_update())
            cases = await find_cases(session, of_message)
            if cases:
                await _unscore(session, is_message, content_hash)
            else:
                await delete_messages(session, is_message)
            for case in cases:
                await _withdraw(session, case)
        await self._database.erase()
        return UntrackedMessage(*row)


async def _advance_place(session: AsyncSession, place_id: int, up_to: int) -> bool | None:
    """Advance the last seen message of a place, and return whether the place is live; None if it is not watched.

    The update locks the place, so two events, or an event and a change to shadow, run one after the other.
    """
    last = Place.last_message_id
    statement = update(Place).where(Place.place_id == place_id)
    advance = statement.values(last_message_id=case((last < up_to, up_to), else_=last))
    row = (await session.execute(advance.returning(Place.live))).first()
    return None if row is None else row.live


async def _unscore(session: AsyncSession, which: ColumnElement[bool], content_hash: str) -> None:
    columns = (Message.guild_id, Message.channel_id, Message.label_message_id)
    await delete_later(session, select(*columns).where(which, Message.label_message_id.is_not(None)))
    for table in (Score, QuestionScore, CaseLabel):
        await session.execute(delete(table).where(table.message_id.in_(select(Message.message_id).where(which))))
    await mark_measurements(session, which)
    content: dict[str, object] = {"content_hash": content_hash, "pending": False, "acts": False} | NO_FAULT
    no_label = {"shown_label": None, "label_message_id": None}
    await execute_and_count(session, update(Message).where(which).values(content | no_label))


async def _withdraw(session: AsyncSession, case: Case) -> None:
    withdrawn = {"state": "withdrawn", "claimed_by": None} if case.state in {"open", "claimed"} else {}
    statement = update(ReviewCase).where(ReviewCase.id == case.id)
    await execute_and_count(session, statement.values(withdrawn | {"card_behind": True}))
    await add_event(session, case.id, "unscored")
