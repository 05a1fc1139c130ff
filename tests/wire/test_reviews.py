"""Review channels in a process of their own: the privileged intent, and a process that is killed while it scores."""

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.storage.database import Database
from bot.storage.review_store import ReviewStore
from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.objects import CHANNEL, GUILD, message, person
from tests.wire.running import PATIENCE, answered, ended, started, until_loaded

MESSAGES = 60


def granting(discord: Discord) -> None:
    discord.gateway.grants_message_content = True


async def opened(folder: Path) -> tuple[Database, ReviewStore]:
    database = Database(f"sqlite+aiosqlite:///{folder / 'nightword.db'}")
    await database.open()
    return database, ReviewStore(database)


async def watch(folder: Path) -> None:
    database, store = await opened(folder)
    await store.watch(
        int(CHANNEL), int(GUILD), flag_below=None, log_channel_id=None, watched_by=1, last_message_id=int(CHANNEL)
    )
    await database.close()


async def scored(folder: Path) -> list[int]:
    """Return the id of each score that is kept: of a message twice where it was scored twice."""
    database, store = await opened(folder)
    rows = [row for author in range(900, 905) for row in await store.of_author(author)]
    await database.close()
    return [row.message_id for row in rows if row.model is not None]


def review(number: int) -> dict[str, Any]:
    posted = message(
        str(int(CHANNEL) + 1 + number), {"content": f"A fine film, number {number}."}, author=person(number % 5)
    )
    return {**posted, "guild_id": GUILD, "timestamp": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}


async def test_without_the_intent_the_bot_says_what_to_turn_on_and_goes_on_without(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path, BOT_REVIEWS="true") as process:
        await until_loaded(discord)
        assert {"review", "privacy"} & {command["name"] for command in discord.commands[None]} == set()
        assert (await answered(await discord.slash("topk", prompt="Once"))).titles == ["Next token"]
        process.send_signal(signal.SIGTERM)
        code, _, err = await ended(process)
    assert code == 0
    assert "review channels are off: Discord refused the message content intent. Turn it on" in err
    assert "Traceback" not in err


async def test_a_process_that_is_killed_while_it_scores_loses_and_repeats_nothing(tmp_path: Path) -> None:
    await watch(tmp_path)
    reviews = {one["id"]: one for one in map(review, range(MESSAGES))}
    async with discord_on_loopback(granting) as (discord, port):
        discord.messages |= reviews
        async with started(port, cwd=tmp_path, BOT_REVIEWS="true") as process:
            await until_loaded(discord)
            assert {"review", "privacy"} <= {command["name"] for command in discord.commands[None]}
            for one in reviews.values():
                await discord.gateway.dispatch("MESSAGE_CREATE", one)
            await until_scored(tmp_path, 5)
            process.kill()
            await process.wait()
        discord.ready.clear()
        async with started(port, cwd=tmp_path, BOT_REVIEWS="true") as process:
            await until_loaded(discord)
            for one in reviews.values():  # as after a resumed session: Discord sends some again
                await discord.gateway.dispatch("MESSAGE_CREATE", one)
            await until_scored(tmp_path, MESSAGES)
            process.send_signal(signal.SIGTERM)
            code, _, err = await ended(process)
        assert discord.refused == []
    assert code == 0
    assert "Traceback" not in err
    assert Counter(await scored(tmp_path)) == Counter({int(number): 1 for number in reviews})


async def until_scored(folder: Path, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(await scored(folder)) < count:  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.05)
