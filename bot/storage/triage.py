"""What moderators do with cases; of several at once, one does it."""

from datetime import UTC, date, datetime

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.records import Case, EventKind, Verdict
from bot.storage.statements import add_event, changed_rows, hold_place, one_case, storable
from bot.storage.tables import ReviewCase

NOTE_LENGTH = 1000


class Triage:
    """The moderators' decisions about the cases of `database`.

    Claiming, releasing and deciding return whether it was done, and the case as it is then: None where it is forgotten.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, case_id: int, user_id: int) -> tuple[bool, Case | None]:
        """Let a moderator see to an open case."""
        async with self._database.session() as session:
            is_open = ReviewCase.state == "open"
            return await _turn(session, case_id, is_open, "claimed", user_id, state="claimed", claimed_by=user_id)

    async def release(self, case_id: int, user_id: int) -> tuple[bool, Case | None]:
        """Leave a case that this moderator claimed to the others."""
        async with self._database.session() as session:
            is_theirs = (ReviewCase.state == "claimed") & (ReviewCase.claimed_by == user_id)
            return await _turn(session, case_id, is_theirs, "released", user_id, state="open", claimed_by=None)

    async def decide(self, case_id: int, user_id: int, confirmed: bool) -> tuple[bool, Case | None]:
        """Confirm or dismiss a case that is not decided, whoever claimed it; the verdict is kept without its names."""
        undecided = ReviewCase.state.in_(["open", "claimed", "withdrawn"])
        outcome: EventKind = "confirmed" if confirmed else "dismissed"
        async with self._database.session() as session:
            place_id = await session.scalar(select(ReviewCase.place_id).where(ReviewCase.id == case_id))
            # Held before the case is locked, as wherever both are needed.
            if place_id is None or not await hold_place(session, place_id):
                return False, None
            done, case = await _turn(session, case_id, undecided, outcome, user_id, state=outcome, decided_by=user_id)
            if done and case is not None:
                verdict = {
                    "channel_id": place_id,
                    "positive_probability": round(case.positive_probability, 2),
                    "confirmed": confirmed,
                    "decided_on": datetime.now(UTC).date(),
                }
                await session.execute(insert(tables.Verdict).values(verdict))
            return done, case

    async def note(self, case_id: int, user_id: int, text: str) -> Case | None:
        """Add a moderator's words to the history of a case. Raises ValueError for more than 1,000 characters."""
        if len(text) > NOTE_LENGTH:
            raise ValueError(f"a note has at most {NOTE_LENGTH} characters")
        this = ReviewCase.id == case_id
        async with self._database.session() as session:
            if (await session.execute(select(ReviewCase.id).where(this).with_for_update())).first() is None:
                return None
            await changed_rows(session, update(ReviewCase).where(this).values(card_behind=True))
            await add_event(session, case_id, "noted", user_id=user_id, note=storable(text))
            return await one_case(session, this)

    async def verdicts(self, place_id: int, since: date | None = None) -> list[Verdict]:
        """Return what was decided in a place, on `since` or later, in order."""
        table = tables.Verdict
        statement = select(table.positive_probability, table.confirmed, table.decided_on)
        which = [table.channel_id == place_id, *([] if since is None else [table.decided_on >= since])]
        async with self._database.session() as session:
            return [Verdict(*row) for row in await session.execute(statement.where(*which).order_by(table.id))]


async def _turn(
    session: AsyncSession,
    case_id: int,
    allowed: ColumnElement[bool],
    kind: EventKind,
    user_id: int,
    **values: object,
) -> tuple[bool, Case | None]:
    this = ReviewCase.id == case_id
    behind = values | {"card_behind": True}
    done = await changed_rows(session, update(ReviewCase).where(this, allowed).values(behind)) > 0
    if done:
        await add_event(session, case_id, kind, user_id=user_id)
    return done, await one_case(session, this)
