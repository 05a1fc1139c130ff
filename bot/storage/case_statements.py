"""What the stores of cases share: reading them, and adding to their history."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.case_records import Case, EventKind
from bot.storage.tables import Message, ReviewCase

_OF_THE_MESSAGE = {"posted_in", "author_id", "posted_at"}
_COLUMNS: list[Any] = [
    getattr(Message if field.name in _OF_THE_MESSAGE else ReviewCase, field.name) for field in fields(Case)
]


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
