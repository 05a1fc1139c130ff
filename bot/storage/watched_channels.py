"""Which channels are watched, and how."""

from dataclasses import fields
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, delete, select, update

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.records import Watched
from bot.storage.statements import changed_rows, delete_messages, insert_into
from bot.storage.tables import Message, WatchedChannel


class WatchedChannels:
    """The watched channels of `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def watch(
        self,
        channel_id: int,
        guild_id: int,
        *,
        flag_below: float | None,
        log_channel_id: int | None,
        watched_by: int,
        last_message_id: int,
        live: bool = False,
    ) -> None:
        """Watch a channel from after `last_message_id` on.

        Where it is watched already, only its options change: what was read stays, and what was not read yet is due.
        """
        options = {
            "guild_id": guild_id,
            "flag_below": flag_below,
            "log_channel_id": log_channel_id,
            "live": live,
            "watched_by": watched_by,
        }
        first = {"channel_id": channel_id, "last_message_id": last_message_id, "watched_at": datetime.now(UTC)}
        async with self._database.session() as session:
            statement = insert_into(session, WatchedChannel).values(options | first)
            await session.execute(
                statement.on_conflict_do_update(index_elements=[WatchedChannel.channel_id], set_=options)
            )

    async def unwatch(self, channel_id: int) -> bool:
        """Stop watching and forget everything from there; False where it was not watched."""
        this = WatchedChannel.channel_id == channel_id
        async with self._database.session() as session:
            # The channel is locked first, as in every other statement that needs it and its messages.
            await session.execute(select(WatchedChannel.channel_id).where(this).with_for_update())
            await delete_messages(session, Message.channel_id == channel_id)
            was_watched = await changed_rows(session, delete(WatchedChannel).where(this)) > 0
        if was_watched:
            await self._database.erase()
        return was_watched

    async def forget_guild(self, guild_id: int) -> None:
        """Forget everything of a server: its channels, their messages and scores, its exemptions."""
        these = WatchedChannel.guild_id == guild_id
        channels = select(WatchedChannel.channel_id).where(these).order_by(WatchedChannel.channel_id)
        async with self._database.session() as session:
            ids = (await session.scalars(channels.with_for_update())).all()
            await delete_messages(session, Message.channel_id.in_(ids))
            await session.execute(delete(WatchedChannel).where(WatchedChannel.channel_id.in_(ids)))
            await session.execute(delete(tables.Exemption).where(tables.Exemption.guild_id == guild_id))
        await self._database.erase()

    async def watched(self, channel_id: int) -> Watched | None:
        """Return a channel's options, None where it is not watched."""
        found = await self._select(WatchedChannel.channel_id == channel_id)
        return found[0] if found else None

    async def watched_in(self, guild_id: int) -> list[Watched]:
        """Return the watched channels of a server, in the order of their ids."""
        return await self._select(WatchedChannel.guild_id == guild_id)

    async def all_watched(self) -> list[Watched]:
        """Return every watched channel, in the order of their ids."""
        return await self._select()

    async def set_notice(self, channel_id: int, message_id: int | None) -> None:
        """Remember the message that tells a channel that it is watched."""
        statement = update(WatchedChannel).where(WatchedChannel.channel_id == channel_id)
        async with self._database.session() as session:
            await session.execute(statement.values(notice_message_id=message_id))

    async def _select(self, *which: ColumnElement[bool]) -> list[Watched]:
        columns = [getattr(WatchedChannel, field.name) for field in fields(Watched)]
        async with self._database.session() as session:
            rows = await session.execute(select(*columns).where(*which).order_by(WatchedChannel.channel_id))
            return [Watched(*row) for row in rows]
