"""Events while the bot was away: edits, deletions, a deleted channel, a server that removed it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.questions.sentiment import SentimentQuestion
from bot.storage.store import ReviewStore
from tests.features.review.conftest import BAD, GOOD
from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.objects import CHANNEL, GUILD, Json
from tests.wire.review_server import (
    LOG,
    REVIEW_SERVER,
    edit_review,
    grant_message_content,
    post_review,
    store_of,
    watch,
)
from tests.wire.running import patiently, started, until, until_loaded

OTHER, REMOVED = "777777777777777777", "888888888888888888"


async def until_scores(url: str, met: Callable[[dict[int, float]], bool]) -> dict[int, float]:
    """Wait until the stored scores, by message, satisfy `met`, and return them."""
    async with store_of(url) as store:
        async for _ in patiently():
            scores = {score.message_id: score.positive_probability for score in await store.scores.latest(int(CHANNEL))}
            if met(scores):
                return scores
    raise AssertionError("a wait has no end of its own")


async def post_and_wait(discord: Discord, url: str, *texts: str) -> list[Json]:
    """Post reviews, send the bot their events, and wait until they are scored."""
    reviews = [post_review(discord, text) for text in texts]
    for review in reviews:
        await discord.gateway.dispatch("MESSAGE_CREATE", review)
    await until_scores(url, lambda scores: len(scores) == len(reviews))
    return reviews


@pytest.mark.parametrize("is_restarted", [True, False])
async def test_edits_and_deletions_while_the_bot_was_away_are_reconciled(
    tmp_path: Path, sqlite_url: str, demo_model: EngineModel, is_restarted: bool
) -> None:
    settings = {"BOT_REVIEWS": "true", "BOT_DATABASE_URL": sqlite_url}

    def change(discord: Discord, reviews: list[Json]) -> Json:
        """Edit, delete and post reviews without sending the bot an event, and return the new one."""
        edit_review(reviews[1], BAD)
        for deleted in (reviews[2], reviews[3]):
            del discord.messages[deleted["id"]]
        return post_review(discord, GOOD)

    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(sqlite_url, discord, flag_below=0.5)
        async with started(port, cwd=tmp_path, **settings) as process:
            await until_loaded(discord)
            reviews = await post_and_wait(discord, sqlite_url, GOOD, GOOD, GOOD, BAD)
            await until(lambda: discord.messages_in(LOG))
            if not is_restarted:
                discord.gateway.forgets_sessions = True
                new = change(discord, reviews)
                discord.ready.clear()
                await discord.gateway.drop()
                await until_reconciled(discord, sqlite_url, [*reviews[:2], new], demo_model)
                return
            process.kill()
            await process.wait()
        new = change(discord, reviews)
        async with started(port, cwd=tmp_path, **settings):
            await until_reconciled(discord, sqlite_url, [*reviews[:2], new], demo_model)


async def until_reconciled(discord: Discord, url: str, present: list[Json], model: EngineModel) -> None:
    """Wait until the stored scores are those of the present reviews, and the only card is that of the flagged one."""
    expected = {
        int(review["id"]): model.answer(SentimentQuestion(review["content"])).positive_probability for review in present
    }
    await until_scores(url, lambda scores: scores == pytest.approx(expected, abs=1e-5))
    link = f"/{CHANNEL}/{present[1]['id']})"
    await until(lambda: [link in card["embeds"][0]["description"] for card in discord.messages_in(LOG)] == [True])


async def test_an_unreadable_channel_is_not_taken_for_an_empty_one(tmp_path: Path, sqlite_url: str) -> None:
    settings = {"BOT_REVIEWS": "true", "BOT_DATABASE_URL": sqlite_url}
    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(sqlite_url, discord)
        async with started(port, cwd=tmp_path, **settings) as process:
            await until_loaded(discord)
            await post_and_wait(discord, sqlite_url, GOOD)
            process.kill()
            await process.wait()
        everyone, *others = REVIEW_SERVER["roles"]
        reads = int(everyone["permissions"]) & ~(1 << 16)  # no longer Read Message History
        discord.gateway.guild = {**REVIEW_SERVER, "roles": [{**everyone, "permissions": str(reads)}, *others]}
        hidden, discord.messages = discord.messages, {}  # without the permission, Discord returns no messages
        async with started(port, cwd=tmp_path, **settings):
            await until(lambda: discord.count(f"GET /channels/{CHANNEL}/messages"))  # catching up has begun
            later = await post_beside(discord, sqlite_url, hidden)
        assert len(later) == 2


async def post_beside(discord: Discord, url: str, others: dict[str, Json]) -> dict[int, float]:
    """Post a review, wait until it is scored in addition to the others, and return all scores."""
    new = post_review(discord, GOOD)
    await discord.gateway.dispatch("MESSAGE_CREATE", new)
    return await until_scores(
        url, lambda scores: set(scores) >= {int(message_id) for message_id in (new["id"], *others)}
    )


async def test_the_data_of_a_deleted_channel_is_deleted(tmp_path: Path, sqlite_url: str) -> None:
    settings = {"BOT_REVIEWS": "true", "BOT_DATABASE_URL": sqlite_url}
    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(sqlite_url, discord)
        async with started(port, cwd=tmp_path, **settings) as process:
            await until_loaded(discord)
            await post_and_wait(discord, sqlite_url, GOOD)
            process.kill()
            await process.wait()
        channels = [channel for channel in REVIEW_SERVER["channels"] if channel["id"] != CHANNEL]
        discord.gateway.guild = {**REVIEW_SERVER, "channels": channels}
        async with started(port, cwd=tmp_path, **settings):
            await until_scores(sqlite_url, lambda scores: scores == {})
    async with store_of(sqlite_url) as store:
        assert await store.places.all() == []


async def test_the_data_of_a_server_that_removed_the_bot_is_deleted_but_not_in_an_outage(
    tmp_path: Path, sqlite_url: str
) -> None:
    def prepare(discord: Discord) -> None:
        grant_message_content(discord)
        discord.gateway.unavailable = [OTHER]

    async def stored_guilds(store: ReviewStore) -> set[int]:
        return {place.guild_id for place in await store.places.all()} | await store.places.guild_ids()

    async with discord_on_loopback(prepare) as (discord, port):
        await watch(sqlite_url, discord)
        options: dict[str, Any] = {"flag_below": None, "log_channel_id": None, "watched_by": 1, "last_message_id": 1}
        async with store_of(sqlite_url) as store:
            for guild in (OTHER, REMOVED):
                await store.places.watch(int(guild) + 1, int(guild), **options)
                await store.privacy.exempt(int(guild), "user", 5)
            assert await stored_guilds(store) == {int(guild) for guild in (GUILD, OTHER, REMOVED)}
        async with started(port, cwd=tmp_path, BOT_REVIEWS="true", BOT_DATABASE_URL=sqlite_url):
            await until(lambda: discord.count(f"GET /guilds/{REMOVED}"))
            await until_loaded(discord)
            await post_and_wait(discord, sqlite_url, GOOD)  # the deletion is done by now
        async with store_of(sqlite_url) as store:
            assert await stored_guilds(store) == {int(GUILD), int(OTHER)}
            assert await store.privacy.exemptions(int(REMOVED)) == []
        assert discord.count(f"GET /guilds/{OTHER}") == 0
