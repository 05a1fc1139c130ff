"""Channels are watched with their options until they are not, and then nothing of them is left."""

from datetime import UTC, datetime, timedelta

from bot.storage.database import Database
from bot.storage.records import Exemption, OwnMessage, Watched
from bot.storage.review_store import ReviewStore
from tests.storage.people import (
    ADA,
    CHANNEL,
    FIRST,
    GRACE,
    GUILD,
    MORGAN,
    OTHER_CHANNEL,
    OTHER_GUILD,
    judge,
    watch,
    write,
)  # fmt: skip


async def test_a_watched_channel_has_its_options(store: ReviewStore) -> None:
    assert await store.watched(CHANNEL) is None
    await watch(store)
    found = await store.watched(CHANNEL)
    assert found is not None
    assert found == Watched(
        channel_id=CHANNEL,
        guild_id=GUILD,
        flag_below=0.25,
        log_channel_id=None,
        last_message_id=FIRST - 1,
        live=False,
        watched_by=MORGAN,
        watched_at=found.watched_at,
        label="none",
        urgent_below=None,
        excerpts=False,
        suspended_at=None,
        digest_at=None,
    )
    assert found.watched_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - found.watched_at) < timedelta(minutes=1)


async def test_watching_again_changes_the_options_and_keeps_what_was_read(store: ReviewStore) -> None:
    await watch(store)
    await write(store)
    await judge(store)
    before = await store.watched(CHANNEL)
    assert before is not None
    assert await store.set_live(CHANNEL, True)
    await store.watch(
        CHANNEL, GUILD, flag_below=None, log_channel_id=5, watched_by=ADA, last_message_id=FIRST + 50, label="react",
        urgent_below=0.1, excerpts=True,
    )  # fmt: skip
    after = await store.watched(CHANNEL)
    assert after is not None
    assert (after.flag_below, after.log_channel_id, after.watched_by, after.live) == (None, 5, ADA, True)
    assert (after.label, after.urgent_below, after.excerpts) == ("react", 0.1, True)
    assert after.watched_at == before.watched_at
    assert after.last_message_id == FIRST, "what came after it is not read yet"
    assert [scored.message_id for scored in await store.latest_scores(CHANNEL)] == [FIRST]


async def test_channels_are_listed_by_server(store: ReviewStore) -> None:
    await watch(store, OTHER_CHANNEL, OTHER_GUILD)
    await watch(store)
    assert [watched.channel_id for watched in await store.all_watched()] == [CHANNEL, OTHER_CHANNEL]
    assert [watched.channel_id for watched in await store.watched_in(OTHER_GUILD)] == [OTHER_CHANNEL]
    assert await store.watched_in(GRACE) == []


async def test_notices_go_with_their_place(store: ReviewStore) -> None:
    await watch(store)
    for channel in (CHANNEL, OTHER_CHANNEL):
        await store.add_notice(CHANNEL, channel, channel + 99)
    await store.add_notice(OTHER_CHANNEL, OTHER_CHANNEL, 1)  # which is not watched
    assert await store.due_deletions(10) == []
    await store.unwatch(CHANNEL)
    due = [OwnMessage(channel, channel + 99) for channel in (CHANNEL, OTHER_CHANNEL)]
    assert await store.due_deletions(10) == due
    for own in due:
        await store.deleted(own)
    assert await store.due_deletions(10) == []


async def test_unwatching_forgets_all_of_the_channel_and_nothing_else(store: ReviewStore, database: Database) -> None:
    await watch(store)
    await watch(store, OTHER_CHANNEL, OTHER_GUILD)
    for message, channel in ((FIRST, CHANNEL), (FIRST + 1, CHANNEL), (FIRST + 2, OTHER_CHANNEL)):
        await write(store, message, channel=channel)
        await judge(store, message)
    assert await store.unwatch(CHANNEL)
    assert not await store.unwatch(CHANNEL)
    assert await store.watched(CHANNEL) is None
    assert await store.latest_scores(CHANNEL) == []
    assert [row.message_id for row in await store.of_author(ADA)] == [FIRST + 2]
    assert not await write(store), "nothing is recorded where nothing is watched"


async def test_a_server_that_is_left_is_forgotten(store: ReviewStore) -> None:
    await watch(store)
    await watch(store, OTHER_CHANNEL, OTHER_GUILD)
    await write(store)
    await write(store, FIRST + 1, channel=OTHER_CHANNEL)
    await store.exempt(GUILD, "role", 5)
    await store.exempt(OTHER_GUILD, "role", 5)
    await store.forget_guild(GUILD)
    assert [watched.channel_id for watched in await store.all_watched()] == [OTHER_CHANNEL]
    assert [row.message_id for row in await store.of_author(ADA)] == [FIRST + 1]
    assert await store.exemptions(GUILD) == []
    assert await store.exemptions(OTHER_GUILD) == [Exemption(OTHER_GUILD, "role", 5)]
