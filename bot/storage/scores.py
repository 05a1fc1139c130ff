"""The scores of messages."""

import json
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.database import Database
from bot.storage.question_records import NewQuestionScore
from bot.storage.records import NewScore, ScoredMessage
from bot.storage.statements import NO_FAULT, execute_and_count, hold_place_questions, insert_into, newest_score
from bot.storage.tables import Message, QuestionScore, Score, UtcDateTime

PAGE = 1000  # rows of a stream that are read in one transaction

# In the order of ScoredMessage's fields.
_COLUMNS: tuple[Any, ...] = (
    Message.message_id,
    Message.channel_id,
    Message.author_id,
    Message.posted_at,
    Score.positive_probability,
    Score.margin,
    Score.label_mass,
    Score.model,
)


class Scores:
    """The scored messages of the watched places of `database`.

    If a message has several scores, the newest of its current content counts, or else the newest of all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, scores: Sequence[NewScore], answers: Sequence[NewQuestionScore] = ()) -> int:
        """Record scores of messages' current contents, which then no longer wait, and return how many are new.

        `answers` are what places' own questions got, in the same transaction. A score is left out if its message is
        gone, has other content by now, or has a score of this model already.
        """
        now, scored = datetime.now(UTC), {"pending": False} | NO_FAULT
        new = 0
        async with self._database.session() as session:
            asked = await hold_place_questions(session, {answer.place_question_id for answer in answers})
            everything: list[NewScore | NewQuestionScore] = [*scores, *answers]
            # In the order of ids, so that two programs that write scores can't deadlock.
            for score in sorted(everything, key=attrgetter("message_id")):
                if isinstance(score, NewQuestionScore):
                    if score.place_question_id in asked:
                        await _record_answer(session, score, now)
                    continue
                is_current = (Message.message_id == score.message_id, Message.content_hash == score.content_hash)
                if await execute_and_count(session, update(Message).where(*is_current).values(scored)):
                    statement = insert_into(session, Score).values(asdict(score) | {"scored_at": now})
                    added = await session.execute(statement.on_conflict_do_nothing().returning(Score.id))
                    new += added.first() is not None
        return new

    async def answered(self, message_ids: Collection[int], computed_by: str) -> set[tuple[int, str, int, int]]:
        """Return what a model answered already: message, content hash, place's question and version of each answer."""
        answer = QuestionScore
        columns = (answer.message_id, answer.content_hash, answer.place_question_id, answer.version_id)
        which = (answer.message_id.in_(message_ids), answer.computed_by == computed_by)
        async with self._database.session() as session:
            rows = await session.execute(select(*columns).where(*which))
            return {(message_id, content, question, version) for message_id, content, question, version in rows}

    async def count(self, place_id: int) -> int:
        """Return how many messages of a place have a score."""
        has_score = select(Score.id).where(Score.message_id == Message.message_id).exists()
        scored = select(func.count()).select_from(Message).where(Message.place_id == place_id, has_score)
        async with self._database.session() as session:
            return (await session.execute(scored)).scalar_one()

    async def latest(
        self, place_id: int, since: datetime | None = None, limit: int | None = None
    ) -> list[ScoredMessage]:
        """Return the scored messages of a place, posted at `since` or later, in the order of their posting.

        A `limit` keeps those that were posted last.
        """
        statement = _select_scored(place_id, since).order_by(Message.posted_at.desc(), Message.message_id.desc())
        async with self._database.session() as session:
            rows = (await session.execute(statement.limit(limit))).all()
            return [ScoredMessage(*row) for row in reversed(rows)]

    async def stream(self, place_id: int, since: datetime | None = None) -> AsyncIterator[ScoredMessage]:
        """Yield the same messages one by one.

        Each page is read in its own transaction: a slow reader blocks no writer, and messages deleted meanwhile are
        left out.
        """
        statement = _select_scored(place_id, since).order_by(Message.posted_at, Message.message_id).limit(PAGE)
        after: list[ColumnElement[bool]] = []
        while True:
            async with self._database.session() as session:
                page = [ScoredMessage(*row) for row in await session.execute(statement.where(*after))]
            for message in page:
                yield message
            if len(page) < PAGE:
                return
            after = [_after(page[-1])]


async def _record_answer(session: AsyncSession, answer: NewQuestionScore, now: datetime) -> None:
    """Record an answer to a place's question. It acts unless only a backfill has seen the message."""
    is_current = (Message.message_id == answer.message_id, Message.content_hash == answer.content_hash)
    current = select(Message.backfilled).where(*is_current).with_for_update(read=True, key_share=True)
    backfilled = (await session.execute(current)).scalar_one_or_none()
    if backfilled is None:
        return
    probabilities = json.dumps(answer.probabilities) if answer.probabilities else None
    acts = not backfilled and answer.fault is None
    values = asdict(answer) | {"probabilities": probabilities, "acts": acts, "scored_at": now}
    await session.execute(insert_into(session, QuestionScore).values(values).on_conflict_do_nothing())


def _select_scored(place_id: int, since: datetime | None) -> Select[*tuple[Any, ...]]:
    # After an edit back to an earlier content, the score of that content is not the newest.
    chosen = func.coalesce(newest_score(Score.content_hash == Message.content_hash), newest_score())
    statement = select(*_COLUMNS).select_from(Message).where(Message.place_id == place_id)
    if since is not None:
        statement = statement.where(Message.posted_at >= since)
    return statement.join(Score, Score.id == chosen)


def _after(last: ScoredMessage) -> ColumnElement[bool]:
    position = tuple_(literal(last.posted_at, UtcDateTime()), literal(last.message_id, Message.message_id.type))
    return tuple_(Message.posted_at, Message.message_id) > position
