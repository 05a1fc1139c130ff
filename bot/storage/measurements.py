"""What places' questions are measured with: moderators' labels, decided cases, and the measurements themselves."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.place_questions import rule_of
from bot.storage.question_records import LabelledCase, Measurement, NewMeasurement, QuestionScore, floats_of
from bot.storage.statements import execute_and_count, hold_place_questions, insert_into, lock_messages
from bot.storage.tables import CaseLabel, MeasurementCase, Message, QuestionVersion, ReviewCase

_TABLE = tables.Measurement
_SCORE = tables.QuestionScore
# In the order of QuestionScore's fields.
SCORE_COLUMNS: tuple[Any, ...] = (
    _SCORE.id,
    Message.message_id,
    Message.channel_id,
    Message.author_id,
    Message.posted_at,
    _SCORE.content_hash,
    _SCORE.place_question_id,
    _SCORE.version_id,
    _SCORE.model,
    _SCORE.computed_by,
    _SCORE.probabilities,
    _SCORE.label_mass,
    _SCORE.margin,
    _SCORE.verdict,
)


class Measurements:
    """The labels and measurements of the questions of the watched places of `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def label(
        self,
        place_question_id: int,
        message_id: int,
        content_hash: str,
        label: str,
        *,
        user_id: int,
        weight: float = 1.0,
    ) -> bool:
        """Record the label that a moderator gave one content of a message, in place of an earlier one.

        False if the message is deleted or has other content by now, or the question is removed.
        """
        row = {
            "content_hash": content_hash,
            "label": label,
            "weight": weight,
            "labelled_by": user_id,
            "labelled_at": datetime.now(UTC),
        }
        key = {"place_question_id": place_question_id, "message_id": message_id}
        is_current = (Message.message_id == message_id) & (Message.content_hash == content_hash)
        async with self._database.session() as session:
            if not await hold_place_questions(session, [place_question_id]):
                return False
            if not await lock_messages(session, is_current):
                return False
            statement = insert_into(session, CaseLabel).values(row | key)
            columns = [CaseLabel.place_question_id, CaseLabel.message_id]
            await session.execute(statement.on_conflict_do_update(index_elements=columns, set_=row))
            return True

    async def labelled_cases(self, place_question_id: int, labels: Sequence[str]) -> list[LabelledCase]:
        """Return the labelled messages of a place's question, the newest first: the decided cases and the audited ones.

        `labels` are those of the version in force: an audited message with another label is left out. If a message was
        decided and audited, the audit counts: it names a label. Messages that were edited since are left out.
        """
        async with self._database.session() as session:
            table = tables.PlaceQuestion
            rule = select(table.flag_label, table.direction).where(table.id == place_question_id)
            flag_label, direction = (await session.execute(rule)).one_or_none() or (None, None)
            audited = await session.execute(_audited(place_question_id))
            cases = {
                row.message_id: LabelledCase(
                    row.message_id, row.channel_id, row.author_id, row.content_hash, row.label,
                    is_flagging=(row.label == flag_label) == (direction == "above"), weight=row.weight,
                    source="audited", drawn=row.id,
                )
                for row in audited
                if row.label in labels
            }  # fmt: skip
            decided = await session.execute(_decided(place_question_id))
        for row in decided:
            if row.message_id not in cases and (row.flag_label, row.direction) == (flag_label, direction):
                is_flagging = row.state == "confirmed"
                others = [label for label in labels if label != flag_label]
                has_flag_label = is_flagging == (direction == "above")
                label = flag_label if has_flag_label else others[0] if len(others) == 1 else None
                cases[row.message_id] = LabelledCase(
                    row.message_id, row.channel_id, row.author_id, row.content_hash, label,
                    is_flagging=is_flagging, weight=1.0, source="decided",
                )  # fmt: skip
        return [cases[message_id] for message_id in sorted(cases, reverse=True)]

    async def unflagged(self, place_question_id: int) -> list[QuestionScore]:
        """Return the newest scores of current contents in the version in force, without a case or an audit's label."""
        table = tables.PlaceQuestion
        version = select(table.version_id).where(table.id == place_question_id).scalar_subquery()
        has_case = (ReviewCase.message_id == Message.message_id) & (ReviewCase.place_question_id == place_question_id)
        has_label = (CaseLabel.message_id == Message.message_id) & (CaseLabel.place_question_id == place_question_id)
        statement = (
            select(*SCORE_COLUMNS)
            .join(Message, (Message.message_id == _SCORE.message_id) & (Message.content_hash == _SCORE.content_hash))
            .where(
                _SCORE.place_question_id == place_question_id,
                _SCORE.version_id == version,
                _SCORE.fault.is_(None),
                ~select(ReviewCase.id).where(has_case).exists(),
                ~select(CaseLabel.id).where(has_label).exists(),
            )
            .order_by(_SCORE.id)
        )
        async with self._database.session() as session:
            scores = [score_of(row) for row in await session.execute(statement)]
        return list({score.message_id: score for score in scores}.values())  # the newest of each message

    async def record(self, new: NewMeasurement, user_id: int) -> Measurement | None:
        """Record an unconfirmed measurement; None if its question was removed from the place.

        It is marked if messages from which it was computed were deleted meanwhile.
        """
        values = {
            **asdict(new.rule),
            "place_question_id": new.place_question_id,
            "fingerprint": new.fingerprint,
            "model": new.model,
            "summary": new.summary,
            "held_out": new.held_out,
            "flagging": new.flagging,
            "measured_by": user_id,
            "measured_at": datetime.now(UTC),
        }
        async with self._database.session() as session:
            if not await hold_place_questions(session, [new.place_question_id]):
                return None
            of_them = Message.message_id.in_(new.message_ids)
            ordered = select(Message.message_id).where(of_them).order_by(Message.message_id)
            existing = list(await session.scalars(ordered.with_for_update(read=True, key_share=True)))
            values["partly_deleted"] = len(existing) < len(set(new.message_ids))
            id_ = (await session.execute(insert(_TABLE).values(values).returning(_TABLE.id))).scalar_one()
            if existing:
                rows = [{"measurement_id": id_, "message_id": message_id} for message_id in existing]
                await session.execute(insert(MeasurementCase), rows)
            return (await find_measurements(session, _TABLE.id == id_))[0]

    async def mark_reported(self, measurement_id: int) -> bool:
        """Record that moderators were shown the report of a measurement; False if it is deleted."""
        values = {"reported_at": func.coalesce(_TABLE.reported_at, datetime.now(UTC))}
        statement = update(_TABLE).where(_TABLE.id == measurement_id)
        async with self._database.session() as session:
            return await execute_and_count(session, statement.values(values)) > 0

    async def confirm(self, measurement_id: int, user_id: int) -> Measurement | None:
        """Confirm a measurement whose report was shown, and return it; None if it was not shown or is deleted.

        The first confirmation counts.
        """
        can_confirm = (_TABLE.id == measurement_id, _TABLE.reported_at.is_not(None), _TABLE.confirmed_at.is_(None))
        values = {"confirmed_by": user_id, "confirmed_at": datetime.now(UTC)}
        async with self._database.session() as session:
            await execute_and_count(session, update(_TABLE).where(*can_confirm).values(values))
            found = await find_measurements(session, _TABLE.id == measurement_id, _TABLE.confirmed_at.is_not(None))
            return found[0] if found else None

    async def get(self, measurement_id: int) -> Measurement | None:
        """Return a measurement, None if it is deleted."""
        async with self._database.session() as session:
            found = await find_measurements(session, _TABLE.id == measurement_id)
            return found[0] if found else None

    async def of_question(self, place_question_id: int) -> list[Measurement]:
        """Return the measurements of a place's question, the newest first."""
        async with self._database.session() as session:
            return await find_measurements(session, _TABLE.place_question_id == place_question_id)

    async def scores_since(self, place_question_id: int, since: datetime) -> list[QuestionScore]:
        """Return the newest score of each message that was posted at `since` or later, whatever the version."""
        of_question = (_SCORE.place_question_id == place_question_id, _SCORE.fault.is_(None))
        statement = select(*SCORE_COLUMNS).join(Message, Message.message_id == _SCORE.message_id)
        newest = statement.where(*of_question, Message.posted_at >= since).order_by(_SCORE.id)
        async with self._database.session() as session:
            scores = [score_of(row) for row in await session.execute(newest)]
        return list({score.message_id: score for score in scores}.values())


async def find_measurements(session: AsyncSession, *which: ColumnElement[bool]) -> list[Measurement]:
    """Return measurements, the newest first."""
    statement = select(_TABLE, QuestionVersion.number).join(QuestionVersion, QuestionVersion.id == _TABLE.version_id)
    ordered = statement.where(*which).order_by(_TABLE.id.desc()).execution_options(populate_existing=True)
    return [_record(row, version) for row, version in await session.execute(ordered)]


def score_of(row: Sequence[Any]) -> QuestionScore:
    """Return the score of a row with the columns SCORE_COLUMNS."""
    values = dict(zip((field.name for field in fields(QuestionScore)), row, strict=True))
    return QuestionScore(**values | {"probabilities": floats_of(values["probabilities"])})


def _record(row: tables.Measurement, version: int) -> Measurement:
    return Measurement(
        id=row.id,
        place_question_id=row.place_question_id,
        version=version,
        rule=rule_of(row),
        fingerprint=row.fingerprint,
        model=row.model,
        summary=row.summary,
        held_out=row.held_out,
        flagging=row.flagging,
        measured_by=row.measured_by,
        measured_at=row.measured_at,
        reported_at=row.reported_at,
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        partly_deleted=row.partly_deleted,
    )


def _audited(place_question_id: int) -> Select[*tuple[Any, ...]]:
    columns = (Message.message_id, Message.channel_id, Message.author_id, CaseLabel.content_hash)
    is_same = (Message.message_id == CaseLabel.message_id) & (Message.content_hash == CaseLabel.content_hash)
    statement = select(*columns, CaseLabel.id, CaseLabel.label, CaseLabel.weight).join_from(CaseLabel, Message, is_same)
    return statement.where(CaseLabel.place_question_id == place_question_id)


def _decided(place_question_id: int) -> Select[*tuple[Any, ...]]:
    columns = (Message.message_id, Message.channel_id, Message.author_id, ReviewCase.content_hash)
    is_same = (Message.message_id == ReviewCase.message_id) & (Message.content_hash == ReviewCase.content_hash)
    judged = (ReviewCase.flag_label, ReviewCase.direction, ReviewCase.state)
    statement = select(*columns, *judged).join_from(ReviewCase, Message, is_same)
    of_question = ReviewCase.place_question_id == place_question_id
    return statement.where(of_question, ReviewCase.state.in_(["confirmed", "dismissed"]))
