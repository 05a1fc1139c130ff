"""Messages of the bot's own that have to change in Discord because what they are about is forgotten."""

from sqlalchemy import delete, select

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.records import OwnMessage, StaleDigest
from bot.storage.statements import insert_into
from bot.storage.tables import DueDeletion


class OwnMessages:
    """What is due in Discord because `database` forgot something, until it is done there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due_deletions(self, limit: int) -> list[OwnMessage]:
        """Return cards and label replies that are to be deleted, the oldest first."""
        statement = select(DueDeletion.channel_id, DueDeletion.message_id).order_by(DueDeletion.message_id)
        async with self._database.session() as session:
            return [OwnMessage(*row) for row in await session.execute(statement.limit(limit))]

    async def delete_own(self, own: OwnMessage) -> None:
        """Note that one of them is to be deleted: what it is about was forgotten before it was known."""
        row = {"channel_id": own.channel_id, "message_id": own.message_id}
        async with self._database.session() as session:
            await session.execute(insert_into(session, DueDeletion).values(row).on_conflict_do_nothing())

    async def deleted(self, own: OwnMessage) -> None:
        """Note that one of them is deleted, or can no longer be."""
        this = {"channel_id": own.channel_id, "message_id": own.message_id}
        async with self._database.session() as session:
            await session.execute(delete(DueDeletion).filter_by(**this))

    async def stale_digests(self, limit: int) -> list[StaleDigest]:
        """Return digests that are to be written anew from `in_digest`, or deleted where nothing is left in them."""
        table = tables.StaleDigest
        statement = select(table.channel_id, table.message_id, table.times).order_by(table.message_id)
        async with self._database.session() as session:
            return [StaleDigest(*row) for row in await session.execute(statement.limit(limit))]

    async def rewritten(self, digest: StaleDigest) -> None:
        """Note that one of them is up to date, unless more was forgotten since it was returned."""
        this = {"channel_id": digest.channel_id, "message_id": digest.message_id, "times": digest.times}
        async with self._database.session() as session:
            await session.execute(delete(tables.StaleDigest).filter_by(**this))
