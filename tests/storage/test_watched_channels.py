"""Places are watched with their options, and unwatching deletes everything about them."""

import asyncio
from datetime import UTC, datetime, timedelta

from bot.storage.database import Database
from bot.storage.records import Exemption, OwnMessage, WatchedPlace
from bot.storage.store import ReviewStore
from tests.storage.people import (
    ADA,
    CHANNEL,
    FIRST,
    GRACE,
    GUILD,
    LOG,
    MORGAN,
    NOON,
    OTHER_CHANNEL,
    OTHER_GUILD,
    OTHER_LOG,
    flag,
    go_live,
    judge,
    watch,
    write,
)  # fmt: skip


async def place_of(store: ReviewStore, channel: int = CHANNEL) -> WatchedPlace:
    place = await store.places.get(channel)
    assert place is not None
    return place


async def test_a_watched_channel_has_its_options(store: ReviewStore) -> None:
    assert await store.places.get(CHANNEL) is None
    await watch(store)
    place = await place_of(store)
    assert place == WatchedPlace(
        place_id=CHANNEL,
        guild_id=GUILD,
        flag_below=0.25,
        log_channel_id=None,
        last_message_id=FIRST - 1,
        live=False,
        watched_by=MORGAN,
        watched_at=place.watched_at,
        label="none",
        urgent_below=None,
        excerpts=False,
        suspended_at=None,
        digest_at=None,
    )
    assert place.watched_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - place.watched_at) < timedelta(minutes=1)


async def test_watching_again_changes_the_options_and_keeps_what_was_read(store: ReviewStore) -> None:
    await watch(store)
    await write(store)
    await judge(store)
    before = await place_of(store)
    assert await store.places.set_live(CHANNEL, True)
    await store.places.watch(
        CHANNEL, GUILD, flag_below=None, log_channel_id=5, watched_by=ADA, last_message_id=FIRST + 50, label="react",
        urgent_below=0.1, excerpts=True,
    )  # fmt: skip
    after = await place_of(store)
    assert (after.flag_below, after.log_channel_id, after.watched_by, after.live) == (None, 5, ADA, True)
    assert (after.label, after.urgent_below, after.excerpts) == ("react", 0.1, True)
    assert after.watched_at == before.watched_at
    assert after.last_message_id == FIRST, "later messages are not read yet"
    assert [scored.message_id for scored in await store.scores.latest(CHANNEL)] == [FIRST]


async def test_channels_are_listed_by_server(store: ReviewStore) -> None:
    await watch(store, OTHER_CHANNEL, OTHER_GUILD)
    await watch(store)
    assert [watched.place_id for watched in await store.places.all()] == [CHANNEL, OTHER_CHANNEL]
    assert [watched.place_id for watched in await store.places.in_guild(OTHER_GUILD)] == [OTHER_CHANNEL]
    assert await store.places.in_guild(GRACE) == []


async def test_notices_are_deleted_with_their_place(store: ReviewStore) -> None:
    await watch(store)
    for channel in (CHANNEL, OTHER_CHANNEL):
        await store.places.add_notice(CHANNEL, channel, channel + 99)
    await store.places.add_notice(OTHER_CHANNEL, OTHER_CHANNEL, 1)  # this channel is not watched
    assert await store.own_messages.due_deletions(10) == []
    assert await store.places.has_notices(CHANNEL)
    assert not await store.places.has_notices(OTHER_CHANNEL)
    await store.places.unwatch(CHANNEL)
    due = [OwnMessage(channel, channel + 99) for channel in (CHANNEL, OTHER_CHANNEL)]
    assert await store.own_messages.due_deletions(10) == due
    for own in due:
        await store.own_messages.mark_deleted(own)
    assert await store.own_messages.due_deletions(10) == []


async def test_unwatching_deletes_everything_about_the_channel_and_nothing_else(
    store: ReviewStore, database: Database
) -> None:
    await watch(store)
    await watch(store, OTHER_CHANNEL, OTHER_GUILD)
    for message, channel in ((FIRST, CHANNEL), (FIRST + 1, CHANNEL), (FIRST + 2, OTHER_CHANNEL)):
        await write(store, message, channel=channel)
        await judge(store, message)
    assert await store.places.unwatch(CHANNEL)
    assert not await store.places.unwatch(CHANNEL)
    assert await store.places.get(CHANNEL) is None
    assert await store.scores.latest(CHANNEL) == []
    assert [row.message_id for row in await store.privacy.messages_of(ADA)] == [FIRST + 2]
    assert not await write(store), "nothing is recorded in an unwatched channel"


async def test_everything_about_a_removed_server_is_deleted(store: ReviewStore) -> None:
    await watch(store)
    await watch(store, OTHER_CHANNEL, OTHER_GUILD)
    await write(store)
    await write(store, FIRST + 1, channel=OTHER_CHANNEL)
    await store.privacy.exempt(GUILD, "role", 5)
    await store.privacy.exempt(OTHER_GUILD, "role", 5)
    for guild in (GUILD, OTHER_GUILD):
        await store.audit.record(guild, None, MORGAN, "live", "")
    await store.places.delete_guild(GUILD)
    assert [watched.place_id for watched in await store.places.all()] == [OTHER_CHANNEL]
    assert [row.message_id for row in await store.privacy.messages_of(ADA)] == [FIRST + 1]
    assert await store.privacy.exemptions(GUILD) == []
    assert await store.privacy.exemptions(OTHER_GUILD) == [Exemption(OTHER_GUILD, "role", 5)]
    assert (await store.audit.latest(GUILD, 10), len(await store.audit.latest(OTHER_GUILD, 10))) == ([], 1)


async def test_a_removed_server_s_cases_are_deleted_and_no_message_is_due(store: ReviewStore) -> None:
    await go_live(store)
    case = await flag(store)
    await store.cards.record(case.id, 70)
    await store.cases.decide(case.id, MORGAN, True)
    await store.places.delete_guild(GUILD)
    assert await store.cases.get(case.id) is None
    assert await store.cases.history(case.id) == []
    assert await store.cases.outcomes(CHANNEL) == []
    assert await store.own_messages.due_deletions(10) == [], "the bot is no longer in that server"
    await go_live(store)
    again = await flag(store)
    assert again.number == 1
    assert again.id > case.id, "an old button never refers to a new case"


async def test_a_place_can_go_live_and_back_into_shadow(store: ReviewStore) -> None:
    assert not await store.places.set_live(CHANNEL, True)
    assert not await store.places.set_live(CHANNEL, False)
    await watch(store, log_channel=LOG)
    await store.places.suspend_log(LOG)
    assert await store.places.set_live(CHANNEL, True)
    begun = await place_of(store)
    assert (begun.live, begun.suspended_at) == (True, None)
    assert begun.digest_at is not None
    assert abs(datetime.now(UTC) - begun.digest_at) < timedelta(minutes=1)
    await store.places.suspend_log(LOG)
    assert await store.places.set_live(CHANNEL, True)
    assert await place_of(store) == begun, "its week continues, and its log channel is tried again"
    assert await store.places.set_live(CHANNEL, False)
    assert not (await place_of(store)).live


async def test_scores_from_before_a_time_in_shadow_are_not_shown(store: ReviewStore) -> None:
    await go_live(store)
    for message in (FIRST, FIRST + 1):
        await write(store, message)
    await judge(store)
    await store.places.set_live(CHANNEL, False)
    await judge(store, FIRST + 1)
    await store.places.set_live(CHANNEL, True)
    assert await store.showing.due(10) == []


async def test_a_log_channel_is_suspended_once_for_every_place_that_uses_it(
    store: ReviewStore, other: ReviewStore
) -> None:
    await watch(store, log_channel=LOG)
    await watch(store, OTHER_CHANNEL, OTHER_GUILD, LOG)
    await watch(store, 5, log_channel=OTHER_LOG)
    suspended = await asyncio.gather(*(each.places.suspend_log(LOG) for each in (store, other) * 3))
    assert sorted(len(places) for places in suspended) == [0] * 5 + [2]
    [places] = [places for places in suspended if places]
    assert places == [await place_of(store, CHANNEL), await place_of(store, OTHER_CHANNEL)]
    assert all(place.suspended_at is not None for place in places)
    assert (await place_of(store, 5)).suspended_at is None


async def test_watching_again_tries_the_log_channel_again(store: ReviewStore) -> None:
    for log_channel in (LOG, OTHER_LOG, None):
        await watch(store, log_channel=LOG)
        await store.places.suspend_log(LOG)
        await watch(store, log_channel=log_channel)
        assert (await place_of(store)).suspended_at is None


async def test_cases_without_a_card_go_to_the_new_log_channel(store: ReviewStore) -> None:
    await go_live(store)
    seen, listed, unseen = [await flag(store, FIRST + step) for step in range(3)]
    await store.cards.record(seen.id, 70)
    await store.cards.record_digest([listed.id], 71)
    await watch(store, log_channel=OTHER_LOG)
    [due] = await store.cards.due()
    assert (due.id, due.log_channel_id) == (unseen.id, OTHER_LOG)
    for case in (seen, listed):
        stored = await store.cases.get(case.id)
        assert stored is not None
        assert stored.log_channel_id == LOG


async def test_of_several_callers_at_once_one_posts_the_digest(store: ReviewStore, other: ReviewStore) -> None:
    await watch(store)
    before = None
    for week in range(1, 4):
        now = NOON + timedelta(weeks=week)
        done = await asyncio.gather(*(each.places.set_digest_at(CHANNEL, before, now) for each in (store, other) * 3))
        assert sorted(done) == [False] * 5 + [True]
        before = (await place_of(store)).digest_at
        assert before == now
    assert not await store.places.set_digest_at(OTHER_CHANNEL, None, NOON)


async def test_a_place_s_position_only_moves_forward(store: ReviewStore) -> None:
    await watch(store)
    for last, expected in ((FIRST + 5, FIRST + 5), (FIRST, FIRST + 5), (FIRST + 6, FIRST + 6)):
        await store.places.advance(CHANNEL, last)
        assert (await place_of(store)).last_message_id == expected


async def test_servers_with_any_stored_data_are_listed(store: ReviewStore) -> None:
    assert await store.places.guild_ids() == set()
    await watch(store)
    await store.privacy.exempt(OTHER_GUILD, "user", ADA)
    assert await store.places.guild_ids() == {GUILD, OTHER_GUILD}
    await store.places.delete_guild(OTHER_GUILD)
    assert await store.places.guild_ids() == {GUILD}
