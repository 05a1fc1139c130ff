"""Where moderators see cases: on cards of their own, or in a digest of several."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select, update

from bot.storage.database import Database
from bot.storage.records import Case
from bot.storage.statements import cases, changed_rows, messages_locked
from bot.storage.tables import CaseEvent, Message, ReviewCase, WatchedChannel


class Cards:
    """The cards and digests of the cases of `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cards_due(self) -> list[Case]:
        """Return the undecided cases that nobody could see yet, the oldest first; none of a suspended log channel."""
        showing = select(WatchedChannel.channel_id).where(WatchedChannel.live, WatchedChannel.suspended_at.is_(None))
        async with self._database.session() as session:
            return await cases(
                session,
                ReviewCase.card_message_id.is_(None),
                ReviewCase.digest_message_id.is_(None),
                ReviewCase.state.in_(["open", "claimed"]),
                ReviewCase.place_id.in_(showing),
            )

    async def carded(
        self,
        case_id: int,
        card_message_id: int,
        excerpt_until: datetime | None = None,
        *,
        log_channel_id: int | None = None,
    ) -> bool:
        """Note the card of a case, until when it may quote the message, and where it stands if not where it was to.

        False where the case has a card already, or is forgotten: the new one is the caller's to take away.
        """
        values: dict[str, object] = {"card_message_id": card_message_id, "excerpt_until": excerpt_until}
        if log_channel_id is not None:
            values["log_channel_id"] = log_channel_id
        statement = update(ReviewCase).where(ReviewCase.id == case_id, ReviewCase.card_message_id.is_(None))
        async with self._database.session() as session:
            return await changed_rows(session, statement.values(values)) > 0

    async def cards_behind(self, limit: int) -> list[int]:
        """Return the cases whose cards are still to show what happened last, the oldest first."""
        behind = (ReviewCase.card_behind, ReviewCase.card_message_id.is_not(None))
        async with self._database.session() as session:
            return list(
                await session.scalars(select(ReviewCase.id).where(*behind).order_by(ReviewCase.id).limit(limit))
            )

    async def card_shows(self, case_id: int, number: int) -> None:
        """Note that the card of a case shows its history up to an event; it is behind still if more happened since."""
        last = select(func.max(CaseEvent.number)).where(CaseEvent.case_id == case_id).scalar_subquery()
        statement = update(ReviewCase).where(ReviewCase.id == case_id, last == number)
        async with self._database.session() as session:
            await changed_rows(session, statement.values(card_behind=False))

    async def digested(
        self, case_ids: Iterable[int], digest_message_id: int, *, log_channel_id: int | None = None
    ) -> int:
        """Note the digest that shows cases, where it stands if not where their cards were to, and return how many.

        Fewer than were asked for means that some are forgotten: the digest is to be written anew from `in_digest`.
        """
        values = {"digest_message_id": digest_message_id}
        if log_channel_id is not None:
            values["log_channel_id"] = log_channel_id
        theirs = select(ReviewCase.message_id).where(ReviewCase.id.in_(list(case_ids)))
        async with self._database.session() as session:
            messages = (await session.scalars(messages_locked(Message.message_id.in_(theirs)))).all()
            statement = update(ReviewCase).where(ReviewCase.message_id.in_(messages))
            return await changed_rows(session, statement.values(values))

    async def in_digest(self, digest_message_id: int) -> list[Case]:
        """Return the cases that a digest shows, the oldest first."""
        async with self._database.session() as session:
            return await cases(session, ReviewCase.digest_message_id == digest_message_id)

    async def excerpts_over(self, now: datetime) -> list[Case]:
        """Return the cases whose cards quote their message for longer than they may."""
        async with self._database.session() as session:
            return await cases(session, ReviewCase.excerpt_until <= now)

    async def excerpt_erased(self, case_id: int) -> None:
        """Note that the card of a case quotes its message no more."""
        statement = update(ReviewCase).where(ReviewCase.id == case_id)
        async with self._database.session() as session:
            await changed_rows(session, statement.values(excerpt_until=None))
