"""A proxy for Discord's REST API, as several processes share one, and what a process needs to be one of several."""

import signal
from pathlib import Path

import pytest

from tests.wire.discord_peer import discord_on_loopback
from tests.wire.running import PROMPT, only_line, started, until_loaded, wait_for_answer, wait_for_end


async def test_requests_go_through_the_proxy_and_the_gateway_does_not(tmp_path: Path) -> None:
    """Nothing listens at the library's own address for REST."""
    async with (
        discord_on_loopback() as (discord, port),
        started(9, cwd=tmp_path, BOT_DISCORD_PROXY_URL=f"http://127.0.0.1:{port}/") as process,
    ):
        await until_loaded(discord)
        assert (await wait_for_answer(await discord.slash("topk", prompt=PROMPT))).titles == ["Next token"]
        process.send_signal(signal.SIGTERM)
        assert (await wait_for_end(process))[0] == 0


@pytest.mark.parametrize("reviews", ["true", "false"])
async def test_sqlite_with_some_of_the_shards_ends_the_bot(tmp_path: Path, reviews: str) -> None:
    settings = {"BOT_SHARD_COUNT": "2", "BOT_SHARD_IDS": "1", "BOT_REVIEWS": reviews}
    async with started(9, cwd=tmp_path, **settings) as process:
        code, _, err = await wait_for_end(process)
    assert code == 78
    assert only_line(err).startswith("nightword: BOT_SHARD_IDS names 1 of 2 shards, so other processes have the rest")
