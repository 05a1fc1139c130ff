"""`nightword run` as an operator runs it, in a process of its own against a Discord on loopback."""

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.running import PATIENCE, answered, ended, started, until_loaded


async def test_login_sync_commands_and_a_clean_end(tmp_path: Path) -> None:
    async with (
        discord_on_loopback() as (discord, port),
        started(port, cwd=tmp_path, BOT_LOG_LEVEL="DEBUG") as process,
    ):
        await until_loaded(discord)
        assert {command["name"] for command in discord.commands} >= {"topk", "continue", "sentiment", "tokenize"}
        asked = await answered(await discord.slash("topk", prompt="It was a dark and stormy", k=3))
        assert [callback["type"] for callback in asked.callbacks] == [5]
        assert asked.original is not None
        assert "·night" in asked.original["embeds"][0]["description"]
        long = await answered(await discord.slash("tokenize", text="a prompt canary " * 60))
        assert long.original is not None
        assert [attachment["filename"] for attachment in long.original["attachments"]] == ["tokens.txt"]
        process.send_signal(signal.SIGTERM)
        code, out, err = await ended(process)
    assert (code, out) == (0, "")
    assert "Traceback" not in err
    assert "the model demo is ready" in err
    assert "canary" not in err  # neither the bot's token, nor an interaction's, nor a prompt


async def test_sigterm_leaves_nobody_thinking(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        await until_loaded(discord)
        everyone = [
            await discord.slash("continue", user=user, prompt="Once", max_new_tokens=256, strategy="beam", num_beams=10)
            for user in range(10)
        ]
        for asked in everyone:
            await asyncio.wait_for(asked.acknowledged.wait(), PATIENCE)
        process.send_signal(signal.SIGTERM)
        code, _, err = await ended(process)
    assert code == 0
    assert "Traceback" not in err
    titles = []
    for asked in everyone:
        assert asked.answered.is_set()
        messages = [message for message in (asked.original, *asked.followups) if message is not None]
        assert len(messages) == 1
        titles.append(messages[0]["embeds"][0]["title"])
    assert set(titles) <= {"Continuation", "Shutting down"}
    assert "Shutting down" in titles


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, "nightword: DISCORD_TOKEN is not set."),
        ("", "nightword: DISCORD_TOKEN is not set."),
        ("secret-canary", "nightword: DISCORD_TOKEN does not look like a bot token"),
    ],
)
async def test_a_token_that_is_missing_or_malformed(tmp_path: Path, token: str | None, message: str) -> None:
    async with started(9, cwd=tmp_path, token=token) as process:
        code, out, err = await ended(process)
    assert (code, out) == (78, "")
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert "canary" not in err


def last_line(err: str) -> str:
    assert "Traceback" not in err
    return err.splitlines()[-1]


async def test_a_token_that_discord_rejects(tmp_path: Path) -> None:
    def rejecting(discord: Discord) -> None:
        discord.reject_token = True

    async with (
        discord_on_loopback(rejecting) as (_, port),
        started(port, cwd=tmp_path, BOT_LOG_LEVEL="ERROR") as process,
    ):
        code, _, err = await ended(process)
    assert code == 78
    assert err == f"{last_line(err)}\n"
    assert err.startswith("nightword: Discord rejected DISCORD_TOKEN")
    assert "canary" not in err


async def test_discord_that_cannot_be_reached(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        async with started(taken.getsockname()[1], cwd=tmp_path, BOT_LOG_LEVEL="ERROR") as process:
            code, _, err = await ended(process)
    assert code == 1
    assert err == f"{last_line(err)}\n"
    assert err.startswith("nightword: Discord cannot be reached")


async def test_a_model_that_is_not_there_ends_the_bot(tmp_path: Path) -> None:
    async with (
        discord_on_loopback() as (_, port),
        started(port, "--model", "./nowhere", cwd=tmp_path, BOT_LOG_LEVEL="ERROR") as process,
    ):
        code, _, err = await ended(process)
    assert code == 78
    assert err == f"{last_line(err)}\n"
    assert err.startswith("nightword: The model ./nowhere cannot be used: there is no such folder")
