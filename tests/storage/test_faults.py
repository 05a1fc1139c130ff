"""Messages that can't be scored: retries, and what resets them."""

from datetime import timedelta

import pytest

from bot.storage.database import Database
from bot.storage.faults import PAUSES
from bot.storage.records import NewScore, Pending, Unscored
from bot.storage.store import ReviewStore
from tests.storage.people import ADA, CHANNEL, FIRST, GUILD, NOON, go_live, judge, write


async def only(store: ReviewStore) -> Pending:
    [waiting] = [
        pending for pending in await store.messages.pending(10, NOON + timedelta(days=1)) if pending.message_id == FIRST
    ]
    return waiting


async def fail(store: ReviewStore, times: int = 1 + len(PAUSES)) -> Pending:
    await write(store)
    waiting = await only(store)
    for _ in range(times):
        assert await store.faults.record(waiting, "model", NOON)
    return waiting


async def test_a_failing_message_is_retried_after_each_pause_and_then_given_up(
    store: ReviewStore, watched: None
) -> None:
    await write(store)
    await write(store, FIRST + 1)
    waiting, other = await store.messages.pending(10)
    for pause in PAUSES:
        assert await store.faults.record(waiting, "model", NOON)
        assert await store.messages.pending(10, NOON + pause - timedelta(seconds=1)) == [other]
        assert await store.messages.pending(10, NOON + pause) == [waiting, other]
        assert await store.faults.given_up([CHANNEL], 10) == ([], 0)
    assert await store.faults.record(waiting, "not_finite", NOON)
    assert await store.messages.pending(10, NOON + timedelta(days=365)) == [other]
    assert await store.faults.given_up([CHANNEL], 10) == ([Unscored(FIRST, CHANNEL, "not_finite")], 1)
    assert await store.faults.given_up([], 10) == ([], 0)
    assert await store.messages.pending_count(GUILD) == 1
    assert [(row.tries, row.fault) for row in await store.privacy.messages_of(ADA)] == [(4, "not_finite"), (0, None)]


@pytest.mark.parametrize("how", ["edit", "retry", "another model"])
async def test_an_edit_a_retry_or_another_model_resets_the_tries(store: ReviewStore, watched: None, how: str) -> None:
    await store.faults.retry_with("demo in float16")
    await fail(store)
    assert await store.faults.retry_with("demo in float16") == 0, "a restart alone resets nothing"
    if how == "edit":
        await write(store, text="Edited.")
    elif how == "retry":
        assert await store.faults.retry(CHANNEL) == 1
        assert await store.faults.retry(CHANNEL) == 0
    else:
        assert await store.faults.retry_with("demo in float32") == 1
    assert len(await store.messages.pending(10, NOON)) == 1
    assert [(row.tries, row.fault, row.next_try_at) for row in await store.privacy.messages_of(ADA)] == [
        (0, None, None)
    ]


async def test_an_edit_or_a_score_clears_the_tries(store: ReviewStore, watched: None) -> None:
    waiting = await fail(store, times=1)
    await write(store, text="Edited.")
    assert not await store.faults.record(waiting, "model", NOON)
    await fail(store, times=1)
    await store.faults.retry(CHANNEL)
    await judge(store)
    assert [(row.tries, row.fault) for row in await store.privacy.messages_of(ADA)] == [(0, None)]


async def test_untracked_and_deleted_messages_are_not_listed_as_given_up(store: ReviewStore, live: None) -> None:
    await fail(store)
    assert await store.messages.stop_tracking(FIRST, "") is not None
    assert await store.faults.given_up([CHANNEL], 10) == ([], 0)
    await fail(store)
    await store.privacy.delete_messages_of(ADA)
    assert await store.faults.given_up([CHANNEL], 10) == ([], 0)
    await fail(store)
    await store.places.unwatch(CHANNEL)
    await go_live(store)
    assert await store.faults.given_up([CHANNEL], 10) == ([], 0)


async def test_a_score_that_is_not_finite_cannot_be_stored(database: Database) -> None:
    for number in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(ValueError, match="not finite"):
            NewScore(FIRST, database.content_hash("Good."), "demo", 0.5, number, 0.5)
