"""A score is shown once, and again after an edit."""

import asyncio

import pytest

from bot.storage.database import Database
from bot.storage.records import Due
from bot.storage.store import ReviewStore
from tests.storage.people import (
    ADA,
    CHANNEL,
    FIRST,
    GUILD,
    LOG,
    MODEL,
    NOON,
    due,
    judge,
    record_score,
    write,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("live")


async def test_a_score_is_due_until_it_is_shown(store: ReviewStore, database: Database) -> None:
    await store.messages.record(FIRST, CHANNEL, GUILD, ADA, NOON, "Good.", channel_id=77)
    assert await store.showing.due(10) == []
    await judge(store, probability=0.25)
    content = database.content_hash("Good.")
    assert await store.showing.due(10) == [
        Due(FIRST, CHANNEL, GUILD, 77, ADA, 0.25, 1.5, 0.75, MODEL, content, shown_label=None, label_message_id=None)
    ]
    assert await store.showing.mark_shown(FIRST, content, label="negative", label_message_id=99)
    assert await store.showing.due(10) == []
    await write(store, text="Edited.")
    await judge(store, probability=0.75)
    again = await due(store)
    assert (again.positive_probability, again.shown_label, again.label_message_id) == (0.75, "negative", 99)
    assert await store.showing.mark_shown(FIRST, again.content_hash, label=None, label_message_id=None)
    assert await store.showing.due(10) == []


async def test_due_scores_are_in_the_order_of_posting(store: ReviewStore) -> None:
    for message in (FIRST + 2, FIRST, FIRST + 1):
        await write(store, message)
        await judge(store, message)
    assert [score.message_id for score in await store.showing.due(10)] == [FIRST, FIRST + 1, FIRST + 2]
    assert [score.message_id for score in await store.showing.due(1)] == [FIRST]


async def test_a_label_for_an_older_text_does_not_count_as_shown(store: ReviewStore) -> None:
    await write(store)
    await judge(store)
    before = await due(store)
    await write(store, text="Edited.")
    assert await store.showing.mark_shown(FIRST, before.content_hash, label="positive", label_message_id=99)
    await judge(store)
    again = await due(store)
    assert (again.shown_label, again.label_message_id) == ("positive", 99), (
        "its label is still there and has to follow the edit"
    )
    await store.messages.delete([FIRST])
    assert not await store.showing.mark_shown(FIRST, before.content_hash, label="positive", label_message_id=99)


async def test_an_edit_back_shows_the_earlier_score(store: ReviewStore) -> None:
    for text, probability in (("Good.", 0.9), ("Bad.", 0.1)):
        await write(store, text=text)
        await judge(store, probability=probability)
    await write(store, text="Good.")
    assert not await judge(store, probability=0.5)
    assert (await due(store)).positive_probability == 0.9


async def test_the_newest_model_s_score_is_shown(store: ReviewStore, database: Database) -> None:
    await write(store)
    for probability, model in ((0.9, "one"), (0.1, "another")):
        await record_score(store, FIRST, database.content_hash("Good."), probability, model)
    assert [(score.positive_probability, score.model) for score in await store.showing.due(10)] == [(0.1, "another")]


async def test_labels_are_shown_even_if_the_log_channel_is_suspended(store: ReviewStore) -> None:
    await write(store)
    await judge(store)
    await store.places.suspend_log(LOG)
    assert [score.message_id for score in await store.showing.due(10)] == [FIRST]


async def test_an_edit_while_a_score_is_shown_is_shown_too(
    store: ReviewStore, other: ReviewStore, database: Database
) -> None:
    for message in range(FIRST, FIRST + 10):
        await write(store, message)
        await judge(store, message)
        content = database.content_hash("Good.")
        await asyncio.gather(
            other.showing.mark_shown(message, content, label="positive", label_message_id=None),
            write(store, message, "Edited."),
        )
        await judge(store, message)
    assert len(await store.showing.due(20)) == 10


async def test_messages_posted_while_a_place_goes_into_shadow_are_not_shown(
    store: ReviewStore, other: ReviewStore
) -> None:
    for message in range(FIRST, FIRST + 50, 5):
        await store.places.set_live(CHANNEL, True)
        writing = [write(store, message + step) for step in range(4)]
        await asyncio.gather(*writing[:2], other.places.set_live(CHANNEL, False), *writing[2:])
        for step in range(4):
            await judge(store, message + step)
        await store.places.set_live(CHANNEL, True)
        assert await store.showing.due(10) == []
