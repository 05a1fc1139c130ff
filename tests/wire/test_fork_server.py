"""A forked bot behaves like one in a fresh interpreter: exit code, outputs, environment, folder, signals."""

import asyncio
import json
import signal
from pathlib import Path

import psutil
import pytest

from tests.console import assert_same_json
from tests.wire.discord_peer import discord_on_loopback
from tests.wire.forked import ForkedBot, fork_server, forked_bot
from tests.wire.running import PROMPT, environment, fresh_bot, started, until, until_loaded, wait_for_end


@pytest.mark.parametrize(
    ("arguments", "expected_code"),
    [
        (["--version"], 0),
        (["no-such-command"], 2),
        (["run"], 78),  # without a token
        (["health"], 1),  # the folder has no heartbeat file
        (["topk", PROMPT, "--json"], 0),
        (["topk", PROMPT, "--model", "./nowhere"], 78),
    ],
)
async def test_a_forked_bot_ends_as_a_fresh_one(tmp_path: Path, arguments: list[str], expected_code: int) -> None:
    settings = environment(None, BOT_HEARTBEAT_FILE="heartbeat")
    async with fresh_bot(9, arguments, settings, tmp_path) as process:
        fresh = await wait_for_end(process)
    async with forked_bot(9, arguments, settings, tmp_path) as process:
        forked = await wait_for_end(process)
    assert fresh[0] == expected_code
    if "--json" in arguments:
        assert (forked[0], forked[2]) == (fresh[0], fresh[2])
        assert_same_json(json.loads(forked[1]), json.loads(fresh[1]))  # the kernel is chosen by measuring
    else:
        assert forked == fresh


async def test_it_has_its_own_environment_and_folder_and_its_server_no_thread(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BOT_LOG_LEVEL=canary\n")
    async with started(9, cwd=tmp_path) as process:
        code, _, err = await wait_for_end(process)
    assert (code, "BOT_LOG_LEVEL has an invalid value" in err) == (78, True)
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path, BOT_LOG_LEVEL="INFO") as process:
        assert isinstance(process, ForkedBot)
        await until(discord.ready.is_set)
        server, bot = psutil.Process(fork_server().process.pid), psutil.Process(process.pid)
        assert server.num_threads() == 1
        assert Path(bot.cwd()) == tmp_path


@pytest.mark.parametrize(
    ("number", "expected_code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9), (signal.SIGQUIT, -3)]
)
async def test_it_ends_by_signals_as_any_process(tmp_path: Path, number: signal.Signals, expected_code: int) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        await until_loaded(discord)
        process.send_signal(number)
        assert await process.wait() == expected_code
        assert process.returncode == expected_code
        assert not psutil.pid_exists(process.pid)


async def test_the_exit_code_is_known_without_waiting(tmp_path: Path) -> None:
    async with started(9, cwd=tmp_path, token=None) as process:
        assert await until(lambda: process.returncode) == 78


async def test_bots_are_forked_side_by_side(tmp_path: Path) -> None:
    async def version() -> tuple[int | None, str, str]:
        async with started(9, "--help", cwd=tmp_path) as process:
            return await wait_for_end(process)

    first, *others = await asyncio.gather(*(version() for _ in range(8)))
    assert first[0] == 0
    assert first[1].startswith("usage: nightword run")
    assert all(other == first for other in others)


async def test_a_failing_test_leaves_no_bot_behind(tmp_path: Path) -> None:
    async with discord_on_loopback() as (_, port):
        with pytest.raises(ZeroDivisionError):
            async with started(port, cwd=tmp_path) as process:
                raise ZeroDivisionError
        assert process.returncode == -signal.SIGKILL
