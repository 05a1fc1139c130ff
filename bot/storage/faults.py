"""Messages that could not be scored: each is retried a few times, without blocking the others."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import cast

from sqlalchemy import func, select, update

from bot.storage.database import Database
from bot.storage.records import Fault, Pending, Unscored
from bot.storage.statements import IS_GIVEN_UP, NO_FAULT, execute_and_count, insert_into
from bot.storage.tables import Message, Setting

PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=60))  # before each retry
_MODEL_LENGTH = 256


class Faults:
    """The messages of `database` whose current content could not be scored. The reason is one word, never a text."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, waiting: Pending, fault: Fault, now: datetime | None = None) -> bool:
        """Count a failed attempt and schedule the next; False if `waiting` is outdated."""
        is_message = Message.message_id == waiting.message_id
        waits = is_message & Message.pending & (Message.content_hash == waiting.content_hash)
        async with self._database.session() as session:
            tries = await session.scalar(select(Message.tries).where(waits).with_for_update())
            if tries is None:
                return False
            next_try_at = (now or datetime.now(UTC)) + PAUSES[tries] if tries < len(PAUSES) else None
            values = {"tries": tries + 1, "fault": fault, "next_try_at": next_try_at}
            await execute_and_count(session, update(Message).where(is_message).values(values))
        return True

    async def given_up(self, place_ids: Collection[int], limit: int) -> tuple[list[Unscored], int]:
        """Return messages of some places that have no retries left, newest first, and how many there are in all."""
        failed = (Message.place_id.in_(place_ids), Message.pending, IS_GIVEN_UP)
        columns = select(Message.message_id, Message.channel_id, Message.fault).where(*failed)
        async with self._database.session() as session:
            rows = (await session.execute(columns.order_by(Message.message_id.desc()).limit(limit))).all()
            count = await session.scalar(select(func.count()).select_from(Message).where(*failed))
        return [Unscored(id_, channel_id, cast("Fault", fault)) for id_, channel_id, fault in rows], count or 0

    async def backfill_count(self, place_id: int) -> int:
        """Return how many messages of a place's backfills failed, with or without retries left."""
        failed = (Message.place_id == place_id, Message.backfilled, Message.pending, Message.fault.is_not(None))
        async with self._database.session() as session:
            return (await session.execute(select(func.count()).select_from(Message).where(*failed))).scalar_one()

    async def retry(self, place_id: int) -> int:
        """Give the failed messages of a place all their retries again, due at once; return how many there are."""
        failed = (Message.place_id == place_id, Message.pending, Message.fault.is_not(None))
        async with self._database.session() as session:
            return await execute_and_count(session, update(Message).where(*failed).values(NO_FAULT))

    async def retry_with(self, model: str) -> int:
        """Do the same as `retry` in every place if `model` is not that of the last call; return how many there are."""
        row = {"name": "model", "value": model[-_MODEL_LENGTH:]}
        async with self._database.session() as session:
            statement = (
                insert_into(session, Setting)
                .values(row)
                .on_conflict_do_update(index_elements=[Setting.name], set_=row, where=Setting.value != row["value"])
            )
            if (await session.execute(statement.returning(Setting.name))).first() is None:
                return 0
            failed = (Message.pending, Message.fault.is_not(None))
            return await execute_and_count(session, update(Message).where(*failed).values(NO_FAULT))
