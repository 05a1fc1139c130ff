"""Forgetting, not being read, and seeing what is kept."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any, cast

from sqlalchemy import Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.deletion import delete_messages
from bot.storage.records import AuthorRow, Case, Exemption, ExemptionKind
from bot.storage.statements import cases, changed_rows, insert_into, lock_author
from bot.storage.tables import Message, OptOut, Score

IDS_PER_STATEMENT = 10_000  # both databases take some 32,000 values in one

# In the order of AuthorRow's fields.
_KEPT: Select[*tuple[Any, ...]] = select(
    Message.message_id,
    Message.channel_id,
    Message.posted_in,
    Message.guild_id,
    Message.posted_at,
    Message.content_hash,
    Message.pending,
    Score.content_hash,
    Score.model,
    Score.positive_probability,
    Score.margin,
    Score.label_mass,
    Score.scored_at,
    Message.tries,
    Message.fault,
    Message.next_try_at,
).outerjoin(Score, Score.message_id == Message.message_id)


class Privacy:
    """What people may ask of `database` about their own messages, and moderators about a server's.

    What the bot posted about forgotten messages is due to go from Discord, too; only reactions stay on what is there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def drop(self, message_id: int) -> None:
        """Forget a message that cannot be scored."""
        await self.forget_messages([message_id])

    async def forget_messages(self, ids: Iterable[int]) -> int:
        """Forget messages with their scores and cases, and return how many of them were known."""
        remaining = iter(sorted(set(ids)))
        count = 0
        async with self._database.session() as session:
            while some := list(islice(remaining, IDS_PER_STATEMENT)):
                count += await delete_messages(session, Message.message_id.in_(some))
        if count:
            await self._database.erase()
        return count

    async def forget_channel(self, channel_id: int) -> int:
        """Forget all messages that stand in a channel or thread, and return how many there were."""
        async with self._database.session() as session:
            count = await delete_messages(session, Message.posted_in == channel_id)
        if count:
            await self._database.erase()
        return count

    async def forget_author(self, user_id: int) -> int:
        """Forget all messages of somebody with their scores and cases, and return how many there were.

        What they did as a moderator, about others' messages, is the server's and stays.
        """
        async with self._database.session() as session:
            count = await _forget_author(session, user_id)
        if count:
            await self._database.erase()
        return count

    async def opt_out(self, user_id: int) -> int:
        """Forget all messages of somebody, record none from now on, and return how many there were."""
        async with self._database.session() as session:
            count = await _forget_author(session, user_id)
            row = {"user_id": user_id, "since": datetime.now(UTC)}
            await session.execute(insert_into(session, OptOut).values(row).on_conflict_do_nothing())
        if count:
            await self._database.erase()
        return count

    async def opt_in(self, user_id: int) -> None:
        """Record somebody's messages again from now on."""
        async with self._database.session() as session:
            await session.execute(delete(OptOut).where(OptOut.user_id == user_id))

    async def opted_out(self, user_id: int) -> bool:
        """Return whether somebody's messages are not recorded."""
        async with self._database.session() as session:
            return await session.get(OptOut, user_id) is not None

    async def of_author(self, user_id: int) -> list[AuthorRow]:
        """Return everything that is kept of somebody's messages, in the order of their posting and scoring."""
        statement = _KEPT.where(Message.author_id == user_id)
        async with self._database.session() as session:
            rows = await session.execute(statement.order_by(Message.posted_at, Message.message_id, Score.id))
            return [AuthorRow(*row) for row in rows]

    async def cases_of_author(self, user_id: int) -> list[Case]:
        """Return the cases of somebody's messages, the oldest first."""
        async with self._database.session() as session:
            return await cases(session, Message.author_id == user_id)

    async def exempt(self, guild_id: int, kind: ExemptionKind, target_id: int) -> None:
        """Remember that a role's or a person's messages are not to be read in a server."""
        row = {"guild_id": guild_id, "kind": kind, "target_id": target_id}
        async with self._database.session() as session:
            await session.execute(insert_into(session, tables.Exemption).values(row).on_conflict_do_nothing())

    async def unexempt(self, guild_id: int, kind: ExemptionKind, target_id: int) -> bool:
        """End an exemption; False where there was none."""
        key = {"guild_id": guild_id, "kind": kind, "target_id": target_id}
        async with self._database.session() as session:
            return await changed_rows(session, delete(tables.Exemption).filter_by(**key)) > 0

    async def exemptions(self, guild_id: int) -> list[Exemption]:
        """Return a server's exemptions, roles first."""
        table = tables.Exemption
        statement = select(table.guild_id, table.kind, table.target_id).where(table.guild_id == guild_id)
        async with self._database.session() as session:
            rows = await session.execute(statement.order_by(table.kind, table.target_id))
            return [Exemption(guild, cast("ExemptionKind", kind), target) for guild, kind, target in rows]


async def _forget_author(session: AsyncSession, user_id: int) -> int:
    await lock_author(session, user_id, alone=True)
    return await delete_messages(session, Message.author_id == user_id)
