"""Cases: messages that moderators are asked to look at, each once, and what became of them."""

from dataclasses import fields
from datetime import UTC, datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.records import Case, CaseEvent, CaseState, Due, EventKind
from bot.storage.statements import add_event, hold_place, insert_into, lock_messages, one_case
from bot.storage.tables import CaseCounter, Message, ReviewCase


class Cases:
    """The cases of the watched places of `database`: opened, and followed through edits of their messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_case(self, due: Due, *, log_channel_id: int, urgent: bool, flag_below: float) -> Case | None:
        """Open a case for a message; None where it has one already, or is forgotten."""
        message = Message.message_id == due.message_id
        async with self._database.session() as session:
            if not await hold_place(session, due.place_id) or not await lock_messages(session, message):
                return None
            this = ReviewCase.message_id == due.message_id
            if await one_case(session, this) is not None:
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
            return await one_case(session, this)

    async def rescored(
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
        """Bring a case up to date with the new score of its edited message; None where there is no case.

        One that is no longer `below` its threshold is withdrawn, one that is again is reopened; what moderators decided
        stays. The same score again changes nothing.
        """
        this = ReviewCase.message_id == message_id
        async with self._database.session() as session:
            await session.execute(select(ReviewCase.id).where(this).with_for_update())
            case = await one_case(session, this)
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
            await session.execute(update(ReviewCase).where(this).values(values))
            await add_event(session, case.id, kind, positive_probability=positive_probability)
            return await one_case(session, this)

    async def case(self, case_id: int) -> Case | None:
        """Return a case, None where it is forgotten."""
        async with self._database.session() as session:
            return await one_case(session, ReviewCase.id == case_id)

    async def case_of(self, message_id: int) -> Case | None:
        """Return the case of a message, None where it has none."""
        async with self._database.session() as session:
            return await one_case(session, ReviewCase.message_id == message_id)

    async def numbered(self, guild_id: int, number: int) -> Case | None:
        """Return the case that has a number in a server, None where it is forgotten or never was."""
        async with self._database.session() as session:
            return await one_case(session, ReviewCase.guild_id == guild_id, ReviewCase.number == number)

    async def history(self, case_id: int) -> list[CaseEvent]:
        """Return everything that happened to a case, in order."""
        event = tables.CaseEvent
        columns = [getattr(event, field.name) for field in fields(CaseEvent)]
        statement = select(*columns).where(event.case_id == case_id).order_by(event.number)
        async with self._database.session() as session:
            return [CaseEvent(*row) for row in await session.execute(statement)]

    async def open_count(self, place_id: int) -> int:
        """Return how many cases of a place wait for a decision."""
        waiting = (ReviewCase.place_id == place_id, ReviewCase.state.in_(["open", "claimed"]))
        async with self._database.session() as session:
            return (await session.execute(select(func.count(ReviewCase.id)).where(*waiting))).scalar_one()


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
