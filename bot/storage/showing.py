"""Scores that are still to be shown: as a label, as a flag."""

from typing import Any

from sqlalchemy import case, false, select, update

from bot.storage.database import Database
from bot.storage.records import Due, Present, ShownLabel
from bot.storage.statements import changed_rows, newest_score
from bot.storage.tables import Message, Score, WatchedChannel

# In the order of Due's fields.
_COLUMNS: tuple[Any, ...] = (
    Message.message_id,
    Message.channel_id,
    Message.guild_id,
    Message.posted_in,
    Message.author_id,
    Score.positive_probability,
    Score.margin,
    Score.label_mass,
    Score.model,
    Message.content_hash,
    Message.shown_label,
    Message.label_message_id,
)


class Showing:
    """The messages of the live places of `database` whose scores are still to be shown."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int) -> list[Due]:
        """Return messages whose newest score is still to be shown, those that were posted first.

        A place whose log channel is suspended has its own too: labels stand elsewhere.
        """
        newest = newest_score(Score.content_hash == Message.content_hash)
        statement = (
            select(*_COLUMNS)
            .select_from(Message)
            .join(Score, Score.id == newest)
            .join(WatchedChannel, WatchedChannel.channel_id == Message.channel_id)
            .where(Message.acts, ~Message.pending, WatchedChannel.live)
            .order_by(Message.posted_at, Message.message_id)
            .limit(limit)
        )
        async with self._database.session() as session:
            return [Due(*row) for row in await session.execute(statement)]

    async def present(self, message_id: int) -> Present | None:
        """Return what is known of a message at this moment, None where it is forgotten."""
        statement = select(Message.content_hash, Message.acts).where(Message.message_id == message_id)
        async with self._database.session() as session:
            row = (await session.execute(statement)).first()
        return None if row is None else Present(*row)

    async def shown(
        self, message_id: int, content_hash: str, *, label: ShownLabel | None, label_message_id: int | None
    ) -> bool:
        """Note what a message's label says now, and in which reply: the score of this content is shown.

        A message that has another content by now keeps its label, and what is said of the new one is due. False where
        it is gone: a reply that was posted for it is the caller's to take away.
        """
        statement = update(Message).where(Message.message_id == message_id)
        acts = case((Message.content_hash == content_hash, false()), else_=Message.acts)
        values = {"acts": acts, "shown_label": label, "label_message_id": label_message_id}
        async with self._database.session() as session:
            return await changed_rows(session, statement.values(values)) > 0
