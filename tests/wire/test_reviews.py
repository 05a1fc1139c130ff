"""Review channels in a bot's own process: the privileged intent, and a kill while it scores."""

import signal
from collections import Counter
from pathlib import Path

from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.review_server import grant_message_content, post_review, store_of, watch
from tests.wire.running import patiently, started, until_loaded, wait_for_answer, wait_for_end

MESSAGES = 60


async def scored_ids(url: str) -> list[int]:
    """Return the message id of each stored score; a message that was scored twice is there twice."""
    async with store_of(url) as store:
        rows = [row for author in range(900, 905) for row in await store.privacy.messages_of(author)]
    return [row.message_id for row in rows if row.model is not None]


async def test_without_the_intent_the_bot_says_what_to_turn_on_and_runs_without_review_channels(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path, BOT_REVIEWS="true") as process:
        await until_loaded(discord)
        assert {"review", "privacy"} & {command["name"] for command in discord.commands[None]} == set()
        assert (await wait_for_answer(await discord.slash("topk", prompt="Once"))).titles == ["Next token"]
        process.send_signal(signal.SIGTERM)
        code, _, err = await wait_for_end(process)
    assert code == 0
    assert "review channels are off, because Discord refused the message content intent. Turn the intent on" in err
    assert "Traceback" not in err


async def test_if_the_gateway_refuses_a_granted_intent_the_bot_runs_without_review_channels(tmp_path: Path) -> None:
    def prepare(discord: Discord) -> None:
        grant_message_content(discord)
        discord.gateway.grants_message_content = False  # the portal turned it off meanwhile

    async with (
        discord_on_loopback(prepare) as (discord, port),
        started(port, cwd=tmp_path, BOT_REVIEWS="true") as process,
    ):
        await until_loaded(discord)
        assert {"review", "privacy"} & {command["name"] for command in discord.commands[None]} == set()
        assert (await wait_for_answer(await discord.slash("topk", prompt="Once"))).titles == ["Next token"]
        process.send_signal(signal.SIGTERM)
        code, _, err = await wait_for_end(process)
    assert (code, "Traceback" in err) == (0, False)
    assert err.count("review channels are off, because Discord refused the message content intent") == 1


async def test_a_process_that_is_killed_while_it_scores_loses_and_repeats_nothing(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(sqlite_url, discord)
        reviews = [post_review(discord, f"A fine film, number {number}.", number % 5) for number in range(MESSAGES)]
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
            for review in reviews:  # Discord sends some events again, as after a resumed session
                await discord.gateway.dispatch("MESSAGE_CREATE", review)
            await until_scored(sqlite_url, MESSAGES)
            process.send_signal(signal.SIGTERM)
            code, _, err = await wait_for_end(process)
    assert code == 0
    assert "Traceback" not in err
    assert Counter(await scored_ids(sqlite_url)) == Counter({int(review["id"]): 1 for review in reviews})


async def until_scored(url: str, count: int) -> None:
    async for _ in patiently():
        if len(await scored_ids(url)) >= count:
            return
