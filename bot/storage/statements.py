"""Statements that several stores need, each safe against whatever else happens at the same time.

Rows are locked in one order everywhere, so that nobody waits in a circle: the author, the place, messages by their ids,
the server's case counter, cases, and what is due in Discord. Who locks several cases holds their messages.
"""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

from sqlalchemy import ColumnElement, CursorResult, ScalarSelect, Select, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.records import Case, EventKind
from bot.storage.tables import Base, Message, ReviewCase, Score, WatchedChannel

Insert: TypeAlias = "postgresql.Insert | sqlite.Insert"
NO_FAULT = {"tries": 0, "fault": None, "next_try_at": None}
IS_GIVEN_UP = Message.fault.is_not(None) & Message.next_try_at.is_(None)
_OF_THE_MESSAGE = {"posted_in", "author_id", "posted_at"}
_COLUMNS: list[Any] = [
    getattr(Message if field.name in _OF_THE_MESSAGE else ReviewCase, field.name) for field in fields(Case)
]


def insert_into(session: AsyncSession, table: type[Base]) -> Insert:
    """Return an insertion that can say what to do where the row is there already."""
    return postgresql.insert(table) if _is_postgresql(session) else sqlite.insert(table)


async def lock_author(session: AsyncSession, user_id: int, *, alone: bool) -> None:
    """Wait until nobody forgets this author; `alone`, also until no message of theirs is being recorded.

    SQLite has one writer at a time anyhow.
    """
    if _is_postgresql(session):
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        await session.execute(select(lock(user_id)))


async def hold_place(session: AsyncSession, place_id: int) -> bool:
    """Keep a place from being forgotten while others go on reading there; False where it is not watched."""
    place = select(WatchedChannel.channel_id).where(WatchedChannel.channel_id == place_id)
    return (await session.execute(place.with_for_update(read=True, key_share=True))).first() is not None


def messages_locked(which: ColumnElement[bool]) -> Select[int]:
    """Return what locks messages, and selects their ids."""
    return select(Message.message_id).where(which).order_by(Message.message_id).with_for_update()


async def lock_messages(session: AsyncSession, which: ColumnElement[bool]) -> int:
    """Keep messages, with their cases, from being changed by others, and return how many there are."""
    locked = messages_locked(which).subquery()
    return (await session.execute(select(func.count()).select_from(locked))).scalar_one()


def newest_score(*which: ColumnElement[bool]) -> ScalarSelect[int | None]:
    """Return the id of the newest score of the message of the query around it, NULL where there is none."""
    own = select(func.max(Score.id)).where(Score.message_id == Message.message_id, *which)
    return own.correlate(Message).scalar_subquery()


async def changed_rows(session: AsyncSession, statement: Any) -> int:
    """Execute a deletion or an update and return how many rows it met."""
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount


def storable(text: str) -> str:
    """Return `text` without what a database refuses: NUL, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _is_postgresql(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "postgresql"


async def cases(session: AsyncSession, *which: ColumnElement[bool]) -> list[Case]:
    """Return cases, the oldest first; `which` may ask for what their messages are, too."""
    statement = select(*_COLUMNS).join(Message, Message.message_id == ReviewCase.message_id)
    return [Case(*row) for row in await session.execute(statement.where(*which).order_by(ReviewCase.id))]


async def one_case(session: AsyncSession, *which: ColumnElement[bool]) -> Case | None:
    """Return the only case that can be meant, None where it is not there."""
    found = await cases(session, *which)
    return found[0] if found else None


async def add_event(
    session: AsyncSession,
    case_id: int,
    kind: EventKind,
    *,
    user_id: int | None = None,
    note: str | None = None,
    positive_probability: float | None = None,
) -> None:
    """Add to the history of a case, which the caller has locked: events are numbered without gaps.

    The caller also notes that its card is behind, in its only update of the case: at a second one PostgreSQL looks at
    the message anew, which whoever forgets it has locked before the case.
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
