"""Messages that the bot has to delete or rewrite in Discord, because data that they show was deleted."""

from sqlalchemy import delete, select

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.records import OwnMessage, StaleDigest
from bot.storage.shards import Shards
from bot.storage.statements import insert_into, is_on
from bot.storage.tables import DueDeletion


class OwnMessages:
    """The bot's messages that a deletion in `database` made outdated, until they are changed in Discord.

    What is due is due in this process's servers.
    """

    def __init__(self, database: Database, shards: Shards) -> None:
        self._database = database
        self._shards = shards

    async def due_deletions(self, limit: int) -> list[OwnMessage]:
        """Return the messages to delete, oldest first."""
        columns = (DueDeletion.channel_id, DueDeletion.message_id)
        is_ours = is_on(self._shards, DueDeletion.guild_id)
        statement = select(*columns).where(is_ours).order_by(DueDeletion.message_id)
        async with self._database.session() as session:
            return [OwnMessage(*row) for row in await session.execute(statement.limit(limit))]

    async def delete_later(self, own: OwnMessage, guild_id: int) -> None:
        """Schedule the deletion of a message in a server, whose subject was deleted before it was posted."""
        row = {"guild_id": guild_id, "channel_id": own.channel_id, "message_id": own.message_id}
        async with self._database.session() as session:
            await session.execute(insert_into(session, DueDeletion).values(row).on_conflict_do_nothing())

    async def mark_deleted(self, own: OwnMessage) -> None:
        """Mark a message as deleted, or as impossible to delete."""
        key = {"channel_id": own.channel_id, "message_id": own.message_id}
        async with self._database.session() as session:
            await session.execute(delete(DueDeletion).filter_by(**key))

    async def stale_digests(self, limit: int) -> list[StaleDigest]:
        """Return the digests to rewrite from `cards.in_digest`, or to delete if they list nothing now."""
        table = tables.StaleDigest
        columns = (table.channel_id, table.message_id, table.times)
        statement = select(*columns).where(is_on(self._shards, table.guild_id)).order_by(table.message_id)
        async with self._database.session() as session:
            return [StaleDigest(*row) for row in await session.execute(statement.limit(limit))]

    async def mark_rewritten(self, digest: StaleDigest) -> None:
        """Mark a digest as rewritten, unless another of its cases was deleted meanwhile."""
        key = {"channel_id": digest.channel_id, "message_id": digest.message_id, "times": digest.times}
        async with self._database.session() as session:
            await session.execute(delete(tables.StaleDigest).filter_by(**key))
