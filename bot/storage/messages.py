"""Messages of review channels: those that wait for a score, and those that cannot have one."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, false, func, not_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.database import Database
from bot.storage.deletion import delete_later, delete_messages
from bot.storage.records import Case, Kept, LetGo, NewScore, Pending
from bot.storage.statements import IS_GIVEN_UP, NO_FAULT, add_event, changed_rows, insert_into, lock_author, one_case
from bot.storage.tables import Message, OptOut, ReviewCase, Score, WatchedChannel

# In the order of LetGo's fields.
_COLUMNS: tuple[Any, ...] = (
    Message.message_id,
    Message.guild_id,
    Message.posted_in,
    Message.shown_label,
    Message.label_message_id,
)


class Reviews:
    """The messages of the watched places of `database`, until models have said something about them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self,
        message_id: int,
        place_id: int,
        guild_id: int,
        author_id: int,
        posted_at: datetime,
        text: str,
        *,
        posted_in: int,
        moves: bool = True,
        backfilled: bool = False,
    ) -> bool:
        """Remember that a message was seen, and return whether its content is new and now waits for its score.

        It is not where the same content was seen before, its author opted out, or its place is not watched. Its score
        will be shown where the place is live and anything but a backfill saw it. `moves`: all up to it was seen.
        """
        message = {
            "message_id": message_id,
            "channel_id": place_id,
            "posted_in": posted_in,
            "guild_id": guild_id,
            "author_id": author_id,
            "posted_at": posted_at,
            "content_hash": self._database.content_hash(text),
            "pending": True,
            "backfilled": backfilled,
        }
        async with self._database.session() as session:
            await lock_author(session, author_id, alone=False)
            live = await _seen(session, place_id, message_id if moves else 0)
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
            return (await session.execute(statement.returning(Message.message_id))).first() is not None

    async def pending(self, limit: int, now: datetime | None = None) -> list[Pending]:
        """Return the oldest messages that wait for their score; those of a backfill wait for all others.

        One that failed waits until its next try is due.
        """
        columns = (
            Message.message_id,
            Message.channel_id,
            Message.posted_in,
            Message.content_hash,
            Message.backfilled,
        )
        is_due = Message.fault.is_(None) | (Message.next_try_at <= (now or datetime.now(UTC)))
        waiting = select(*columns).where(Message.pending, is_due)
        order = (Message.backfilled, Message.posted_at, Message.message_id)
        async with self._database.session() as session:
            return [Pending(*row) for row in await session.execute(waiting.order_by(*order).limit(limit))]

    async def kept_since(self, place_id: int, since: datetime) -> list[Kept]:
        """Return the messages of a place that were posted at `since` or later, the newest first."""
        columns = (Message.message_id, Message.posted_in, Message.content_hash)
        statement = select(*columns).where(Message.channel_id == place_id, Message.posted_at >= since)
        order = (Message.posted_at.desc(), Message.message_id.desc())
        async with self._database.session() as session:
            return [Kept(*row) for row in await session.execute(statement.order_by(*order))]

    async def pending_count(self, guild_id: int) -> int:
        """Return how many messages of a server wait for their score; not those for which no try is left."""
        of_server = (Message.pending, Message.guild_id == guild_id, ~IS_GIVEN_UP)
        waiting = select(func.count()).select_from(Message).where(*of_server)
        async with self._database.session() as session:
            return (await session.execute(waiting)).scalar_one()

    async def score_all(self, scores: Sequence[NewScore]) -> int:
        """Keep what models said about messages' present contents, which then wait no longer; return how many are new.

        Not kept is the score of a message that is gone, has another content by now, or has its score of this model.
        """
        now, scored = datetime.now(UTC), {"pending": False} | NO_FAULT
        new = 0
        async with self._database.session() as session:
            # In the order of their ids, so that two programs never wait for each other in a circle.
            for one in sorted(scores, key=attrgetter("message_id")):
                this = (Message.message_id == one.message_id, Message.content_hash == one.content_hash)
                if await changed_rows(session, update(Message).where(*this).values(scored)):
                    statement = insert_into(session, Score).values(asdict(one) | {"scored_at": now})
                    added = await session.execute(statement.on_conflict_do_nothing().returning(Score.id))
                    new += added.first() is not None
        return new

    async def drop_backfill(self, place_id: int) -> int:
        """Forget the messages of a place's backfill that still wait for their score, and return how many there were."""
        waiting = and_(Message.channel_id == place_id, Message.backfilled, Message.pending)
        async with self._database.session() as session:
            count = await delete_messages(session, waiting)
        if count:
            await self._database.erase()
        return count

    async def backfill_counts(self, place_id: int) -> tuple[int, int]:
        """Return how many messages of a place's backfills wait for their first try, and how many have their score."""
        theirs = (Message.channel_id == place_id, Message.backfilled, ~Message.pending | Message.fault.is_(None))
        counts = select(Message.pending, func.count()).where(*theirs)
        async with self._database.session() as session:
            rows = await session.execute(counts.group_by(Message.pending))
            found = {bool(pending): count for pending, count in rows}
        return found.get(True, 0), found.get(False, 0)


async def _seen(session: AsyncSession, place_id: int, up_to: int) -> bool | None:
    """Move a place on to `up_to`, never back, and return whether it is live, None where it is not watched.

    It is locked, so that of two events, or an event and the end of being live, one comes after the other.
    """
    last = WatchedChannel.last_message_id
    statement = update(WatchedChannel).where(WatchedChannel.channel_id == place_id)
    moved = statement.values(last_message_id=case((last < up_to, up_to), else_=last))
    found = (await session.execute(moved.returning(WatchedChannel.live))).first()
    return None if found is None else found.live


class Unscorable:
    """The messages of `database` whose present content is empty, or more than a model reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def let_go(self, message_id: int, text: str, *, waited_as: str | None = None) -> LetGo | None:
        """Forget a message that says `text` now, with its scores; None where it is not kept, or was let go before.

        One that moderators were asked about stays without them: its case is withdrawn, unless it is decided. With
        `waited_as`, the hash of a content, also None where the message does not wait for the score of that any more.
        """
        content_hash = self._database.content_hash(text)
        this = Message.message_id == message_id
        if waited_as is None:
            is_another = Message.pending | (Message.content_hash != content_hash)
        else:
            is_another = Message.pending & (Message.content_hash == waited_as)
        said = select(*_COLUMNS).where(this, is_another)
        async with self._database.session() as session:
            row = (await session.execute(said.with_for_update())).first()
            if row is None:
                return None
            of_it = ReviewCase.message_id == message_id
            await session.execute(select(ReviewCase.id).where(of_it).with_for_update())
            case = await one_case(session, of_it)
            if case is None:
                await delete_messages(session, this)
            else:
                await _unscore(session, this, content_hash)
                await _withdraw(session, case)
        await self._database.erase()
        return LetGo(*row)


async def _unscore(session: AsyncSession, this: ColumnElement[bool], content_hash: str) -> None:
    labels = select(Message.posted_in, Message.label_message_id).where(this, Message.label_message_id.is_not(None))
    await delete_later(session, labels)
    await session.execute(delete(Score).where(Score.message_id.in_(select(Message.message_id).where(this))))
    said: dict[str, object] = {"content_hash": content_hash, "pending": False, "acts": False} | NO_FAULT
    shown = {"shown_label": None, "label_message_id": None}
    await changed_rows(session, update(Message).where(this).values(said | shown))


async def _withdraw(session: AsyncSession, case: Case) -> None:
    withdrawn = {"state": "withdrawn", "claimed_by": None} if case.state in {"open", "claimed"} else {}
    statement = update(ReviewCase).where(ReviewCase.id == case.id)
    await changed_rows(session, statement.values(withdrawn | {"card_behind": True}))
    await add_event(session, case.id, "unscored")
