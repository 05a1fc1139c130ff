"""What models said about messages."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_

from bot.storage.database import Database
from bot.storage.records import ScoredMessage
from bot.storage.statements import newest_score
from bot.storage.tables import Message, Score, UtcDateTime

PAGE = 1000  # rows of a stream that are read in one transaction

# In the order of ScoredMessage's fields.
_COLUMNS: tuple[Any, ...] = (
    Message.message_id,
    Message.posted_in,
    Message.author_id,
    Message.posted_at,
    Score.positive_probability,
    Score.margin,
    Score.label_mass,
    Score.model,
)


class Scores:
    """The scored messages of the watched places of `database`.

    Of several scores of a message the newest of its present content counts; while that has none, the newest of all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def scored_count(self, channel_id: int) -> int:
        """Return how many messages of a place have a score."""
        has_score = select(Score.id).where(Score.message_id == Message.message_id).exists()
        scored = select(func.count()).select_from(Message).where(Message.channel_id == channel_id, has_score)
        async with self._database.session() as session:
            return (await session.execute(scored)).scalar_one()

    async def latest_scores(
        self, channel_id: int, since: datetime | None = None, limit: int | None = None
    ) -> list[ScoredMessage]:
        """Return the scored messages of a place, posted at `since` or later, in the order of their posting.

        With a `limit`, only so many that were posted last.
        """
        statement = _scored(channel_id, since).order_by(Message.posted_at.desc(), Message.message_id.desc())
        async with self._database.session() as session:
            rows = (await session.execute(statement.limit(limit))).all()
            return [ScoredMessage(*row) for row in reversed(rows)]

    async def stream_scores(self, channel_id: int, since: datetime | None = None) -> AsyncIterator[ScoredMessage]:
        """Return the same one by one, however many there are.

        Whoever takes their time stops nobody: it is one transaction a page, and what is forgotten in between is not in
        the next.
        """
        statement = _scored(channel_id, since).order_by(Message.posted_at, Message.message_id).limit(PAGE)
        after: list[ColumnElement[bool]] = []
        while True:
            async with self._database.session() as session:
                page = [ScoredMessage(*row) for row in await session.execute(statement.where(*after))]
            for scored in page:
                yield scored
            if len(page) < PAGE:
                return
            after = [_after(page[-1])]


def _scored(channel_id: int, since: datetime | None) -> Select[*tuple[Any, ...]]:
    # After an edit back to what was there before, the score of that content is not the newest.
    chosen = func.coalesce(newest_score(Score.content_hash == Message.content_hash), newest_score())
    statement = select(*_COLUMNS).select_from(Message).where(Message.channel_id == channel_id)
    if since is not None:
        statement = statement.where(Message.posted_at >= since)
    return statement.join(Score, Score.id == chosen)


def _after(last: ScoredMessage) -> ColumnElement[bool]:
    place = tuple_(literal(last.posted_at, UtcDateTime()), literal(last.message_id, Message.message_id.type))
    return tuple_(Message.posted_at, Message.message_id) > place
