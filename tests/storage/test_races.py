"""Different actions on the same messages at once leave a consistent history and never deadlock.

Tests of the same action twice at once are with the tests of each store.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import func, select

from bot.storage import tables
from bot.storage.database import Database
from bot.storage.question_records import NewMeasurement, NewQuestionScore
from bot.storage.store import ReviewStore
from bot.storage.tables import Base, ReviewCase, Score
from tests.storage.people import (
    ADA,
    CHANNEL,
    FIRST,
    GRACE,
    GUILD,
    LOG,
    MAX,
    MODEL,
    MORGAN,
    NOON,
    OTHER_CHANNEL,
    OTHER_LOG,
    apply_edit,
    ask,
    due,
    flag,
    flag_for,
    go_live,
    judge,
    record_score,
    watch,
    write,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("live")
DELETING: dict[str, Callable[[ReviewStore, int], Awaitable[object]]] = {
    "delete_messages": lambda store, message: store.messages.delete([message]),
    "delete_author": lambda store, _: store.privacy.delete_messages_of(ADA),
    "unwatch": lambda store, _: store.places.unwatch(CHANNEL),
    "delete_guild": lambda store, _: store.places.delete_guild(GUILD),
}


async def count(database: Database, table: type[Base]) -> int:
    async with database.session() as session:
        return (await session.execute(select(func.count()).select_from(table))).scalar_one()


@pytest.mark.parametrize("how", DELETING)
async def test_a_message_scored_while_it_is_deleted_leaves_no_score(
    store: ReviewStore, other: ReviewStore, database: Database, how: str
) -> None:
    for message in range(FIRST, FIRST + 6):
        await go_live(store)
        await write(store, message)
        content = database.content_hash("Good.")
        await asyncio.gather(record_score(store, message, content), DELETING[how](other, message))
    assert await count(database, Score) == 0


@pytest.mark.parametrize("how", DELETING)
async def test_a_case_opened_while_its_message_is_deleted_is_deleted(
    store: ReviewStore, other: ReviewStore, database: Database, how: str
) -> None:
    for message in range(FIRST, FIRST + 6):
        await go_live(store)
        await write(store, message)
        await judge(store, message)
        score = await due(store, message)
        opening = store.cases.open(score, log_channel_id=LOG, urgent=False, flag_below=0.25)
        await asyncio.gather(opening, DELETING[how](other, message))
    assert (await count(database, ReviewCase), await count(database, tables.CaseEvent)) == (0, 0)


@pytest.mark.parametrize("how", DELETING)
async def test_a_case_decided_while_its_message_is_deleted_is_deleted(
    store: ReviewStore, other: ReviewStore, database: Database, how: str
) -> None:
    decided = 0
    for message in range(FIRST, FIRST + 6):
        await go_live(store)
        case = await flag(store, message)
        (done, _), *_ = await asyncio.gather(
            store.cases.decide(case.id, MORGAN, True),
            store.cases.claim(case.id, MAX),
            store.cases.add_note(case.id, MAX, "Why?"),
            DELETING[how](other, message),
        )
        decided += done
    assert (await count(database, ReviewCase), await count(database, tables.CaseEvent)) == (0, 0)
    # An outcome belongs to the place, and is deleted only with it.
    assert await count(database, tables.CaseOutcome) == (0 if how in {"unwatch", "delete_guild"} else decided)


async def remove_questions(store: ReviewStore, _: int) -> None:
    for question in await store.place_questions.in_place(CHANNEL):
        await store.place_questions.remove(question.id)


DELETING_QUESTIONS: dict[str, Callable[[ReviewStore, int], Awaitable[object]]] = {
    "remove_question": remove_questions,
    "delete_question": lambda store, _: store.questions.delete(GUILD, "spam"),
}


@pytest.mark.parametrize("how", [*DELETING, *DELETING_QUESTIONS])
async def test_a_question_measured_while_its_data_is_deleted_leaves_nothing(
    store: ReviewStore, other: ReviewStore, database: Database, how: str
) -> None:
    for attempt in range(4):
        await go_live(store)
        question = await ask(store)
        messages = [FIRST + attempt * 10 + step for step in range(6)]
        case = await flag_for(store, question, messages[0])
        for message in messages[1:]:
            await write(store, message)
        content = database.content_hash("Good.")
        answers = [
            NewQuestionScore(message, content, question.id, question.rule.version_id, MODEL, "key", (0.75, 0.25))
            for message in messages
        ]
        measurement = NewMeasurement(question.id, question.rule, "f", MODEL, "{}", 30, 8, tuple(messages))
        await asyncio.gather(
            store.scores.record([], answers[3:]),
            store.measurements.label(question.id, messages[1], content, "Yes", user_id=MORGAN),
            (DELETING | DELETING_QUESTIONS)[how](other, messages[0]),
            store.measurements.record(measurement, MORGAN),
            other.scores.record([], answers[:3]),
            other.cases.decide(case.id, MORGAN, True),
        )
        await other.privacy.delete_messages_of(ADA)
    for table in (tables.QuestionScore, tables.CaseLabel, tables.MeasurementCase, ReviewCase):
        assert await count(database, table) == 0


async def test_a_message_recorded_while_its_place_is_unwatched_is_deleted(
    store: ReviewStore, other: ReviewStore
) -> None:
    for message in range(FIRST, FIRST + 40, 4):
        await go_live(store)
        writing = [write((store, other)[step % 2], message + step) for step in range(4)]
        await asyncio.gather(*writing[:2], other.places.unwatch(CHANNEL), *writing[2:])
        assert await store.privacy.messages_of(ADA) == []


async def test_an_edit_that_is_judged_while_moderators_act_is_in_the_history_once(
    store: ReviewStore, other: ReviewStore
) -> None:
    for message in range(FIRST, FIRST + 8):
        case = await flag(store, message)
        await asyncio.gather(
            apply_edit(store, message, 0.05), apply_edit(other, message, 0.05), other.cases.claim(case.id, MAX),
            store.cases.decide(case.id, MORGAN, False), other.cards.record(case.id, 70),
        )  # fmt: skip
        history = await store.cases.history(case.id)
        assert [event.number for event in history] == list(range(1, len(history) + 1))
        assert [event.kind for event in history].count("edited") == 1


@pytest.mark.slow
async def test_actions_at_once_never_deadlock(store: ReviewStore, other: ReviewStore) -> None:
    drawn = random.Random(11)
    for attempt in range(8):
        await go_live(store)
        await go_live(store, OTHER_CHANNEL)
        messages = [FIRST + attempt * 100 + step for step in range(16)]
        cases = [await flag(store, message, author=drawn.choice([ADA, GRACE])) for message in messages]
        ids = [case.id for case in cases]
        drawn.shuffle(ids)
        await store.cards.record_digest(ids[:10:2], 80)
        actions: list[Awaitable[object]] = [
            store.cards.record_digest(ids[:8], 81),
            other.cards.record_digest(ids[4:12], 82),
            store.messages.delete(drawn.sample(messages, 6)),
            other.messages.delete(drawn.sample(messages, 6)),
            store.privacy.delete_messages_of(ADA),
            other.places.watch(
                CHANNEL, GUILD, flag_below=0.1, log_channel_id=OTHER_LOG, watched_by=MAX, last_message_id=FIRST
            ),
            watch(store, log_channel=LOG),
            other.places.set_live(CHANNEL, False),
            store.places.suspend_log(LOG),
            *(each.cases.decide(case_id, MORGAN, True) for each, case_id in zip((store, other) * 4, ids, strict=False)),
            *(each.cards.record(case_id, case_id) for each, case_id in zip((other, store) * 4, ids, strict=False)),
            *(apply_edit(other, message, 0.05) for message in messages[::3]),
            *(write(store, message, "Edited.") for message in messages[::3]),
            *(write(other, message + 50, author=GRACE) for message in messages[::4]),
            store.audit.record(GUILD, CHANNEL, MORGAN, "watch", ""),
            store.places.set_digest_at(CHANNEL, None, NOON),
            *([other.places.unwatch(CHANNEL)] if attempt % 3 == 1 else []),
            *([store.places.delete_guild(GUILD)] if attempt % 3 == 2 else []),
        ]
        drawn.shuffle(actions)
        async with asyncio.timeout(60):
            await asyncio.gather(*actions)
        for case_id in ids:
            history = await store.cases.history(case_id)
            assert [event.number for event in history] == list(range(1, len(history) + 1))
