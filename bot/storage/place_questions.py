"""The questions that places ask about their messages, and the rules that flag."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, case, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.question_records import Direction, PlaceQuestion, QuestionCounts, Rule
from bot.storage.questions import delete_place_questions
from bot.storage.shards import Shards
from bot.storage.statements import execute_and_count, hold_place, is_on, lock_message_ids
from bot.storage.tables import Message, Place, QuestionVersion, ReviewCase, UtcDateTime

MOST_PER_PLACE = 3

_TABLE = tables.PlaceQuestion
_COLUMNS: tuple[Any, ...] = (
    _TABLE,
    Place.guild_id,
    tables.ServerQuestion.name,
    QuestionVersion.number,
    QuestionVersion.definition,
)


class PlaceQuestions:
    """The questions of the watched places of `database`."""

    def __init__(self, database: Database, shards: Shards) -> None:
        self._database = database
        self._is_ours = is_on(shards, Place.guild_id)

    async def set(
        self, place_id: int, question_id: int, rule: Rule, *, log_channel_id: int, user_id: int
    ) -> PlaceQuestion | None:
        """Ask a question in a place, in shadow, or change its rule and log channel; None if the place is not watched.

        Changing it ends the suspension of its log channel, and cases without a card move to the new one. Raises
        ValueError if the place has as many questions as it can have.
        """
        is_it = (_TABLE.place_id == place_id) & (_TABLE.question_id == question_id)
        values = {
            **asdict(rule),
            "log_channel_id": log_channel_id,
            "set_by": user_id,
            "set_at": datetime.now(UTC),
            "suspended_at": None,
        }
        async with self._database.session() as session:
            # Locked, so that two moderators can't add a fourth question together.
            place = select(Place.place_id).where(Place.place_id == place_id).with_for_update()
            if (await session.execute(place)).first() is None:
                return None
            found = await find_place_questions(session, is_it)
            if found:
                await execute_and_count(session, update(_TABLE).where(is_it).values(values))
                await _move_cases(session, found[0].id, log_channel_id)
            else:
                in_place = select(func.count()).select_from(_TABLE).where(_TABLE.place_id == place_id)
                if (await session.execute(in_place)).scalar_one() >= MOST_PER_PLACE:
                    raise ValueError(f"a place has at most {MOST_PER_PLACE} questions")
                new = {"place_id": place_id, "question_id": question_id, "live": False}
                await session.execute(insert(_TABLE).values(values | new))
            return (await find_place_questions(session, is_it))[0]

    async def set_rule(self, place_question_id: int, rule: Rule) -> PlaceQuestion | None:
        """Put another rule in force, such as an earlier one, and return the question; None if it is removed."""
        is_it = _TABLE.id == place_question_id
        async with self._database.session() as session:
            await execute_and_count(session, update(_TABLE).where(is_it).values(asdict(rule)))
            found = await find_place_questions(session, is_it)
            return found[0] if found else None

    async def remove(self, place_question_id: int) -> bool:
        """Stop asking a question in a place and delete its scores, labels and measurements; cases stay."""
        async with self._database.session() as session:
            was_there = await delete_place_questions(session, _TABLE.id == place_question_id) > 0
        if was_there:
            await self._database.erase()
        return was_there

    async def set_live(self, place_question_id: int, live: bool) -> bool:
        """Record whether moderators want a question to alert; False if it is removed.

        Going live begins the week of the first digest and ends the suspension of the log channel.
        """
        values: dict[str, object] = {"live": live}
        if live:
            begun = case((_TABLE.live, _TABLE.digest_at), else_=literal(datetime.now(UTC), UtcDateTime))
            values |= {"digest_at": begun, "suspended_at": None}
        statement = update(_TABLE).where(_TABLE.id == place_question_id)
        async with self._database.session() as session:
            return await execute_and_count(session, statement.values(values)) > 0

    async def get(self, place_question_id: int) -> PlaceQuestion | None:
        """Return a place's question, None if it is removed."""
        found = await self._select(_TABLE.id == place_question_id)
        return found[0] if found else None

    async def in_place(self, place_id: int) -> list[PlaceQuestion]:
        """Return the questions of a place, in the order in which they were added."""
        return await self._select(_TABLE.place_id == place_id)

    async def in_places(self, place_ids: Collection[int]) -> dict[int, list[PlaceQuestion]]:
        """Return the questions of several places, by place."""
        by_place: dict[int, list[PlaceQuestion]] = {place_id: [] for place_id in place_ids}
        for question in await self._select(_TABLE.place_id.in_(place_ids)):
            by_place[question.place_id].append(question)
        return by_place

    async def asking(self, question_id: int) -> list[PlaceQuestion]:
        """Return a server's question in every place that asks it."""
        return await self._select(_TABLE.question_id == question_id)

    async def live(self) -> list[PlaceQuestion]:
        """Return the questions that moderators want to alert, in this process's servers."""
        return await self._select(_TABLE.live.is_(True), self._is_ours)

    async def suspend_log(self, log_channel_id: int) -> list[PlaceQuestion]:
        """Suspend a log channel that refuses the bot; return the questions that were not suspended before."""
        refused = (_TABLE.log_channel_id == log_channel_id, _TABLE.suspended_at.is_(None))
        async with self._database.session() as session:
            ids = select(_TABLE.id).where(*refused).order_by(_TABLE.id).with_for_update()
            new = _TABLE.id.in_((await session.scalars(ids)).all())
            await execute_and_count(session, update(_TABLE).where(new).values(suspended_at=datetime.now(UTC)))
            return await find_place_questions(session, new)

    async def claim_telling(self, place_question_id: int, fingerprint: str | None) -> bool:
        """Claim to tell the log channel about `fingerprint`; False if it was told already. None: tell it again."""
        is_new = _TABLE.told.is_distinct_from(fingerprint)
        statement = update(_TABLE).where(_TABLE.id == place_question_id, is_new)
        async with self._database.session() as session:
            return await execute_and_count(session, statement.values(told=fingerprint)) > 0

    async def set_digest_at(self, place_question_id: int, before: datetime | None, now: datetime) -> bool:
        """Claim the weekly digest of `now`; False if the last one is not from `before`: another program did."""
        is_last = _TABLE.digest_at.is_not_distinct_from(before)
        statement = update(_TABLE).where(_TABLE.id == place_question_id, is_last)
        async with self._database.session() as session:
            return await execute_and_count(session, statement.values(digest_at=now)) > 0

    async def counts(self, place_question_id: int) -> QuestionCounts:
        """Return how many messages a question in a place scored so far, and how many it could not."""
        score = tables.QuestionScore
        messages = func.count(score.message_id.distinct())
        of_question = score.place_question_id == place_question_id
        counts = select(messages.filter(score.fault.is_(None)), messages.filter(score.fault.is_not(None)))
        async with self._database.session() as session:
            return QuestionCounts(*(await session.execute(counts.where(of_question))).one())

    async def case_counts(self, place_question_id: int) -> tuple[int, int]:
        """Return how many cases a question opened in a place that still exist, and how many are undecided."""
        of_question = ReviewCase.place_question_id == place_question_id
        undecided = func.count().filter(ReviewCase.state.in_(["open", "claimed"]))
        async with self._database.session() as session:
            flagged, waiting = (
                await session.execute(select(func.count(), undecided).select_from(ReviewCase).where(of_question))
            ).one()
        return flagged, waiting

    async def _select(self, *which: ColumnElement[bool]) -> list[PlaceQuestion]:
        async with self._database.session() as session:
            return await find_place_questions(session, *which)


async def find_place_questions(session: AsyncSession, *which: ColumnElement[bool]) -> list[PlaceQuestion]:
    """Return places' questions, in the order in which they were added."""
    statement = (
        select(*_COLUMNS)
        .join(Place, Place.place_id == _TABLE.place_id)
        .join(tables.ServerQuestion, tables.ServerQuestion.id == _TABLE.question_id)
        .join(QuestionVersion, QuestionVersion.id == _TABLE.version_id)
        .where(*which)
        .order_by(_TABLE.id)
        .execution_options(populate_existing=True)
    )
    return [_record(*row) for row in await session.execute(statement)]


async def is_unchanged(session: AsyncSession, question: PlaceQuestion) -> bool:
    """Return whether a place's question still exists with the same rule, and moderators still want it to alert."""
    if not await hold_place(session, question.place_id):
        return False
    found = await find_place_questions(session, _TABLE.id == question.id)
    return bool(found) and (found[0].rule, found[0].live) == (question.rule, True)


def rule_of(row: tables.PlaceQuestion | tables.Measurement) -> Rule:
    """Return the rule that a row contains."""
    direction = cast("Direction", row.direction)
    return Rule(row.version_id, row.flag_label, row.threshold, direction, row.calibration, row.prior)


def _record(row: tables.PlaceQuestion, guild_id: int, name: str, version: int, definition: str) -> PlaceQuestion:
    return PlaceQuestion(
        id=row.id,
        place_id=row.place_id,
        guild_id=guild_id,
        question_id=row.question_id,
        name=name,
        version=version,
        definition=definition,
        rule=rule_of(row),
        log_channel_id=row.log_channel_id,
        live=row.live,
        set_by=row.set_by,
        set_at=row.set_at,
        suspended_at=row.suspended_at,
        digest_at=row.digest_at,
        told=row.told,
    )


async def _move_cases(session: AsyncSession, place_question_id: int, log_channel_id: int) -> None:
    """Move the cases of a place's question that have no card yet to its current log channel."""
    not_posted = (
        (ReviewCase.place_question_id == place_question_id)
        & (ReviewCase.log_channel_id != log_channel_id)
        & ReviewCase.card_message_id.is_(None)
        & ReviewCase.digest_message_id.is_(None)
    )
    of_cases = Message.message_id.in_(select(ReviewCase.message_id).where(not_posted))
    if messages := (await session.scalars(lock_message_ids(of_cases))).all():
        statement = update(ReviewCase).where(ReviewCase.message_id.in_(messages), not_posted)
        await execute_and_count(session, statement.values(log_channel_id=log_channel_id))
