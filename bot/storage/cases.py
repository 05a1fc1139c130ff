"""Cases: flagged messages that moderators review, one case a message, with their history and decisions."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.records import Case, CaseEvent, CaseOutcome, CaseState, Due, EventKind
from bot.storage.statements import (
    add_event,
    execute_and_count,
    find_case,
    find_history,
    hold_place,
    insert_into,
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
        """Open a case for a message; None if it has one already, is deleted, or has no score to show now."""
        message = (Message.message_id == due.message_id) & Message.acts
        async with self._database.session() as session:
            if not await hold_place(session, due.place_id) or not await lock_messages(session, message):
                return None
            of_message = ReviewCase.message_id == due.message_id
            if await find_case(session, of_message) is not None:
                return None
            row = {
                "guild_id": due.guild_id,
                "number": await _next_number(session, due.guild_id),
                "message_id": due.message_id,
                "place_id": due.place_id,
                "log_channel_id": log_channel_id,
                "urgent": urgent,
                "flag_below": flag_below,
                "positive_probability": due.positive_probability,
                "margin": due.margin,
                "label_mass": due.label_mass,
                "model": due.model,
                "state": "open",
                "opened_at": datetime.now(UTC),
                "card_behind": True,
            }
            opening = insert_into(session, ReviewCase).values(row).returning(ReviewCase.id)
            case_id = (await session.execute(opening)).scalar_one()
            await add_event(session, case_id, "opened", positive_probability=due.positive_probability)
            return await find_case(session, of_message)

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
        """Apply the new score of an edited message to its case, and return it.

        None if there is no case, or the message has no score to show now.

        A case that is no longer `below` its threshold is withdrawn, and reopened once it is below again. Decisions
        stay. The same score again changes nothing.
        """
        of_message = ReviewCase.message_id == message_id
        async with self._database.session() as session:
            if not await lock_messages(session, (Message.message_id == message_id) & Message.acts):
                return None
            await session.execute(select(ReviewCase.id).where(of_message).with_for_update())
            case = await find_case(session, of_message)
            if case is None:
                return None
            state, kind = _after_edit(case, below=below, urgent=urgent)
            if (state, positive_probability) == (case.state, case.positive_probability):
                return case
            values = {
                "state": state,
                "urgent": urgent,
                "positive_probability": positive_probability,
                "margin": margin,
                "label_mass": label_mass,
                "model": model,
                "claimed_by": None if state in {"open", "withdrawn"} else case.claimed_by,
                "card_behind": True,
            }
            await session.execute(update(ReviewCase).where(of_message).values(values))
            await add_event(session, case.id, kind, positive_probability=positive_probability)
            return await find_case(session, of_message)

    async def get(self, case_id: int) -> Case | None:
        """Return a case, None if it is deleted."""
        async with self._database.session() as session:
            return await find_case(session, ReviewCase.id == case_id)

    async def of_message(self, message_id: int) -> Case | None:
        """Return the case of a message, None if it has none."""
        async with self._database.session() as session:
            return await find_case(session, ReviewCase.message_id == message_id)

    async def by_number(self, guild_id: int, number: int) -> Case | None:
        """Return the case with a number in a server, None if it is deleted or never existed."""
        async with self._database.session() as session:
            return await find_case(session, ReviewCase.guild_id == guild_id, ReviewCase.number == number)

    async def history(self, case_id: int) -> list[CaseEvent]:
        """Return the events of a case, in order."""
        async with self._database.session() as session:
            return await find_history(session, case_id)

    async def open_count(self, place_id: int) -> int:
        """Return how many cases of a place are undecided."""
        waiting = (ReviewCase.place_id == place_id, ReviewCase.state.in_(["open", "claimed"]))
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

    async def outcomes(self, place_id: int, since: date | None = None) -> list[CaseOutcome]:
        """Return the decisions in a place on `since` or later, in order."""
        table = tables.CaseOutcome
        statement = select(table.positive_probability, table.confirmed, table.decided_on)
        which = [table.place_id == place_id, *([] if since is None else [table.decided_on >= since])]
        async with self._database.session() as session:
            return [CaseOutcome(*row) for row in await session.execute(statement.where(*which).order_by(table.id))]


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
