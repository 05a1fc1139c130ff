"""The watched places and their options."""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, case, delete, literal, select, union, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.records import Label, WatchedPlace
from bot.storage.shards import Shards
from bot.storage.statements import (
    delete_later,
    delete_messages,
    execute_and_count,
    find_places,
    hold_place,
    insert_into,
    is_on,
    lock_message_ids,
    lock_messages,
    lock_place_questions,
)
from bot.storage.tables import Audit, CaseCounter, Message, Notice, Place, ReviewCase, ServerQuestion, UtcDateTime


class Places:
    """The watched places of `database`: channels, threads, forums and categories."""

    def __init__(self, database: Database, shards: Shards) -> None:
        self._database = database
        self._shards = shards

    async def watch(
        self,
        place_id: int,
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
        """Watch a place, in shadow, starting after `last_message_id`.

        If it is watched already, only its options change and its log channel is no longer suspended. Cases without a
        card move to the new log channel.
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
        initial = {"place_id": place_id, "last_message_id": last_message_id, "watched_at": datetime.now(UTC)}
        async with self._database.session() as session:
            statement = insert_into(session, Place).values(options | initial)
            await session.execute(statement.on_conflict_do_update(index_elements=[Place.place_id], set_=options))
            if log_channel_id is not None:
                await _move_cases(session, place_id, log_channel_id)

    async def unwatch(self, place_id: int) -> bool:
        """Stop watching a place and delete everything recorded there; False if it was not watched."""
        is_place = Place.place_id == place_id
        async with self._database.session() as session:
            # The place is locked before its messages, in the order of all transactions.
            await session.execute(select(Place.place_id).where(is_place).with_for_update())
            await lock_place_questions(session, tables.PlaceQuestion.place_id == place_id)
            await delete_messages(session, Message.place_id == place_id)
            notices = select(Place.guild_id, Notice.channel_id, Notice.message_id).join_from(Notice, Place)
            await delete_later(session, notices.where(Notice.place_id == place_id))
            was_watched = await execute_and_count(session, delete(Place).where(is_place)) > 0
        if was_watched:
            await self._database.erase()
        return was_watched

    async def delete_guild(self, guild_id: int) -> None:
        """Delete everything about a server: places, messages, cases, questions, exemptions and the audit log."""
        in_guild = Place.guild_id == guild_id
        places = select(Place.place_id).where(in_guild).order_by(Place.place_id)
        async with self._database.session() as session:
            ids = (await session.scalars(places.with_for_update())).all()
            await lock_place_questions(session, tables.PlaceQuestion.place_id.in_(ids))
            await delete_messages(session, Message.place_id.in_(ids), in_discord=False)
            await session.execute(delete(Place).where(Place.place_id.in_(ids)))
            for table in (ServerQuestion, tables.Exemption, CaseCounter, Audit):
                await session.execute(delete(table).where(table.guild_id == guild_id))
        await self._database.erase()

    async def guild_ids(self) -> set[int]:
        """Return the ids of this process's servers with stored data."""
        ids_of_each = [
            select(table.guild_id).where(is_on(self._shards, table.guild_id))
            for table in (Place, ServerQuestion, tables.Exemption, CaseCounter, Audit)
        ]
        async with self._database.session() as session:
            return set(await session.scalars(union(*ids_of_each)))

    async def get(self, place_id: int) -> WatchedPlace | None:
        """Return a place with its options, None if it is not watched."""
        places = await self._select(Place.place_id == place_id)
        return places[0] if places else None

    async def in_guild(self, guild_id: int) -> list[WatchedPlace]:
        """Return the watched places of a server, in the order of their ids."""
        return await self._select(Place.guild_id == guild_id)

    async def all(self) -> list[WatchedPlace]:
        """Return every watched place in this process's servers, in the order of their ids."""
        return await self._select(is_on(self._shards, Place.guild_id))

    async def add_notice(self, place_id: int, channel_id: int, message_id: int) -> None:
        """Record the message that tells members that a place is watched; it is deleted with the place."""
        row = {"message_id": message_id, "channel_id": channel_id, "place_id": place_id}
        async with self._database.session() as session:
            if await hold_place(session, place_id):
                await session.execute(insert_into(session, Notice).values(row).on_conflict_do_nothing())

    async def has_notices(self, place_id: int) -> bool:
        """Return whether a notice tells the members of a place that it is watched."""
        notice = select(Notice.message_id).where(Notice.place_id == place_id).limit(1)
        async with self._database.session() as session:
            return (await session.execute(notice)).first() is not None

    async def set_live(self, place_id: int, live: bool) -> bool:
        """Start or stop showing the scores of a place; False if it is not watched.

        Going live begins the week of the first digest and ends the suspension of the log channel. Scores that are not
        shown before a place goes back to shadow are never shown.
        """
        values: dict[str, object] = {"live": live}
        if live:
            begun = case((Place.live, Place.digest_at), else_=literal(datetime.now(UTC), UtcDateTime))
            values |= {"digest_at": begun, "suspended_at": None}
        to_show = (Message.place_id == place_id) & Message.acts
        statement = update(Place).where(Place.place_id == place_id)
        async with self._database.session() as session:
            is_watched = await execute_and_count(session, statement.values(values)) > 0
            if is_watched and not live and await lock_messages(session, to_show):
                await execute_and_count(session, update(Message).where(to_show).values(acts=False))
            return is_watched

    async def suspend_log(self, log_channel_id: int) -> list[WatchedPlace]:
        """Suspend a log channel that refuses the bot, and return the places that were not suspended before."""
        refused = (Place.log_channel_id == log_channel_id, Place.suspended_at.is_(None))
        places = select(Place.place_id).where(*refused).order_by(Place.place_id)
        async with self._database.session() as session:
            new = Place.place_id.in_((await session.scalars(places.with_for_update())).all())
            await execute_and_count(session, update(Place).where(new).values(suspended_at=datetime.now(UTC)))
            return await find_places(session, new)

    async def set_digest_at(self, place_id: int, before: datetime | None, now: datetime) -> bool:
        """Claim the weekly digest of `now`; False if the last one is not from `before`: another program did."""
        statement = update(Place).where(Place.place_id == place_id, Place.digest_at.is_not_distinct_from(before))
        async with self._database.session() as session:
            return await execute_and_count(session, statement.values(digest_at=now)) > 0

    async def advance(self, place_id: int, last_message_id: int) -> None:
        """Mark everything up to `last_message_id` as seen; a place never moves back."""
        last = Place.last_message_id
        statement = update(Place).where(Place.place_id == place_id, last < last_message_id)
        async with self._database.session() as session:
            await execute_and_count(session, statement.values(last_message_id=last_message_id))

    async def _select(self, *which: ColumnElement[bool]) -> list[WatchedPlace]:
        async with self._database.session() as session:
            return await find_places(session, *which)


async def _move_cases(session: AsyncSession, place_id: int, log_channel_id: int) -> None:
    """Move the cases of a place that have no card yet to its current log channel."""
    not_posted = (
        (ReviewCase.place_id == place_id)
        & (ReviewCase.place_question_id == 0)
        & (ReviewCase.log_channel_id != log_channel_id)
        & ReviewCase.card_message_id.is_(None)
        & ReviewCase.digest_message_id.is_(None)
    )
    of_cases = Message.message_id.in_(select(ReviewCase.message_id).where(not_posted))
    if messages := (await session.scalars(lock_message_ids(of_cases))).all():
        statement = update(ReviewCase).where(ReviewCase.message_id.in_(messages), not_posted)
        await execute_and_count(session, statement.values(log_channel_id=log_channel_id))
