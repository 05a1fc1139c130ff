"""Processes that share a database each see what is due in their own servers, and together they see everything once."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from bot.storage.database import Database
from bot.storage.records import OwnMessage
from bot.storage.shards import Shards, shard_of
from bot.storage.store import ReviewStore
from tests.storage.people import ADA, LOG, MORGAN, NOON, record_score

COUNT = 6
SPLIT = ((0, 3), (1, 4), (2, 5))
GUILDS = [(1_000 + number) << 22 | number * 7 for number in range(2 * COUNT)]  # two on each shard
LATER = NOON + timedelta(days=400)


@pytest.fixture
def processes(database: Database) -> list[ReviewStore]:
    return [ReviewStore(database, Shards.of(COUNT, ids)) for ids in SPLIT]


async def fill(store: ReviewStore, database: Database) -> None:
    """In each server, leave one thing to do of each kind."""
    for number, guild in enumerate(GUILDS):
        place, first = guild + 1, guild + 100
        await store.places.watch(
            place, guild, flag_below=0.5, log_channel_id=LOG + number, watched_by=MORGAN, last_message_id=1
        )
        await store.places.set_live(place, True)
        for message in range(first, first + 5):
            await store.messages.record(message, place, guild, ADA, NOON, f"text {message}", channel_id=place)
        _, due, carded, deleted, in_digest = range(first, first + 5)
        for message in (due, carded, deleted, in_digest):
            await record_score(store, message, database.content_hash(f"text {message}"), 0.1)
        for scored in await store.showing.due(1000):
            if scored.message_id in (carded, deleted, in_digest):
                case = await store.cases.open(scored, log_channel_id=LOG + number, urgent=False, flag_below=0.5)
                assert case is not None
                if scored.message_id == carded:
                    await store.cards.record(case.id, guild + 200, NOON)
                if scored.message_id == deleted:
                    await store.cards.record(case.id, guild + 201)
                if scored.message_id == in_digest:
                    await store.cards.record_digest([case.id], guild + 202)
        await store.messages.delete([deleted, in_digest])
        # A second case, which has no card yet.
        [score] = [scored for scored in await store.showing.due(1000) if scored.message_id == due]
        await store.cases.open(score, log_channel_id=LOG + number, urgent=False, flag_below=0.5)


async def waiting_messages(store: ReviewStore) -> list[int]:
    return [message.place_id - 1 for message in await store.messages.pending(1000, LATER)]


async def scores_to_show(store: ReviewStore) -> list[int]:
    return sorted({due.guild_id for due in await store.showing.due(1000)})


async def cases_without_card(store: ReviewStore) -> list[int]:
    return [case.guild_id for case in await store.cards.due()]


async def outdated_cards(store: ReviewStore) -> list[int]:
    cases = [await store.cases.get(case_id) for case_id in await store.cards.outdated(1000)]
    return [case.guild_id for case in cases if case is not None]


async def excerpts(store: ReviewStore, now: datetime = LATER) -> list[int]:
    return [case.guild_id for case in await store.cards.expired_excerpts(now)]


async def due_deletions(store: ReviewStore) -> list[int]:
    return [own.message_id - 201 for own in await store.own_messages.due_deletions(1000)]


async def stale_digests(store: ReviewStore) -> list[int]:
    return [digest.message_id - 202 for digest in await store.own_messages.stale_digests(1000)]


async def places(store: ReviewStore) -> list[int]:
    return [place.guild_id for place in await store.places.all()]


async def guilds(store: ReviewStore) -> list[int]:
    return sorted(await store.places.guild_ids())


LISTS: tuple[Callable[[ReviewStore], Awaitable[list[int]]], ...] = (
    waiting_messages, scores_to_show, cases_without_card, outdated_cards, excerpts, due_deletions, stale_digests,
    places, guilds,
)  # fmt: skip


async def test_each_process_sees_its_own_servers_and_together_they_see_all(
    store: ReviewStore, database: Database, processes: list[ReviewStore]
) -> None:
    await fill(store, database)
    for listed in LISTS:
        assert sorted(await listed(store)) == sorted(GUILDS), listed.__name__
        for ids, process in zip(SPLIT, processes, strict=True):
            expected = sorted(guild for guild in GUILDS if shard_of(guild, COUNT) in ids)
            assert len(expected) == len(GUILDS) // len(SPLIT)
            assert sorted(await listed(process)) == expected, (listed.__name__, ids)


async def test_a_message_posted_for_a_deleted_one_is_due_in_the_process_of_its_server(
    store: ReviewStore, processes: list[ReviewStore]
) -> None:
    own = OwnMessage(LOG, 77)
    guild = next(guild for guild in GUILDS if shard_of(guild, COUNT) in SPLIT[1])
    await processes[1].own_messages.delete_later(own, guild)
    assert [await process.own_messages.due_deletions(10) for process in processes] == [[], [own], []]


@pytest.mark.parametrize(("guild", "shard"), [(81384788765712384, 4), (0, 0), ((7 << 22) - 1, 0), (7 << 22, 1)])
def test_a_server_is_on_the_shard_that_discord_gives_it(guild: int, shard: int) -> None:
    assert shard_of(guild, COUNT) == (guild >> 22) % COUNT == shard
