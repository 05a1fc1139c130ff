"""The audit log of moderators' actions, kept for a year."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select

from bot.storage.database import Database
from bot.storage.records import AuditEntry
from bot.storage.statements import storable
from bot.storage.tables import Audit

KEPT = timedelta(days=365)
DETAIL_LENGTH = 200


class AuditLog:
    """The audit log in `database`. It belongs to the moderators: `/privacy delete` doesn't change it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, guild_id: int, place_id: int | None, user_id: int, action: str, detail: str) -> None:
        """Record an action with the first 200 characters of `detail`, and delete entries older than a year."""
        now = datetime.now(UTC)
        row = {
            "guild_id": guild_id,
            "place_id": place_id,
            "user_id": user_id,
            "action": action,
            "detail": storable(detail)[:DETAIL_LENGTH],
            "at": now,
        }
        async with self._database.session() as session:
            await session.execute(delete(Audit).where(Audit.at < now - KEPT))
            await session.execute(insert(Audit).values(row))

    async def latest(self, guild_id: int, limit: int) -> list[AuditEntry]:
        """Return the last actions in a server, newest first."""
        columns = (Audit.place_id, Audit.user_id, Audit.action, Audit.detail, Audit.at)
        statement = select(*columns).where(Audit.guild_id == guild_id).order_by(Audit.id.desc()).limit(limit)
        async with self._database.session() as session:
            return [AuditEntry(*row) for row in await session.execute(statement)]
