"""The questions that a server's moderators define, each with immutable, numbered versions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.question_records import ServerQuestion
from bot.storage.statements import execute_and_count, lock_message_ids, lock_place_questions
from bot.storage.tables import CaseOutcome, Message, Place, QuestionVersion

MOST_QUESTIONS = 25  # of a server: as many as a menu lists

# In the order of ServerQuestion's fields.
_COLUMNS: tuple[Any, ...] = (
    tables.ServerQuestion.id,
    tables.ServerQuestion.guild_id,
    tables.ServerQuestion.name,
    QuestionVersion.id,
    QuestionVersion.number,
    QuestionVersion.definition,
    QuestionVersion.written_by,
    QuestionVersion.written_at,
)


class Questions:
    """The questions of servers in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def define(self, guild_id: int, name: str, definition: str, user_id: int) -> ServerQuestion | None:
        """Define a question, which begins with version 1; None if the server has one with this name.

        Raises ValueError if the server has as many questions as it can have.
        """
        table = tables.ServerQuestion
        async with self._database.session() as session:
            count = await session.scalar(select(func.count()).select_from(table).where(table.guild_id == guild_id))
            if await _find(session, _select_newest(), table.guild_id == guild_id, table.name == name):
                return None
            if (count or 0) >= MOST_QUESTIONS:
                raise ValueError(f"a server has at most {MOST_QUESTIONS} questions")
            adding = insert(table).values(guild_id=guild_id, name=name).returning(table.id)
            question_id = (await session.execute(adding)).scalar_one()
            await _add_version(session, question_id, 1, definition, user_id)
            return (await _find(session, _select_newest(), table.id == question_id))[0]

    async def change(self, question_id: int, definition: str, user_id: int) -> ServerQuestion | None:
        """Add a version, put it in force in every place that asks the question, and return it; None if it is deleted.

        The newest definition again adds no version. A rule keeps its label and threshold, but not its calibration,
        which belongs to the earlier prompt.
        """
        is_question = tables.ServerQuestion.id == question_id
        place_question = tables.PlaceQuestion
        async with self._database.session() as session:
            await session.execute(select(tables.ServerQuestion.id).where(is_question).with_for_update())
            found = await _find(session, _select_newest(), is_question)
            if not found:
                return None
            version_id = found[0].version_id
            if found[0].definition != definition:
                version_id = await _add_version(session, question_id, found[0].version + 1, definition, user_id)
            in_force = {"version_id": version_id, "calibration": "none", "prior": "[]"}
            of_question = place_question.question_id == question_id
            elsewhere = await lock_place_questions(session, of_question & (place_question.version_id != version_id))
            await execute_and_count(
                session, update(place_question).where(place_question.id.in_(elsewhere)).values(in_force)
            )
            return (await _find(session, _select_newest(), is_question))[0]

    async def delete(self, guild_id: int, name: str) -> bool:
        """Delete a question with everything that belongs to it, in all places; False if there is none.

        Cases that it flagged stay: they have its name and version.
        """
        table = tables.ServerQuestion
        async with self._database.session() as session:
            question_id = await session.scalar(select(table.id).where(table.guild_id == guild_id, table.name == name))
            if question_id is None:
                return False
            of_question = tables.PlaceQuestion.question_id == question_id
            await delete_place_questions(session, of_question)
            was_there = await execute_and_count(session, delete(table).where(table.id == question_id)) > 0
        if was_there:
            await self._database.erase()
        return was_there

    async def get(self, guild_id: int, name: str) -> ServerQuestion | None:
        """Return a question of a server in its newest version, None if there is none."""
        table = tables.ServerQuestion
        async with self._database.session() as session:
            found = await _find(session, _select_newest(), table.guild_id == guild_id, table.name == name)
            return found[0] if found else None

    async def in_guild(self, guild_id: int) -> list[ServerQuestion]:
        """Return the questions of a server in their newest versions, by name."""
        async with self._database.session() as session:
            return await _find(session, _select_newest(), tables.ServerQuestion.guild_id == guild_id)

    async def versions(self, question_id: int) -> list[ServerQuestion]:
        """Return all versions of a question, the newest first."""
        async with self._database.session() as session:
            versions = await _find(session, _select(), tables.ServerQuestion.id == question_id)
            return sorted(versions, key=lambda version: version.version, reverse=True)


async def delete_place_questions(session: AsyncSession, which: ColumnElement[bool]) -> int:
    """Delete places' questions with their scores, labels, measurements and outcomes, and return their number."""
    table = tables.PlaceQuestion
    places = select(Place.place_id).where(Place.place_id.in_(select(table.place_id).where(which)))
    await session.execute(places.order_by(Place.place_id).with_for_update())
    ids = await lock_place_questions(session, which)
    if not ids:
        return 0
    mentions = [
        select(other.message_id).where(other.place_question_id.in_(ids))
        for other in (tables.QuestionScore, tables.CaseLabel)
    ]
    measured = select(tables.MeasurementCase.message_id).join(tables.Measurement)
    mentions.append(measured.where(tables.Measurement.place_question_id.in_(ids)))
    of_them = [Message.message_id.in_(mention) for mention in mentions]
    await session.execute(lock_message_ids(of_them[0] | of_them[1] | of_them[2]))
    await session.execute(delete(CaseOutcome).where(CaseOutcome.place_question_id.in_(ids)))
    return await execute_and_count(session, delete(table).where(table.id.in_(ids)))


def _select() -> Select[*tuple[Any, ...]]:
    table = tables.ServerQuestion
    return select(*_COLUMNS).join_from(table, QuestionVersion, QuestionVersion.question_id == table.id)


def _select_newest() -> Select[*tuple[Any, ...]]:
    other = tables.QuestionVersion.__table__.alias()
    newest = select(func.max(other.c.number)).where(other.c.question_id == tables.ServerQuestion.id)
    return _select().where(QuestionVersion.number == newest.scalar_subquery())


async def _find(
    session: AsyncSession, statement: Select[*tuple[Any, ...]], *which: ColumnElement[bool]
) -> list[ServerQuestion]:
    rows: Sequence[Any] = (await session.execute(statement.where(*which).order_by(tables.ServerQuestion.name))).all()
    return [ServerQuestion(*row) for row in rows]


async def _add_version(session: AsyncSession, question_id: int, number: int, definition: str, user_id: int) -> int:
    row = {
        "question_id": question_id,
        "number": number,
        "definition": definition,
        "written_by": user_id,
        "written_at": datetime.now(UTC),
    }
    return (await session.execute(insert(QuestionVersion).values(row).returning(QuestionVersion.id))).scalar_one()
