"""Deletion, export and opting out for members, and exemptions by moderators."""

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.question_records import AuthorAnswer, AuthorLabel
from bot.storage.records import AuthorRow, Case, Exemption, ExemptionKind
from bot.storage.statements import delete_messages, execute_and_count, find_cases, insert_into, lock_author
from bot.storage.tables import Message, OptOut, QuestionVersion, Score

# In the order of AuthorRow's fields.
_STORED: Select[*tuple[Any, ...]] = select(
    Message.message_id,
    Message.place_id,
    Message.channel_id,
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
    """The data of members in `database`, and the exemptions that moderators set.

    What the bot posted about deleted messages is scheduled for deletion from Discord. Reactions stay.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delete_messages_of(self, user_id: int) -> int:
        """Delete all messages of an author with their scores and cases, and return how many there were.

        What the author did as a moderator belongs to the server and stays.
        """
        async with self._database.session() as session:
            count = await _delete_messages_of(session, user_id)
        if count:
            await self._database.erase()
        return count

    async def opt_out(self, user_id: int) -> int:
        """Delete all messages of an author, record none from now on, and return how many there were."""
        async with self._database.session() as session:
            count = await _delete_messages_of(session, user_id)
            row = {"user_id": user_id, "since": datetime.now(UTC)}
            await session.execute(insert_into(session, OptOut).values(row).on_conflict_do_nothing())
        if count:
            await self._database.erase()
        return count

    async def opt_in(self, user_id: int) -> None:
        """Record the messages of an author again from now on."""
        async with self._database.session() as session:
            await session.execute(delete(OptOut).where(OptOut.user_id == user_id))

    async def has_opted_out(self, user_id: int) -> bool:
        """Return whether a user opted out of being recorded."""
        async with self._database.session() as session:
            return await session.get(OptOut, user_id) is not None

    async def messages_of(self, user_id: int) -> list[AuthorRow]:
        """Return everything stored about an author's messages, in the order of posting and scoring."""
        statement = _STORED.where(Message.author_id == user_id)
        async with self._database.session() as session:
            rows = await session.execute(statement.order_by(Message.posted_at, Message.message_id, Score.id))
            return [AuthorRow(*row) for row in rows]

    async def cases_of(self, user_id: int) -> list[Case]:
        """Return the cases of an author's messages, oldest first."""
        async with self._database.session() as session:
            return await find_cases(session, Message.author_id == user_id)

    async def answers_of(self, user_id: int) -> list[AuthorAnswer]:
        """Return what places' own questions got about an author's messages, in the order of scoring."""
        table = tables.QuestionScore
        columns: tuple[Any, ...] = (
            Message.message_id, Message.guild_id, Message.place_id, tables.ServerQuestion.name, QuestionVersion.number,
            table.content_hash, table.model, table.probabilities, table.label_mass, table.verdict, table.fault,
            table.scored_at,
        )  # fmt: skip
        statement = (
            select(*columns)
            .join_from(table, Message, Message.message_id == table.message_id)
            .join(QuestionVersion, QuestionVersion.id == table.version_id)
            .join(tables.ServerQuestion, tables.ServerQuestion.id == QuestionVersion.question_id)
            .where(Message.author_id == user_id)
        )
        async with self._database.session() as session:
            return [AuthorAnswer(*row) for row in await session.execute(statement.order_by(table.id))]

    async def labels_of(self, user_id: int) -> list[AuthorLabel]:
        """Return the labels that moderators gave an author's messages, without the moderators."""
        table = tables.CaseLabel
        columns = (
            Message.message_id, Message.guild_id, Message.place_id, tables.ServerQuestion.name, table.content_hash,
            table.label, table.weight, table.labelled_at,
        )  # fmt: skip
        statement = (
            select(*columns)
            .join_from(table, Message, Message.message_id == table.message_id)
            .join(tables.PlaceQuestion, tables.PlaceQuestion.id == table.place_question_id)
            .join(tables.ServerQuestion, tables.ServerQuestion.id == tables.PlaceQuestion.question_id)
            .where(Message.author_id == user_id)
        )
        async with self._database.session() as session:
            return [AuthorLabel(*row) for row in await session.execute(statement.order_by(table.id))]

    async def exempt(self, guild_id: int, kind: ExemptionKind, target_id: int) -> bool:
        """Exempt the messages of a role or a user from being read in a server; False if they are exempt already."""
        row = {"guild_id": guild_id, "kind": kind, "target_id": target_id}
        async with self._database.session() as session:
            insert = insert_into(session, tables.Exemption).values(row).on_conflict_do_nothing()
            return await execute_and_count(session, insert) > 0

    async def end_exemption(self, guild_id: int, kind: ExemptionKind, target_id: int) -> bool:
        """End an exemption; False if there was none."""
        key = {"guild_id": guild_id, "kind": kind, "target_id": target_id}
        async with self._database.session() as session:
            return await execute_and_count(session, delete(tables.Exemption).filter_by(**key)) > 0

    async def exemptions(self, guild_id: int) -> list[Exemption]:
        """Return a server's exemptions, roles first."""
        table = tables.Exemption
        statement = select(table.guild_id, table.kind, table.target_id).where(table.guild_id == guild_id)
        async with self._database.session() as session:
            rows = await session.execute(statement.order_by(table.kind, table.target_id))
            return [Exemption(guild, cast("ExemptionKind", kind), target) for guild, kind, target in rows]


async def _delete_messages_of(session: AsyncSession, user_id: int) -> int:
    await lock_author(session, user_id, alone=True)
    return await delete_messages(session, Message.author_id == user_id)
