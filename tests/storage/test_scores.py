"""Scores are read in the order of posting: all of them, some, or as a stream for slow readers."""

import asyncio
from datetime import timedelta

import pytest

from bot.storage import scores
from bot.storage.records import ScoredMessage
from bot.storage.store import ReviewStore
from tests.storage.people import (
    ADA,
    CHANNEL,
    FIRST,
    GRACE,
    GUILD,
    MODEL,
    NOON,
    OTHER_CHANNEL,
    OTHER_GUILD,
    judge,
    watch,
    write,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("watched")


async def fill(store: ReviewStore, count: int) -> None:
    for message in range(FIRST, FIRST + count):
        await write(store, message)
        await judge(store, message)


def ids(messages: list[ScoredMessage]) -> list[int]:
    return [message.message_id - FIRST for message in messages]


async def test_a_limit_returns_the_newest_messages(store: ReviewStore) -> None:
    await fill(store, 5)
    await write(store, FIRST + 5)
    assert ids(await store.scores.latest(CHANNEL, limit=2)) == [3, 4]
    assert ids(await store.scores.latest(CHANNEL, limit=50)) == [0, 1, 2, 3, 4]
    assert ids(await store.scores.latest(CHANNEL, NOON + timedelta(minutes=2), limit=4)) == [2, 3, 4]
    assert await store.scores.latest(CHANNEL, limit=0) == []


@pytest.mark.parametrize("count", [0, 3, 4, 5, 8])
async def test_a_stream_returns_every_message_whatever_its_page_size(
    store: ReviewStore, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(scores, "PAGE", 4)
    await watch(store, OTHER_CHANNEL, OTHER_GUILD)
    await fill(store, count)
    await write(store, FIRST + 50, channel=OTHER_CHANNEL)
    await judge(store, FIRST + 50)
    assert [message async for message in store.scores.stream(CHANNEL)] == await store.scores.latest(CHANNEL)
    since = NOON + timedelta(minutes=2)
    assert [message async for message in store.scores.stream(CHANNEL, since)] == await store.scores.latest(
        CHANNEL, since
    )


async def test_messages_posted_at_the_same_time_are_streamed_once_each(
    store: ReviewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "PAGE", 2)
    for message in range(FIRST, FIRST + 7):
        await store.messages.record(message, CHANNEL, GUILD, ADA, NOON, "Good.", channel_id=CHANNEL)
        await judge(store, message)
    assert ids([message async for message in store.scores.stream(CHANNEL)]) == list(range(7))


async def test_a_slow_reader_of_a_stream_does_not_block_writers(
    store: ReviewStore, other: ReviewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "PAGE", 2)
    await fill(store, 5)
    messages = []
    async for message in store.scores.stream(CHANNEL):
        messages.append(message)
        async with asyncio.timeout(5):
            await write(store, FIRST + 100 + len(messages), author=GRACE)
            if len(messages) == 1:
                await other.messages.delete([FIRST + 3])
    assert ids(messages) == [0, 1, 2, 4], "a message that was deleted meanwhile is left out"


async def test_a_stream_has_the_score_of_the_current_text(store: ReviewStore) -> None:
    for text, probability in (("Good.", 0.9), ("Bad.", 0.1)):
        await write(store, text=text)
        await judge(store, probability=probability)
    await write(store, text="Good.")
    [message] = [message async for message in store.scores.stream(CHANNEL)]
    assert message == ScoredMessage(FIRST, CHANNEL, ADA, NOON, 0.9, 1.5, 0.75, MODEL)
