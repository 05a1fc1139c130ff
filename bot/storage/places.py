"""Which places are watched, and how."""

from dataclasses import fields
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, case, delete, literal, select, union, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.deletion import delete_later, delete_messages
from bot.storage.records import Label, Watched
from bot.storage.statements import changed_rows, hold_place, insert_into, lock_messages, messages_locked
from bot.storage.tables import Audit, CaseCounter, Message, Notice, ReviewCase, UtcDateTime, WatchedChannel


class WatchedChannels:
    """The watched places of `database`: channels, threads, forums and categories."""

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
        label: Label = "none",
        urgent_below: float | None = None,
        excerpts: bool = False,
    ) -> None:
        """Watch a place from after `last_message_id` on, in shadow.

        Where it is watched already, only its options change, and its log channel is no longer suspended: what was read
        stays, what was not read yet is due, and it is as live as it was. Cases without a card go to the log channel.
        """
        options = {
            "guild_id": guild_id,
            "flag_below": flag_below,
            "log_channel_id": log_channel_id,
            "watched_by": watched_by,
            "label": label,
            "urgent_below": urgent_below,
            "excerpts": excerpts,
            "suspended_at": None,
        }
        first = {"channel_id": channel_id, "last_message_id": last_message_id, "watched_at": datetime.now(UTC)}
        async with self._database.session() as session:
            statement = insert_into(session, WatchedChannel).values(options | first)
            await session.execute(
                statement.on_conflict_do_update(index_elements=[WatchedChannel.channel_id], set_=options)
            )
            if log_channel_id is not None:
                await _move_cases(session, channel_id, log_channel_id)

    async def unwatch(self, channel_id: int) -> bool:
        """Stop watching and forget everything from there; False where it was not watched."""
        this = WatchedChannel.channel_id == channel_id
        async with self._database.session() as session:
            # The place is locked first, as in every other statement that needs it and its messages.
            await session.execute(select(WatchedChannel.channel_id).where(this).with_for_update())
            await delete_messages(session, Message.channel_id == channel_id)
            await delete_later(
                session, select(Notice.channel_id, Notice.message_id).where(Notice.place_id == channel_id)
            )
            was_watched = await changed_rows(session, delete(WatchedChannel).where(this)) > 0
        if was_watched:
            await self._database.erase()
        return was_watched

    async def forget_guild(self, guild_id: int) -> None:
        """Forget everything of a server: its places, their messages and cases, its exemptions, and who did what."""
        these = WatchedChannel.guild_id == guild_id
        places = select(WatchedChannel.channel_id).where(these).order_by(WatchedChannel.channel_id)
        async with self._database.session() as session:
            ids = (await session.scalars(places.with_for_update())).all()
            await delete_messages(session, Message.channel_id.in_(ids), in_discord=False)
            await session.execute(delete(WatchedChannel).where(WatchedChannel.channel_id.in_(ids)))
            for table in (tables.Exemption, CaseCounter, Audit):
                await session.execute(delete(table).where(table.guild_id == guild_id))
        await self._database.erase()

    async def guild_ids(self) -> set[int]:
        """Return the servers of which anything is kept."""
        of_each = [select(table.guild_id) for table in (WatchedChannel, tables.Exemption, CaseCounter, Audit)]
        async with self._database.session() as session:
            return set(await session.scalars(union(*of_each)))

    async def watched(self, channel_id: int) -> Watched | None:
        """Return a place's options, None where it is not watched."""
        found = await self._select(WatchedChannel.channel_id == channel_id)
        return found[0] if found else None

    async def watched_in(self, guild_id: int) -> list[Watched]:
        """Return the watched places of a server, in the order of their ids."""
        return await self._select(WatchedChannel.guild_id == guild_id)

    async def all_watched(self) -> list[Watched]:
        """Return every watched place, in the order of their ids."""
        return await self._select()

    async def add_notice(self, place_id: int, channel_id: int, message_id: int) -> None:
        """Remember a message that tells members of a place that it is watched; it goes with the place."""
        row = {"message_id": message_id, "channel_id": channel_id, "place_id": place_id}
        async with self._database.session() as session:
            if await hold_place(session, place_id):
                await session.execute(insert_into(session, Notice).values(row).on_conflict_do_nothing())

    async def has_notices(self, place_id: int) -> bool:
        """Return whether members of a place were told that it is watched."""
        found = select(Notice.message_id).where(Notice.place_id == place_id).limit(1)
        async with self._database.session() as session:
            return (await session.execute(found)).first() is not None

    async def set_live(self, channel_id: int, live: bool) -> bool:
        """Let a place's scores be shown from now on, or no longer; False where it is not watched.

        The week of its first digest begins with it, and its log channel is no longer suspended. What was still to be
        shown when it ends is not shown later.
        """
        values: dict[str, object] = {"live": live}
        if live:
            begun = case((WatchedChannel.live, WatchedChannel.digest_at), else_=literal(datetime.now(UTC), UtcDateTime))
            values |= {"digest_at": begun, "suspended_at": None}
        to_show = (Message.channel_id == channel_id) & Message.acts
        statement = update(WatchedChannel).where(WatchedChannel.channel_id == channel_id)
        async with self._database.session() as session:
            is_watched = await changed_rows(session, statement.values(values)) > 0
            if is_watched and not live and await lock_messages(session, to_show):
                await changed_rows(session, update(Message).where(to_show).values(acts=False))
            return is_watched

    async def suspend_log(self, log_channel_id: int) -> list[Watched]:
        """Send no more cards to a channel that refuses them; return the places that this is new for."""
        refused = (WatchedChannel.log_channel_id == log_channel_id, WatchedChannel.suspended_at.is_(None))
        places = select(WatchedChannel.channel_id).where(*refused).order_by(WatchedChannel.channel_id)
        async with self._database.session() as session:
            new = WatchedChannel.channel_id.in_((await session.scalars(places.with_for_update())).all())
            await changed_rows(session, update(WatchedChannel).where(new).values(suspended_at=datetime.now(UTC)))
            return await _watched(session, new)

    async def set_digest_at(self, channel_id: int, before: datetime | None, now: datetime) -> bool:
        """Note that a weekly digest is posted `now`; False where the last was not that of `before`: another did it."""
        statement = update(WatchedChannel).where(
            WatchedChannel.channel_id == channel_id, WatchedChannel.digest_at.is_not_distinct_from(before)
        )
        async with self._database.session() as session:
            return await changed_rows(session, statement.values(digest_at=now)) > 0

    async def move_on(self, channel_id: int, last_message_id: int) -> None:
        """Note that everything up to `last_message_id` was seen; a place never moves back."""
        last = WatchedChannel.last_message_id
        statement = update(WatchedChannel).where(WatchedChannel.channel_id == channel_id, last < last_message_id)
        async with self._database.session() as session:
            await changed_rows(session, statement.values(last_message_id=last_message_id))

    async def _select(self, *which: ColumnElement[bool]) -> list[Watched]:
        async with self._database.session() as session:
            return await _watched(session, *which)


async def _watched(session: AsyncSession, *which: ColumnElement[bool]) -> list[Watched]:
    columns = [getattr(WatchedChannel, field.name) for field in fields(Watched)]
    rows = await session.execute(select(*columns).where(*which).order_by(WatchedChannel.channel_id))
    return [Watched(*row) for row in rows]


async def _move_cases(session: AsyncSession, place_id: int, log_channel_id: int) -> None:
    """Let the cases of a place that have no card yet get it in its present log channel."""
    unseen = (
        (ReviewCase.place_id == place_id)
        & (ReviewCase.log_channel_id != log_channel_id)
        & ReviewCase.card_message_id.is_(None)
        & ReviewCase.digest_message_id.is_(None)
    )
    theirs = Message.message_id.in_(select(ReviewCase.message_id).where(unseen))
    if messages := (await session.scalars(messages_locked(theirs))).all():
        statement = update(ReviewCase).where(ReviewCase.message_id.in_(messages), unseen)
        await changed_rows(session, statement.values(log_channel_id=log_channel_id))
