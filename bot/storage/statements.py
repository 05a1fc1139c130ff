"""Statements that several parts of the store share. Each is safe to run at the same time as the others.

Rows are locked in one order everywhere, which rules out deadlocks: the author, the place, its questions, messages by
their ids, the server's case counter, cases, measurements, due deletions and stale digests. A transaction that locks
several cases locks their messages first.
"""

from collections.abc import Collection
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CursorResult,
    ScalarSelect,
    Select,
    delete,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from bot.storage import tables
from bot.storage.records import Case, CaseEvent, EventKind, WatchedPlace
from bot.storage.shards import IDS_PER_SHARD_STEP, Shards
from bot.storage.tables import Base, DueDeletion, Message, Place, ReviewCase, Score, StaleDigest

Insert: TypeAlias = "postgresql.Insert | sqlite.Insert"
NO_FAULT = {"tries": 0, "fault": None, "next_try_at": None}
IS_GIVEN_UP = Message.fault.is_not(None) & Message.next_try_at.is_(None)
_MESSAGE_FIELDS = {"channel_id", "author_id", "posted_at"}
_COLUMNS: list[Any] = [
    getattr(Message if field.name in _MESSAGE_FIELDS else ReviewCase, field.name) for field in fields(Case)
]


def insert_into(session: AsyncSession, table: type[Base]) -> Insert:
    """Return an INSERT statement that supports ON CONFLICT."""
    return postgresql.insert(table) if _is_postgresql(session) else sqlite.insert(table)


def is_on(shards: Shards, guild_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Return the condition that a server is on one of this process's `shards`.

    Whatever iterates over the data of all servers needs it: the other servers belong to other processes.
    """
    if shards.has_all:
        return true()
    # `//` is plain integer division in both databases, and ids are positive.
    step, count = (literal(number, BigInteger) for number in (IDS_PER_SHARD_STEP, shards.count))
    return (guild_id // step % count).in_(sorted(shards.ids))


async def lock_author(session: AsyncSession, user_id: int, *, alone: bool) -> None:
    """Wait until nothing deletes this author's messages; with `alone`, also until none is being recorded.

    SQLite needs no lock: it has one writer at a time.
    """
    if _is_postgresql(session):
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        await session.execute(select(lock(user_id)))


async def hold_place(session: AsyncSession, place_id: int) -> bool:
    """Keep a place from being deleted, without blocking its messages; False if it is not watched."""
    place = select(Place.place_id).where(Place.place_id == place_id)
    return (await session.execute(place.with_for_update(read=True, key_share=True))).first() is not None


async def hold_place_questions(session: AsyncSession, ids: Collection[int]) -> set[int]:
    """Keep places' questions from being removed, and return those that exist."""
    table = tables.PlaceQuestion
    held = select(table.id).where(table.id.in_(ids)).order_by(table.id)
    return set(await session.scalars(held.with_for_update(read=True, key_share=True)))


async def lock_place_questions(session: AsyncSession, which: ColumnElement[bool]) -> list[int]:
    """Lock places' questions before they are removed, and return their ids. The caller locks the places first."""
    table = tables.PlaceQuestion
    return list(await session.scalars(select(table.id).where(which).order_by(table.id).with_for_update()))


def lock_message_ids(which: ColumnElement[bool]) -> Select[int]:
    """Return a statement that locks messages and selects their ids."""
    return select(Message.message_id).where(which).order_by(Message.message_id).with_for_update()


async def lock_messages(session: AsyncSession, which: ColumnElement[bool]) -> int:
    """Lock messages, and with them their cases, and return how many there are."""
    locked = lock_message_ids(which).subquery()
    return (await session.execute(select(func.count()).select_from(locked))).scalar_one()


def newest_score(*which: ColumnElement[bool]) -> ScalarSelect[int | None]:
    """Return a subquery for the id of the newest score of the enclosing query's message, or NULL if there is none."""
    newest = select(func.max(Score.id)).where(Score.message_id == Message.message_id, *which)
    return newest.correlate(Message).scalar_subquery()


async def execute_and_count(session: AsyncSession, statement: Any) -> int:
    """Execute a DELETE, an UPDATE or an INSERT, and return the number of rows that it changed."""
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount


def storable(text: str) -> str:
    """Return `text` without what a database refuses: NUL characters and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _is_postgresql(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "postgresql"


async def find_places(session: AsyncSession, *which: ColumnElement[bool]) -> list[WatchedPlace]:
    """Return watched places, in the order of their ids."""
    columns = [getattr(Place, field.name) for field in fields(WatchedPlace)]
    rows = await session.execute(select(*columns).where(*which).order_by(Place.place_id))
    return [WatchedPlace(*row) for row in rows]


async def find_cases(session: AsyncSession, *which: ColumnElement[bool]) -> list[Case]:
    """Return cases, oldest first; `which` may use columns of their messages, too."""
    statement = select(*_COLUMNS).join(Message, Message.message_id == ReviewCase.message_id)
    return [Case(*row) for row in await session.execute(statement.where(*which).order_by(ReviewCase.id))]


async def find_case(session: AsyncSession, *which: ColumnElement[bool]) -> Case | None:
    """Return the one case that matches, None if there is none."""
    cases = await find_cases(session, *which)
    return cases[0] if cases else None


def is_case_of(message_id: int, place_question_id: int = 0) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of a message's case for one of its place's questions, by default for the notebook's."""
    return ReviewCase.message_id == message_id, ReviewCase.place_question_id == place_question_id


async def find_history(session: AsyncSession, case_id: int) -> list[CaseEvent]:
    """Return the events of a case, in order."""
    event = tables.CaseEvent
    columns = [getattr(event, field.name) for field in fields(CaseEvent)]
    rows = await session.execute(select(*columns).where(event.case_id == case_id).order_by(event.number))
    return [CaseEvent(*row) for row in rows]


async def add_event(
    session: AsyncSession,
    case_id: int,
    kind: EventKind,
    *,
    user_id: int | None = None,
    note: str | None = None,
    positive_probability: float | None = None,
) -> None:
    """Add an event to the history of a case. The caller holds the case's lock, which keeps the numbers without gaps.

    The caller also marks the card as outdated, in its only update of the case: a second update makes PostgreSQL check
    the message again, which a deletion locks before the case.
    """
    event = tables.CaseEvent
    last = select(func.coalesce(func.max(event.number), 0)).where(event.case_id == case_id).scalar_subquery()
    row = {
        "case_id": case_id,
        "number": last + 1,
        "kind": kind,
        "user_id": user_id,
        "at": datetime.now(UTC),
        "note": note,
        "positive_probability": positive_probability,
    }
    await session.execute(insert(event).values(row))


async def delete_messages(session: AsyncSession, which: ColumnElement[bool], *, in_discord: bool = True) -> int:
    """Delete messages with their scores, labels and cases, and return how many there were.

    Measurements that were computed from them are marked.

    What the bot posted about them is scheduled for deletion from Discord. With `in_discord=False` it is not: the bot
    has left the server.
    """
    if await lock_messages(session, which):
        if in_discord:
            await _schedule_deletions(session, which)
        await mark_measurements(session, which)
    # In the order of ids, so that two deletions can't deadlock.
    return await execute_and_count(session, delete(Message).where(Message.message_id.in_(lock_message_ids(which))))


async def mark_measurements(session: AsyncSession, which: ColumnElement[bool]) -> None:
    """Mark the measurements that were computed from messages whose data is being deleted. The caller locks these."""
    of_them = tables.MeasurementCase.message_id.in_(select(Message.message_id).where(which))
    measured = tables.Measurement.id.in_(select(tables.MeasurementCase.measurement_id).where(of_them))
    ids = select(tables.Measurement.id).where(measured).order_by(tables.Measurement.id).with_for_update()
    if found := (await session.scalars(ids)).all():
        marking = update(tables.Measurement).where(tables.Measurement.id.in_(found))
        await execute_and_count(session, marking.values(partly_deleted=True))


async def _schedule_deletions(session: AsyncSession, which: ColumnElement[bool]) -> None:
    columns = (Message.guild_id, Message.channel_id, Message.label_message_id)
    await delete_later(session, select(*columns).where(which, Message.label_message_id.is_not(None)))
    of_them = ReviewCase.message_id.in_(select(Message.message_id).where(which))
    # Locked, because a card can be recorded at the same time.
    if not (await session.execute(select(ReviewCase.id).where(of_them).with_for_update())).all():
        return
    card, digest = ReviewCase.card_message_id, ReviewCase.digest_message_id
    log_channel = (ReviewCase.guild_id, ReviewCase.log_channel_id)
    await delete_later(session, select(*log_channel, card).where(of_them, card.is_not(None)))
    digests = select(*log_channel, digest, literal(1)).where(of_them, digest.is_not(None)).distinct()
    statement = insert_into(session, StaleDigest).from_select(
        ["guild_id", "channel_id", "message_id", "times"], digests.order_by(ReviewCase.log_channel_id, digest)
    )
    key = [StaleDigest.channel_id, StaleDigest.message_id]
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_={"times": StaleDigest.times + 1}))


async def delete_later(session: AsyncSession, messages: Select[*tuple[Any, ...]]) -> None:
    """Schedule the deletion of the bot's messages that `messages` selects by server, channel and message id."""
    statement = insert_into(session, DueDeletion).from_select(["guild_id", "channel_id", "message_id"], messages)
    await session.execute(statement.on_conflict_do_nothing())
