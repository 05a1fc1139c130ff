"""Statements that several stores need, each safe against whatever else happens at the same time."""

from typing import Any, TypeAlias, cast

from sqlalchemy import ColumnElement, CursorResult, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.tables import Base, Message

Insert: TypeAlias = "postgresql.Insert | sqlite.Insert"


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


async def delete_messages(session: AsyncSession, which: ColumnElement[bool]) -> int:
    """Delete messages with their scores and return how many there were."""
    # In the order of their ids, so that two deletions never wait for each other in a circle.
    ids = select(Message.message_id).where(which).order_by(Message.message_id).with_for_update()
    statement = delete(Message).where(Message.message_id.in_(ids))
    return await changed_rows(session, statement)


async def changed_rows(session: AsyncSession, statement: Any) -> int:
    """Execute a deletion or an update and return how many rows it met."""
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount


def _is_postgresql(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "postgresql"
