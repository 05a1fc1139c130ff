"""Scores that are still to be shown, as a label or as a case."""

from typing import Any

from sqlalchemy import case, false, select, update

from bot.storage import question_records as records
from bot.storage.database import Database
from bot.storage.measurements import SCORE_COLUMNS, score_of
from bot.storage.records import Case, Due, ShownLabel, WatchedPlace
from bot.storage.shards import Shards
from bot.storage.statements import execute_and_count, find_case, find_places, is_case_of, is_on, newest_score
from bot.storage.tables import Message, Place, PlaceQuestion, QuestionScore, Score

_ANSWER = QuestionScore
# In the order of Due's fields.
_COLUMNS: tuple[Any, ...] = (
    Message.message_id,
    Message.place_id,
    Message.guild_id,
    Message.channel_id,
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
    """The messages of live places in `database` whose scores are not shown yet."""

    def __init__(self, database: Database, shards: Shards) -> None:
        self._database = database
        self._is_ours = is_on(shards, Message.guild_id)

    async def due(self, limit: int) -> list[Due]:
        """Return messages of this process's servers whose newest score is not shown yet, those posted first.

        A suspended log channel does not stop its places: labels are shown in the place itself.
        """
        newest = newest_score(Score.content_hash == Message.content_hash)
        statement = (
            select(*_COLUMNS)
            .select_from(Message)
            .join(Score, Score.id == newest)
            .join(Place, Place.place_id == Message.place_id)
            .where(Message.acts, ~Message.pending, Place.live, self._is_ours)
            .order_by(Message.posted_at, Message.message_id)
            .limit(limit)
        )
        async with self._database.session() as session:
            return [Due(*row) for row in await session.execute(statement)]

    async def state_of(self, due: Due) -> tuple[WatchedPlace, Case | None] | None:
        """Return the place and the case of a due message, that of the notebook's question.

        None if the message was deleted, edited or shown after it was returned as due: don't show its score now.
        """
        is_due = (Message.message_id == due.message_id, Message.content_hash == due.content_hash, Message.acts)
        place_id = select(Message.place_id).where(*is_due).scalar_subquery()
        async with self._database.session() as session:
            places = await find_places(session, Place.place_id == place_id)
            return (places[0], await find_case(session, *is_case_of(due.message_id))) if places else None

    async def mark_shown(
        self, message_id: int, content_hash: str, *, label: ShownLabel | None, label_message_id: int | None
    ) -> bool:
        """Mark the score of one content of a message as shown, with its label and the reply that contains it.

        If the message was edited meanwhile, its label is recorded and the new score stays due. Returns False if
        the message is deleted or nothing is due: the caller must then delete the label.
        """
        is_due = (Message.message_id == message_id, Message.acts)
        acts = case((Message.content_hash == content_hash, false()), else_=Message.acts)
        values = {"acts": acts, "shown_label": label, "label_message_id": label_message_id}
        async with self._database.session() as session:
            return await execute_and_count(session, update(Message).where(*is_due).values(values)) > 0

    async def due_answers(self, limit: int) -> list[records.QuestionScore]:
        """Return the answers to places' questions that were not looked at yet, those to older messages first.

        Each is the answer of a question in force to the current content of a message.
        """
        statement = (
            select(*SCORE_COLUMNS)
            .join(Message, (Message.message_id == _ANSWER.message_id) & (Message.content_hash == _ANSWER.content_hash))
            .join(PlaceQuestion, PlaceQuestion.id == _ANSWER.place_question_id)
            .where(_ANSWER.acts, _ANSWER.version_id == PlaceQuestion.version_id, self._is_ours)
            .order_by(Message.posted_at, _ANSWER.id)
            .limit(limit)
        )
        async with self._database.session() as session:
            return [score_of(row) for row in await session.execute(statement)]

    async def mark_looked_at(self, answer_id: int) -> None:
        """Mark an answer as looked at: its case is up to date, or it opens none."""
        statement = update(_ANSWER).where(_ANSWER.id == answer_id)
        async with self._database.session() as session:
            await execute_and_count(session, statement.values(acts=False))
