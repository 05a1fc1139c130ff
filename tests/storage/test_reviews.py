"""A message is recorded once, scored once, and again after an edit."""

import asyncio
from datetime import timedelta

import pytest

from bot.storage.database import Database
from bot.storage.records import Pending, RecordedMessage, ScoredMessage
from bot.storage.store import ReviewStore
from tests.storage.people import (
    ADA,
    CHANNEL,
    FIRST,
    GRACE,
    GUILD,
    NOON,
    OTHER_CHANNEL,
    OTHER_GUILD,
    go_live,
    judge,
    record_score,
    watch,
    write,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("watched")


async def last_message(store: ReviewStore) -> int:
    watched = await store.places.get(CHANNEL)
    assert watched is not None
    return watched.last_message_id


async def test_a_message_waits_once_for_its_score(store: ReviewStore, database: Database) -> None:
    assert await write(store)
    assert not await write(store), "the same event again"
    assert await store.messages.pending(10) == [Pending(FIRST, CHANNEL, CHANNEL, database.content_hash("Good."), False)]
    assert await judge(store)
    assert await store.messages.pending(10) == []
    assert not await write(store), "the same event after its score"
    assert await store.messages.pending(10) == []


async def test_messages_in_unwatched_channels_are_not_recorded(store: ReviewStore) -> None:
    assert not await write(store, channel=OTHER_CHANNEL)
    assert await store.privacy.messages_of(ADA) == []


async def test_the_oldest_wait_first_and_each_server_counts_its_own(store: ReviewStore) -> None:
    await watch(store, OTHER_CHANNEL, OTHER_GUILD)
    for message in (FIRST + 2, FIRST, FIRST + 1):
        await write(store, message)
    await write(store, FIRST + 3, channel=OTHER_CHANNEL)
    await judge(store, FIRST + 1)
    assert [pending.message_id for pending in await store.messages.pending(10)] == [FIRST, FIRST + 2, FIRST + 3]
    assert [pending.message_id for pending in await store.messages.pending(1)] == [FIRST]
    assert (await store.messages.pending_count(GUILD), await store.messages.pending_count(OTHER_GUILD)) == (2, 1)


async def test_the_channel_s_position_only_moves_forward(store: ReviewStore) -> None:
    assert await last_message(store) == FIRST - 1
    for message, expected in ((FIRST + 5, FIRST + 5), (FIRST, FIRST + 5), (FIRST + 6, FIRST + 6)):
        await write(store, message)
        assert await last_message(store) == expected
    await store.privacy.opt_out(GRACE)
    assert not await write(store, FIRST + 7, author=GRACE)
    assert await last_message(store) == FIRST + 7, "a skipped message is not read again"


async def test_an_edit_waits_again_and_keeps_the_score_before(store: ReviewStore, database: Database) -> None:
    await write(store, text="Good.")
    await judge(store, probability=0.9)
    assert await write(store, text="Bad.")
    assert [row.positive_probability for row in await store.scores.latest(CHANNEL)] == [0.9]
    assert not await record_score(store, FIRST, database.content_hash("Good.")), (
        "scored too late: it has another content"
    )
    assert await store.messages.pending_count(GUILD) == 1
    assert await judge(store, probability=0.1)
    assert [row.positive_probability for row in await store.scores.latest(CHANNEL)] == [0.1]
    assert await store.scores.count(CHANNEL) == 1, "one message, however often it was scored"
    assert [row.positive_probability for row in await store.privacy.messages_of(ADA)] == [0.9, 0.1]


async def test_an_edit_back_to_an_earlier_text_has_its_score_already(store: ReviewStore) -> None:
    for text, probability in (("Good.", 0.9), ("Bad.", 0.1)):
        await write(store, text=text)
        await judge(store, probability=probability)
    assert await write(store, text="Good.")
    assert not await judge(store, probability=0.5)
    assert await store.messages.pending(10) == []
    assert [row.positive_probability for row in await store.scores.latest(CHANNEL)] == [0.9]


async def test_each_model_scores_once(store: ReviewStore, database: Database) -> None:
    await write(store)
    content_hash = database.content_hash("Good.")
    assert await record_score(store, FIRST, content_hash, 0.2)
    assert not await record_score(store, FIRST, content_hash, 0.3)
    assert await record_score(store, FIRST, content_hash, 0.4, model="another")
    [newest] = await store.scores.latest(CHANNEL)
    assert newest == ScoredMessage(FIRST, CHANNEL, ADA, NOON, 0.4, 1.5, 0.75, "another")
    assert [row.positive_probability for row in await store.privacy.messages_of(ADA)] == [0.2, 0.4]


async def test_a_deleted_message_is_not_scored(store: ReviewStore, database: Database) -> None:
    await write(store)
    await store.messages.delete([FIRST])
    assert await store.messages.pending(10) == []
    assert not await record_score(store, FIRST, database.content_hash("Good."))
    assert await store.privacy.messages_of(ADA) == []


async def test_scores_come_in_the_order_of_posting_from_a_time_on(store: ReviewStore) -> None:
    for message in (FIRST + 2, FIRST, FIRST + 1, FIRST + 3):
        await write(store, message)
    for message in (FIRST + 2, FIRST, FIRST + 1):
        await judge(store, message)
    assert [row.message_id for row in await store.scores.latest(CHANNEL)] == [FIRST, FIRST + 1, FIRST + 2]
    since = await store.scores.latest(CHANNEL, NOON + timedelta(minutes=1))
    assert [row.message_id for row in since] == [FIRST + 1, FIRST + 2]
    assert [row.posted_at for row in since] == [NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)]
    assert {row.posted_at.utcoffset() for row in since} == {timedelta(0)}


async def test_a_time_without_a_zone_is_refused(store: ReviewStore) -> None:
    with pytest.raises(Exception, match="a time without a zone"):
        await store.messages.record(FIRST, CHANNEL, GUILD, ADA, NOON.replace(tzinfo=None), "Good.", channel_id=CHANNEL)
    assert await store.messages.pending(10) == []


async def test_the_same_event_twice_at_once_is_new_once(store: ReviewStore, other: ReviewStore) -> None:
    for message in range(FIRST, FIRST + 10):
        new = await asyncio.gather(*(write(each, message) for each in (store, other) * 3))
        assert sorted(new) == [False] * 5 + [True]
    assert await store.messages.pending_count(GUILD) == 10
    assert await last_message(store) == FIRST + 9


async def test_messages_at_once_move_the_channel_s_position_to_the_newest(
    store: ReviewStore, other: ReviewStore
) -> None:
    messages = [FIRST + step for step in (7, 3, 9, 1, 8, 2)]
    assert all(await asyncio.gather(*(write((store, other)[message % 2], message) for message in messages)))
    assert await last_message(store) == FIRST + 9


async def test_the_same_score_several_times_at_once_is_stored_once(
    store: ReviewStore, other: ReviewStore, database: Database
) -> None:
    content_hash = database.content_hash("Good.")
    for message in range(FIRST, FIRST + 10):
        await write(store, message)
        kept = await asyncio.gather(*(record_score(each, message, content_hash) for each in (store, other) * 3))
        assert sorted(kept) == [False] * 5 + [True]
    assert len(await store.privacy.messages_of(ADA)) == 10


async def test_a_score_recorded_during_an_edit_does_not_count_for_the_new_content(
    store: ReviewStore, other: ReviewStore, database: Database
) -> None:
    for message in range(FIRST, FIRST + 10):
        await write(store, message)
        await asyncio.gather(
            record_score(other, message, database.content_hash("Good.")), write(store, message, "Edited.")
        )
    assert {pending.content_hash for pending in await store.messages.pending(20)} == {database.content_hash("Edited.")}
    assert await store.messages.pending_count(GUILD) == 10


async def test_a_cancelled_write_does_not_block_others(store: ReviewStore) -> None:
    writing = [asyncio.create_task(write(store, FIRST + step)) for step in range(20)]
    await asyncio.sleep(0.01)
    for task in writing[::2]:
        task.cancel()
    await asyncio.gather(*writing, return_exceptions=True)
    assert await write(store, FIRST + 100)
    assert {FIRST + step for step in range(1, 20, 2)} <= {
        waiting.message_id for waiting in await store.messages.pending(100)
    }


async def backfill(store: ReviewStore, message: int = FIRST, text: str = "Good.") -> bool:
    where = (message, CHANNEL, GUILD, ADA, NOON)
    return await store.messages.record(*where, text, channel_id=CHANNEL, advance=False, backfilled=True)


async def to_show(store: ReviewStore) -> list[int]:
    return [score.message_id for score in await store.showing.due(10)]


async def test_a_message_of_a_thread_belongs_to_the_place_around_it(store: ReviewStore) -> None:
    assert await store.messages.record(FIRST, CHANNEL, GUILD, ADA, NOON, "Good.", channel_id=77)
    [waiting] = await store.messages.pending(10)
    assert (waiting.place_id, waiting.channel_id) == (CHANNEL, 77)
    await judge(store)
    assert [row.channel_id for row in await store.scores.latest(CHANNEL)] == [77]
    assert [row.channel_id for row in await store.privacy.messages_of(ADA)] == [77]


async def test_recording_without_advance_keeps_the_place_s_position(store: ReviewStore) -> None:
    assert await store.messages.record(FIRST + 5, CHANNEL, GUILD, ADA, NOON, "Good.", channel_id=CHANNEL, advance=False)
    assert await last_message(store) == FIRST - 1
    assert not await store.messages.record(FIRST, OTHER_CHANNEL, GUILD, ADA, NOON, "Good.", channel_id=5, advance=False)


async def test_scores_are_to_be_shown_where_the_place_is_live(store: ReviewStore) -> None:
    await write(store)
    await go_live(store)
    await write(store, FIRST + 1)
    for message in (FIRST, FIRST + 1):
        await judge(store, message)
    assert await to_show(store) == [FIRST + 1], "a message posted in shadow is not shown"
    await write(store, text="Edited.")
    assert await to_show(store) == [FIRST + 1], "it waits for its score"
    await judge(store)
    assert await to_show(store) == [FIRST, FIRST + 1]


async def test_a_backfill_is_scored_after_all_others_and_not_shown(store: ReviewStore) -> None:
    await go_live(store)
    assert await backfill(store)
    assert not await backfill(store)
    await write(store, FIRST + 1)
    assert [(pending.message_id, pending.backfilled) for pending in await store.messages.pending(10)] == [
        (FIRST + 1, False),
        (FIRST, True),
    ]
    assert await store.messages.backfill_counts(CHANNEL) == (1, 0)
    for message in (FIRST, FIRST + 1):
        await judge(store, message)
    assert await store.messages.backfill_counts(CHANNEL) == (0, 1)
    assert await to_show(store) == [FIRST + 1]


async def test_an_edit_of_a_backfilled_message_is_shown_like_any_other(store: ReviewStore) -> None:
    await go_live(store)
    await backfill(store)
    await judge(store)
    await backfill(store, text="Edited while the bot was away.")
    await judge(store)
    assert await to_show(store) == []
    await write(store, text="Edited.")
    await judge(store)
    assert await to_show(store) == [FIRST]
    assert await store.messages.backfill_counts(CHANNEL) == (0, 0)


async def test_a_backfill_does_not_take_over_a_message_from_an_event(store: ReviewStore) -> None:
    await go_live(store)
    await write(store)
    await backfill(store, text="Edited while the bot was away.")
    assert await store.messages.delete_pending_backfill(CHANNEL) == 0
    await judge(store)
    assert await to_show(store) == [FIRST]


async def test_a_stopped_backfill_keeps_what_is_scored(store: ReviewStore) -> None:
    await watch(store, OTHER_CHANNEL, OTHER_GUILD)
    for message in (FIRST, FIRST + 1, FIRST + 2):
        await backfill(store, message)
    await judge(store)
    await write(store, FIRST + 3)
    where = (FIRST + 4, OTHER_CHANNEL, OTHER_GUILD, ADA, NOON, "Good.")
    await store.messages.record(*where, channel_id=OTHER_CHANNEL, backfilled=True)
    assert await store.messages.delete_pending_backfill(CHANNEL) == 2
    assert await store.messages.delete_pending_backfill(CHANNEL) == 0
    assert await store.messages.backfill_counts(CHANNEL) == (0, 1)
    assert await store.messages.backfill_counts(OTHER_CHANNEL) == (1, 0)
    assert {pending.message_id for pending in await store.messages.pending(10)} == {FIRST + 3, FIRST + 4}


async def test_recent_messages_are_listed_newest_first(store: ReviewStore, database: Database) -> None:
    for message, text in ((FIRST, "Long ago."), (FIRST + 1, "Lately."), (FIRST + 2, "Now.")):
        await write(store, message, text)
    messages = await store.messages.posted_since(CHANNEL, NOON + timedelta(minutes=1))
    hashes = [database.content_hash(text) for text in ("Now.", "Lately.")]
    assert messages == [RecordedMessage(FIRST + 2, CHANNEL, hashes[0]), RecordedMessage(FIRST + 1, CHANNEL, hashes[1])]
