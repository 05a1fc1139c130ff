"""The cards and digests that show cases to moderators."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.database import Database
from bot.storage.measurements import find_measurements
from bot.storage.records import CardContent, Case
from bot.storage.shards import Shards
from bot.storage.statements import execute_and_count, find_case, find_cases, find_history, is_on, lock_message_ids
from bot.storage.tables import CaseEvent, Measurement, Message, Place, PlaceQuestion, ReviewCase


class Cards:
    """The cards and digests of the cases of `database`. What is due is due in this process's servers."""

    def __init__(self, database: Database, shards: Shards) -> None:
        self._database = database
        self._is_ours = is_on(shards, ReviewCase.guild_id)

    async def due(self) -> list[Case]:
        """Return the undecided cases without a card or digest, oldest first, except those of suspended log channels.

        Cases of a question that moderators put in shadow or removed are left out, too.
        """
        shown_places = select(Place.place_id).where(Place.live, Place.suspended_at.is_(None))
        shown_questions = select(PlaceQuestion.id).where(PlaceQuestion.live, PlaceQuestion.suspended_at.is_(None))
        of_notebook = ReviewCase.place_question_id == 0
        async with self._database.session() as session:
            return await find_cases(
                session,
                ReviewCase.card_message_id.is_(None),
                ReviewCase.digest_message_id.is_(None),
                ReviewCase.state.in_(["open", "claimed"]),
                (of_notebook & ReviewCase.place_id.in_(shown_places))
                | ReviewCase.place_question_id.in_(shown_questions),
                self._is_ours,
            )

    async def content(self, case_id: int) -> CardContent | None:
        """Return what the card of a case shows now, None if the case is deleted."""
        async with self._database.session() as session:
            case = await find_case(session, ReviewCase.id == case_id)
            if case is None:
                return None
            can_quote = await session.scalar(select(Place.excerpts).where(Place.place_id == case.place_id))
            measured = [] if case.measurement_id is None else [Measurement.id == case.measurement_id]
            measurements = await find_measurements(session, *measured) if measured else []
            history = await find_history(session, case_id)
            return CardContent(case, history, bool(can_quote), measurements[0] if measurements else None)

    async def record(
        self,
        case_id: int,
        card_message_id: int,
        excerpt_until: datetime | None = None,
        *,
        log_channel_id: int | None = None,
        last_event: int | None = None,
    ) -> bool:
        """Record the card of a case, until when it may quote the message, and its channel if that changed.

        The card is up to date if it shows the history up to `last_event` and nothing happened since. Returns False if
        the case has a card already or is deleted: the caller must then delete the new card.
        """
        values: dict[str, object] = {"card_message_id": card_message_id, "excerpt_until": excerpt_until}
        if log_channel_id is not None:
            values["log_channel_id"] = log_channel_id
        has_no_card = (ReviewCase.id == case_id) & ReviewCase.card_message_id.is_(None)
        async with self._database.session() as session:
            if last_event is not None and await _lock_and_count(session, case_id) == last_event:
                values["card_behind"] = False
            return await execute_and_count(session, update(ReviewCase).where(has_no_card).values(values)) > 0

    async def outdated(self, limit: int) -> list[int]:
        """Return the ids of cases whose cards do not show the latest event, oldest first."""
        behind = (ReviewCase.card_behind, ReviewCase.card_message_id.is_not(None), self._is_ours)
        async with self._database.session() as session:
            return list(
                await session.scalars(select(ReviewCase.id).where(*behind).order_by(ReviewCase.id).limit(limit))
            )

    async def mark_current(self, case_id: int, last_event: int) -> None:
        """Mark the card of a case as showing its history up to an event, unless more happened since."""
        async with self._database.session() as session:
            if await _lock_and_count(session, case_id) == last_event:
                statement = update(ReviewCase).where(ReviewCase.id == case_id)
                await execute_and_count(session, statement.values(card_behind=False))

    async def record_digest(
        self, case_ids: Iterable[int], digest_message_id: int, *, log_channel_id: int | None = None
    ) -> int:
        """Record the digest that lists cases, and its channel if that changed, and return the number of cases.

        If the number is smaller than that of `case_ids`, some cases were deleted: rewrite the digest from `in_digest`.
        """
        values = {"digest_message_id": digest_message_id}
        if log_channel_id is not None:
            values["log_channel_id"] = log_channel_id
        of_cases = select(ReviewCase.message_id).where(ReviewCase.id.in_(list(case_ids)))
        async with self._database.session() as session:
            messages = (await session.scalars(lock_message_ids(Message.message_id.in_(of_cases)))).all()
            statement = update(ReviewCase).where(ReviewCase.message_id.in_(messages))
            return await execute_and_count(session, statement.values(values))

    async def in_digest(self, digest_message_id: int) -> list[Case]:
        """Return the cases that a digest lists, oldest first."""
        async with self._database.session() as session:
            return await find_cases(session, ReviewCase.digest_message_id == digest_message_id)

    async def expired_excerpts(self, now: datetime) -> list[Case]:
        """Return the cases whose excerpts must be removed from their cards at `now`."""
        async with self._database.session() as session:
            return await find_cases(session, ReviewCase.excerpt_until <= now, self._is_ours)

    async def mark_excerpt_erased(self, case_id: int) -> None:
        """Mark the card of a case as no longer quoting its message."""
        statement = update(ReviewCase).where(ReviewCase.id == case_id)
        async with self._database.session() as session:
            await execute_and_count(session, statement.values(excerpt_until=None))


async def _lock_and_count(session: AsyncSession, case_id: int) -> int:
    """Lock a case, and return the number of its last event."""
    # In two statements: after a wait for a lock, PostgreSQL evaluates a subquery with the data from before the wait.
    await session.execute(select(ReviewCase.id).where(ReviewCase.id == case_id).with_for_update())
    last = select(func.coalesce(func.max(CaseEvent.number), 0)).where(CaseEvent.case_id == case_id)
    return (await session.execute(last)).scalar_one()
