"""Cases: flagged messages that moderators review, one for each question, with their history and decisions."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.measurements import find_measurements
from bot.storage.place_questions import is_unchanged
from bot.storage.question_records import Measurement, PlaceQuestion, QuestionScore
from bot.storage.records import Case, CaseEvent, CaseOutcome, CaseState, Due, EventKind
from bot.storage.statements import (
    add_event,
    execute_and_count,
    find_case,
    find_history,
    hold_place,
    insert_into,
    is_case_of,
    lock_messages,
    storable,
)
from bot.storage.tables import CaseCounter, Message, ReviewCase

NOTE_LENGTH = 1000


class Cases:
    """The cases of the watched places of `database`.

    Claiming, releasing and deciding return whether it was done, and the case afterwards: None if it is deleted.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, due: Due, *, log_channel_id: int, urgent: bool, flag_below: float) -> Case | None:
        """Open a case of the notebook's question for a message.

        None if it has one already, is deleted, or has no score to show now.
        """
        message = (Message.message_id == due.message_id) & Message.acts
        async with self._database.session() as session:
            if not await hold_place(session, due.place_id) or not await lock_messages(session, message):
                return None
            row = {
                "guild_id": due.guild_id,
                "message_id": due.message_id,
                "place_id": due.place_id,
                "log_channel_id": log_channel_id,
                "urgent": urgent,
                "flag_below": flag_below,
                "positive_probability": due.positive_probability,
                "margin": due.margin,
                "label_mass": due.label_mass,
                "model": due.model,
                "content_hash": due.content_hash,
            }
            return await _insert_case(session, row)

    async def open_for_question(
        self, answer: QuestionScore, question: PlaceQuestion, measurement: Measurement, probability: float
    ) -> Case | None:
        """Open a case of a place's question for a message, which `measurement` allows.

        `probability` is that of the label that flags. None if the message has such a case already, is deleted or has
        other content by now; if the question was changed, is no longer live or was removed; or if the measurement was
        not confirmed, is another question's or was deleted.
        """
        is_current = (Message.message_id == answer.message_id) & (Message.content_hash == answer.content_hash)
        async with self._database.session() as session:
            if not await is_unchanged(session, question) or not await lock_messages(session, is_current):
                return None
            if not await find_measurements(session, *_allows(measurement, question)):
                return None
            row = {
                "guild_id": question.guild_id,
                "message_id": answer.message_id,
                "place_question_id": question.id,
                "question": question.name,
                "version": question.version,
                "flag_label": question.rule.flag_label,
                "direction": question.rule.direction,
                "measurement_id": measurement.id,
                "place_id": question.place_id,
                "log_channel_id": question.log_channel_id,
                "urgent": False,
                "flag_below": question.rule.threshold,
                "positive_probability": probability,
                "margin": answer.margin,
                "label_mass": answer.label_mass,
                "model": answer.model,
                "content_hash": answer.content_hash,
            }
            return await _insert_case(session, row)

    async def apply_new_score(
        self,
        message_id: int,
        *,
        urgent: bool,
        below: bool,
        positive_probability: float,
        margin: float,
        label_mass: float,
        model: str,
    ) -> Case | None:
        """Apply the new score of an edited message to its case of the notebook's question, and return it.

        None if there is no case, or the message has no score to show now.

        A case that is no longer `below` its threshold is withdrawn, and reopened once it is below again. Decisions
        stay. The same score again changes nothing.
        """
        async with self._database.session() as session:
            if not await lock_messages(session, (Message.message_id == message_id) & Message.acts):
                return None
            figures = {"margin": margin, "label_mass": label_mass, "model": model}
            return await _apply(session, message_id, 0, positive_probability, figures, flagged=below, urgent=urgent)

    async def apply_new_answer(self, answer: QuestionScore, probability: float, *, flagged: bool) -> Case | None:
        """Apply a new answer to the case of a place's question, in the same way, and return it.

        None if there is no case, or the message has other content by now.
        """
        is_current = (Message.message_id == answer.message_id) & (Message.content_hash == answer.content_hash)
        figures = {"margin": answer.margin, "label_mass": answer.label_mass, "model": answer.model}
        async with self._database.session() as session:
            if not await lock_messages(session, is_current):
                return None
            question_id = answer.place_question_id
            return await _apply(session, answer.message_id, question_id, probability, figures, flagged=flagged)

    async def get(self, case_id: int) -> Case | None:
        """Return a case, None if it is deleted."""
        async with self._database.session() as session:
            return await find_case(session, ReviewCase.id == case_id)

    async def of_message(self, message_id: int, place_question_id: int = 0) -> Case | None:
        """Return the case of a message for a question, by default for the notebook's; None if it has none."""
        async with self._database.session() as session:
            return await find_case(session, *is_case_of(message_id, place_question_id))

    async def by_number(self, guild_id: int, number: int) -> Case | None:
        """Return the case with a number in a server, None if it is deleted or never existed."""
        async with self._database.session() as session:
            return await find_case(session, ReviewCase.guild_id == guild_id, ReviewCase.number == number)

    async def history(self, case_id: int) -> list[CaseEvent]:
        """Return the events of a case, in order."""
        async with self._database.session() as session:
            return await find_history(session, case_id)

    async def open_count(self, place_id: int) -> int:
        """Return how many cases of the notebook's question in a place are undecided."""
        of_notebook = (ReviewCase.place_id == place_id, ReviewCase.place_question_id == 0)
        waiting = (*of_notebook, ReviewCase.state.in_(["open", "claimed"]))
        async with self._database.session() as session:
            return (await session.execute(select(func.count(ReviewCase.id)).where(*waiting))).scalar_one()

    async def claim(self, case_id: int, user_id: int) -> tuple[bool, Case | None]:
        """Claim an open case for a moderator."""
        async with self._database.session() as session:
            is_open = ReviewCase.state == "open"
            changes = {"state": "claimed", "claimed_by": user_id}
            return await _change_state(session, case_id, is_open, "claimed", user_id, changes)

    async def release(self, case_id: int, user_id: int) -> tuple[bool, Case | None]:
        """Release a case that this moderator claimed."""
        async with self._database.session() as session:
            is_theirs = (ReviewCase.state == "claimed") & (ReviewCase.claimed_by == user_id)
            changes = {"state": "open", "claimed_by": None}
            return await _change_state(session, case_id, is_theirs, "released", user_id, changes)

    async def decide(self, case_id: int, user_id: int, confirmed: bool) -> tuple[bool, Case | None]:
        """Confirm or dismiss an undecided case, no matter who claimed it; the outcome is stored without names."""
        undecided = ReviewCase.state.in_(["open", "claimed", "withdrawn"])
        outcome: EventKind = "confirmed" if confirmed else "dismissed"
        async with self._database.session() as session:
            place_id = await session.scalar(select(ReviewCase.place_id).where(ReviewCase.id == case_id))
            # The place is held before the case is locked, in the order of all transactions.
            if place_id is None or not await hold_place(session, place_id):
                return False, None
            changes = {"state": outcome, "decided_by": user_id}
            done, case = await _change_state(session, case_id, undecided, outcome, user_id, changes)
            if done and case is not None:
                row = {
                    "place_id": place_id,
                    "place_question_id": case.place_question_id,
                    "positive_probability": round(case.positive_probability, 2),
                    "confirmed": confirmed,
                    "decided_on": datetime.now(UTC).date(),
                }
                await session.execute(insert(tables.CaseOutcome).values(row))
            return done, case

    async def add_note(self, case_id: int, user_id: int, text: str) -> Case | None:
        """Add a moderator's note to the history of a case; None if it is deleted.

        Raises ValueError for more than 1,000 characters.
        """
        if len(text) > NOTE_LENGTH:
            raise ValueError(f"a note has at most {NOTE_LENGTH} characters")
        is_case = ReviewCase.id == case_id
        async with self._database.session() as session:
            if (await session.execute(select(ReviewCase.id).where(is_case).with_for_update())).first() is None:
                return None
            await execute_and_count(session, update(ReviewCase).where(is_case).values(card_behind=True))
            await add_event(session, case_id, "noted", user_id=user_id, note=storable(text))
            return await find_case(session, is_case)

    async def outcomes(
        self, place_id: int, since: date | None = None, *, place_question_id: int = 0
    ) -> list[CaseOutcome]:
        """Return the decisions in a place on `since` or later, in order: for a question, by default the notebook's."""
        table = tables.CaseOutcome
        statement = select(table.positive_probability, table.confirmed, table.decided_on)
        of_question = (table.place_id == place_id, table.place_question_id == place_question_id)
        which = [*of_question, *([] if since is None else [table.decided_on >= since])]
        async with self._database.session() as session:
            return [CaseOutcome(*row) for row in await session.execute(statement.where(*which).order_by(table.id))]


def _allows(measurement: Measurement, question: PlaceQuestion) -> tuple[ColumnElement[bool], ...]:
    table = tables.Measurement
    is_it = (table.id == measurement.id, table.fingerprint == measurement.fingerprint)
    return (*is_it, table.place_question_id == question.id, table.confirmed_at.is_not(None))


async def _insert_case(session: AsyncSession, row: dict[str, Any]) -> Case | None:
    """Insert an open case with the next number; None if its message has one for this question. It is locked."""
    of_message = is_case_of(row["message_id"], row.get("place_question_id", 0))
    if await find_case(session, *of_message) is not None:
        return None
    initial = {
        "number": await _next_number(session, row["guild_id"]),
        "state": "open",
        "opened_at": datetime.now(UTC),
        "card_behind": True,
    }
    opening = insert_into(session, ReviewCase).values(row | initial).returning(ReviewCase.id)
    case_id = (await session.execute(opening)).scalar_one()
    await add_event(session, case_id, "opened", positive_probability=row["positive_probability"])
    return await find_case(session, *of_message)


async def _apply(
    session: AsyncSession,
    message_id: int,
    place_question_id: int,
    probability: float,
    figures: Mapping[str, object],
    *,
    flagged: bool,
    urgent: bool = False,
) -> Case | None:
    """Apply a new score to a case, whose message is locked."""
    of_message = is_case_of(message_id, place_question_id)
    await session.execute(select(ReviewCase.id).where(*of_message).with_for_update())
    case = await find_case(session, *of_message)
    if case is None:
        return None
    state, kind = _after_edit(case, below=flagged, urgent=urgent)
    if (state, probability) == (case.state, case.positive_probability):
        return case
    values = {
        **figures,
        "state": state,
        "urgent": urgent,
        "positive_probability": probability,
        "claimed_by": None if state in {"open", "withdrawn"} else case.claimed_by,
        "card_behind": True,
    }
    if state not in {"confirmed", "dismissed"}:  # a decision is about the content that it was made on
        content = select(Message.content_hash).where(Message.message_id == message_id)
        values["content_hash"] = content.scalar_subquery()
    await session.execute(update(ReviewCase).where(*of_message).values(values))
    await add_event(session, case.id, kind, positive_probability=probability)
    return await find_case(session, *of_message)


async def _next_number(session: AsyncSession, guild_id: int) -> int:
    statement = insert_into(session, CaseCounter).values(guild_id=guild_id, last=1)
    counted = statement.on_conflict_do_update(
        index_elements=[CaseCounter.guild_id], set_={"last": CaseCounter.last + 1}
    )
    return (await session.execute(counted.returning(CaseCounter.last))).scalar_one()


def _after_edit(case: Case, *, below: bool, urgent: bool) -> tuple[CaseState, EventKind]:
    if case.state in {"open", "claimed"} and not below:
        return "withdrawn", "withdrawn"
    if case.state == "withdrawn" and below:
        return "open", "reopened"
    became_urgent = urgent and not case.urgent and case.state in {"open", "claimed"}
    return case.state, "urgent" if became_urgent else "edited"


async def _change_state(
    session: AsyncSession,
    case_id: int,
    allowed: ColumnElement[bool],
    kind: EventKind,
    user_id: int,
    changes: Mapping[str, object],
) -> tuple[bool, Case | None]:
    is_case = ReviewCase.id == case_id
    values = {**changes, "card_behind": True}
    done = await execute_and_count(session, update(ReviewCase).where(is_case, allowed).values(values)) > 0
    if done:
        await add_event(session, case_id, kind, user_id=user_id)
    return done, await find_case(session, is_case)
