"""Review channels in a process of their own: the privileged intent, and a process that is killed while it scores."""

import signal
from collections import Counter
from pathlib import Path

from tests.wire.discord_peer import discord_on_loopback
from tests.wire.rest import Fault
from tests.wire.review_server import granting, posted, store_of, watch
from tests.wire.running import answered, ended, patiently, started, until, until_loaded

MESSAGES = 60


async def scored(url: str) -> list[int]:
    """Return the id of each score that is kept: of a message twice where it was scored twice."""
    async with store_of(url) as store:
        rows = [row for author in range(900, 905) for row in await store.privacy.messages_of(author)]
    return [row.message_id for row in rows if row.model is not None]


async def test_without_the_intent_the_bot_says_what_to_turn_on_and_goes_on_without(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path, BOT_REVIEWS="true") as process:
        await until_loaded(discord)
        assert {"review", "privacy"} & {command["name"] for command in discord.commands[None]} == set()
        assert (await answered(await discord.slash("topk", prompt="Once"))).titles == ["Next token"]
        process.send_signal(signal.SIGTERM)
        code, _, err = await ended(process)
    assert code == 0
    assert "review channels are off, because Discord refused the message content intent. Turn the intent on" in err
    assert "Traceback" not in err


async def test_without_the_intent_and_with_an_outage_the_bot_goes_on_without(tmp_path: Path) -> None:
    """The commands of review channels, which are registered already, cannot be taken out: that is no reason to end."""
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path, BOT_REVIEWS="true") as process:
        await until(lambda: discord.commands[None])
        discord.request_faults["GET /applications"] = Fault(503)
        await until_loaded(discord)
        process.send_signal(signal.SIGTERM)
        code, _, err = await ended(process)
    assert (code, "Traceback" in err) == (0, False)
    assert "could not remove the commands of review channels" in err


async def test_a_process_that_is_killed_while_it_scores_loses_and_repeats_nothing(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with discord_on_loopback(granting) as (discord, port):
        await watch(sqlite_url, discord)
        reviews = [posted(discord, f"A fine film, number {number}.", number % 5) for number in range(MESSAGES)]
        settings = {"BOT_REVIEWS": "true", "BOT_DATABASE_URL": sqlite_url}
        async with started(port, cwd=tmp_path, **settings) as process:
            await until_loaded(discord)
            assert {"review", "privacy"} <= {command["name"] for command in discord.commands[None]}
            for review in reviews:
                await discord.gateway.dispatch("MESSAGE_CREATE", review)
            await until_scored(sqlite_url, 5)
            process.kill()
            await process.wait()
        discord.ready.clear()
        async with started(port, cwd=tmp_path, **settings) as process:
            await until_loaded(discord)
            for review in reviews:  # as after a resumed session: Discord sends some again
                await discord.gateway.dispatch("MESSAGE_CREATE", review)
            await until_scored(sqlite_url, MESSAGES)
            process.send_signal(signal.SIGTERM)
            code, _, err = await ended(process)
    assert code == 0
    assert "Traceback" not in err
    assert Counter(await scored(sqlite_url)) == Counter({int(review["id"]): 1 for review in reviews})


async def until_scored(url: str, count: int) -> None:
    async for _ in patiently():
        if len(await scored(url)) >= count:
            return
