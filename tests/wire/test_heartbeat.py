"""The heartbeat of a running bot, as `nightword health` reads it."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.wire.discord_peer import discord_on_loopback
from tests.wire.running import only_line, patiently, started, started_fresh, until_loaded, wait_for_end


async def health(port: int, cwd: Path, file: Path | None) -> tuple[int | None, str, str]:
    settings = {} if file is None else {"BOT_HEARTBEAT_FILE": str(file)}
    async with started(port, cwd=cwd, command="health", token=None, **settings) as process:
        return await wait_for_end(process)


async def until_health_is(expected: int, port: int, cwd: Path, file: Path) -> tuple[int | None, str, str]:
    async for _ in patiently():
        result = await health(port, cwd, file)
        if result[0] == expected:
            return result
    raise AssertionError("a wait has no end of its own")


async def test_a_working_bot_is_healthy_and_a_disconnected_or_ended_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    async with (
        discord_on_loopback() as (discord, port),
        started(port, cwd=tmp_path, BOT_HEARTBEAT_FILE=str(file)) as process,
    ):
        await until_loaded(discord)
        assert (await until_health_is(0, port, tmp_path, file))[1] == "healthy\n"
        discord.gateway.refuse_resume = True
        await discord.gateway.drop()
        assert await until_health_is(1, port, tmp_path, file) == (
            1,
            "",
            "nightword: unhealthy: the bot is not connected to Discord.\n",
        )
        process.send_signal(signal.SIGTERM)
        assert (await wait_for_end(process))[0] == 0
        code, _, err = await health(port, tmp_path, file)
    assert code == 1
    assert only_line(err).startswith("nightword: unhealthy: the heartbeat file")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            json.dumps({"time": 1.0, "gateway": True, "model": True}),
            "seconds old. The bot was killed or is stuck.",
        ),
        (json.dumps({"time": time.time() + 10**6, "gateway": True, "model": False}), "the model is not ready."),
        ("{", "is not a valid heartbeat file."),
        ("[]", "is not a valid heartbeat file."),
    ],
    ids=["too old", "without a model", "cut off", "a list"],  # one holds the time, which differs between workers
)
async def test_a_bad_heartbeat_file_is_unhealthy(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "heartbeat"
    file.write_text(content)
    code, out, err = await health(9, tmp_path, file)
    assert (code, out) == (1, "")
    assert only_line(err).startswith("nightword: unhealthy: ")
    assert only_line(err).endswith(f"{problem}\n")


async def test_health_without_a_file_says_which_setting_is_missing(tmp_path: Path) -> None:
    code, _, err = await health(9, tmp_path, None)
    assert code == 78
    assert only_line(err).startswith("nightword: BOT_HEARTBEAT_FILE is not set.")


async def test_a_heartbeat_that_cannot_be_written_ends_the_bot(tmp_path: Path) -> None:
    file = tmp_path / "no" / "heartbeat"
    async with (
        discord_on_loopback() as (_, port),
        started_fresh(port, cwd=tmp_path, BOT_HEARTBEAT_FILE=str(file), BOT_LOG_LEVEL="ERROR") as process,
    ):
        code, _, err = await wait_for_end(process)
    assert code == 78
    assert only_line(err).startswith(f"nightword: BOT_HEARTBEAT_FILE names {file}, which can't be written: No such")
