"""`nightword run` as the bot's operator runs it, in a process of its own against a Discord on loopback."""

import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from bot.questions.options import OPTIONS
from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.objects import in_server, outside
from tests.wire.people import EVERYTHING
from tests.wire.running import (
    PROMPT,
    only_line,
    started,
    started_fresh,
    until,
    until_loaded,
    wait_for_answer,
    wait_for_end,
)

EVERY_COMMAND: list[tuple[str, dict[str, Any], str]] = [
    ("topk", {"prompt": PROMPT}, "Next token"),
    ("continue", {"prompt": PROMPT, "max_new_tokens": 2}, "Continuation"),
    ("sentiment", {"review": "I loved it."}, "Positive"),
    ("tokenize", {"text": PROMPT}, "tokens"),
    ("model", {}, "Model"),
    ("help", {}, "Nightword"),
]
EVERY_MENU = [("Score sentiment", "Positive"), ("Tokenize", "tokens")]


async def test_login_sync_commands_and_a_clean_end(tmp_path: Path) -> None:
    async with (
        discord_on_loopback() as (discord, port),
        started_fresh(port, cwd=tmp_path, BOT_LOG_LEVEL="DEBUG") as process,
    ):
        await until_loaded(discord)
        assert {command["name"] for command in discord.commands[None]} == {
            *(set(OPTIONS) - {"measure", "diff", "replay"}),  # they are only in the terminal
            *(name for name, _ in EVERY_MENU),
            "X-ray",
        }
        interaction = await wait_for_answer(await discord.slash("topk", prompt=PROMPT, k=3))
        assert [callback["type"] for callback in interaction.callbacks] == [5]
        assert interaction.original is not None
        assert "·night" in interaction.original["embeds"][0]["description"]
        long = await wait_for_answer(await discord.slash("tokenize", text="a prompt canary " * 60))
        assert long.original is not None
        assert long.original["embeds"][0]["image"]["url"].endswith("/picture.png")
        for name, title in EVERY_MENU:
            chosen = await wait_for_answer(await discord.menu(name, "I loved every canary of it."))
            assert (chosen.titles, chosen.private) == ([title], True)
        empty = await wait_for_answer(await discord.menu("Tokenize", ""))
        assert (empty.titles, empty.private) == (["No text"], True)
        for command, field, title in (("sentiment", "review", "Positive"), ("continue", "prompt", "Continuation")):
            form = await wait_for_answer(await discord.slash(command))
            assert form.callbacks[0]["type"] == 9
            submitted = await wait_for_answer(await discord.submit(form, {field: "I loved it.\nEvery canary."}))
            assert submitted.titles == [title]
        process.send_signal(signal.SIGTERM)
        code, out, err = await wait_for_end(process)
    assert (code, out) == (0, "")
    assert "Traceback" not in err
    assert "the model demo is ready" in err
    assert "canary" not in err  # no bot token, no interaction token, no prompt
    assert discord.gateway.closed_with in (1000, 4000)  # a proper close, not a cut


PLACES = {
    "a member in a server": in_server(5, 1 << 31 | 1 << 11 | 1 << 10, EVERYTHING),
    "a member with no other permission": in_server(5, 1 << 31, EVERYTHING),
    "a moderator in a server": in_server(5, 1 << 31 | 1 << 13 | 1 << 11 | 1 << 10, EVERYTHING),
    "a channel that the bot cannot see or write to": in_server(5, EVERYTHING, 0),
    "a direct message with the bot": outside(5, 1),
    "a private channel among people": outside(5, 2),
}


async def test_everyone_can_use_every_command_everywhere(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path):
        await until_loaded(discord)
        for command in discord.commands[None]:
            assert command["default_member_permissions"] is None
            assert (sorted(command["contexts"]), sorted(command["integration_types"])) == ([0, 1, 2], [0, 1])
        outcomes: dict[tuple[str, str], list[str]] = {}
        for place, where in PLACES.items():
            for name, options, _ in EVERY_COMMAND:
                interaction = await wait_for_answer(await discord.slash(name, where=where, **options))
                outcomes[place, f"/{name}"] = interaction.titles
            for name, _ in EVERY_MENU:
                interaction = await wait_for_answer(await discord.menu(name, "I loved it.", where=where))
                outcomes[place, name] = interaction.titles
    expected = {**{f"/{name}": title for name, _, title in EVERY_COMMAND}, **dict(EVERY_MENU)}
    assert outcomes == {(place, name): [title] for place in PLACES for name, title in expected.items()}


async def test_on_sigterm_every_request_gets_an_answer(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started_fresh(port, cwd=tmp_path) as process:
        await until_loaded(discord)
        everyone = [
            await discord.slash("continue", user=user, prompt="Once", max_new_tokens=256, strategy="beam", num_beams=10)
            for user in range(10)
        ]
        for interaction in everyone:
            await until(interaction.acknowledged.is_set)
        process.send_signal(signal.SIGTERM)
        code, _, err = await wait_for_end(process)
    assert code == 0
    assert "Traceback" not in err
    titles = [title for interaction in everyone for title in interaction.titles]
    assert len(titles) == len(everyone)
    assert all(interaction.answered.is_set() for interaction in everyone)
    assert set(titles) <= {"Continuation", "Shutting down"}
    assert "Shutting down" in titles


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, "nightword: DISCORD_TOKEN is not set."),
        ("", "nightword: DISCORD_TOKEN is not set."),
        ("secret-canary", "nightword: DISCORD_TOKEN is malformed"),
    ],
)
async def test_a_missing_or_malformed_token_ends_the_bot(tmp_path: Path, token: str | None, message: str) -> None:
    async with started_fresh(9, cwd=tmp_path, token=token) as process:
        code, out, err = await wait_for_end(process)
    assert (code, out) == (78, "")
    assert only_line(err).startswith(message)


def reject_token(discord: Discord) -> None:
    discord.reject_token = True


def refuse_intents(discord: Discord) -> None:
    discord.gateway.refuse_with = 4014


def refuse_authentication(discord: Discord) -> None:
    discord.gateway.refuse_with = 4004


def require_sharding(discord: Discord) -> None:
    discord.gateway.refuse_with = 4011


@pytest.mark.parametrize(
    ("prepare", "expected_code", "message"),
    [
        (reject_token, 78, "nightword: Discord rejected DISCORD_TOKEN"),
        (refuse_authentication, 78, "nightword: Discord rejected DISCORD_TOKEN"),
        (refuse_intents, 78, "nightword: Discord refused an intent that the bot requests. Turn it on"),
        (
            require_sharding,
            1,
            "nightword: Discord cannot be reached: Discord closed the connection with code 4011 (a shard has more than "
            "2,500 servers: set BOT_SHARD_COUNT to a larger number, or leave it empty)",
        ),
    ],
)
async def test_a_refusal_by_discord_ends_the_bot(
    tmp_path: Path, prepare: Any, expected_code: int, message: str
) -> None:
    async with (
        discord_on_loopback(prepare) as (_, port),
        started(port, cwd=tmp_path, BOT_LOG_LEVEL="ERROR") as process,
    ):
        code, _, err = await wait_for_end(process)
    assert code == expected_code
    assert only_line(err).startswith(message)


async def test_an_unreachable_discord_ends_the_bot(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening, so connections are refused
        async with started(taken.getsockname()[1], cwd=tmp_path, BOT_LOG_LEVEL="ERROR") as process:
            code, _, err = await wait_for_end(process)
    assert code == 1
    assert only_line(err).startswith("nightword: Discord cannot be reached")


async def test_a_missing_model_ends_the_bot(tmp_path: Path) -> None:
    async with (
        discord_on_loopback() as (_, port),
        started(port, "--model", "./nowhere", cwd=tmp_path, BOT_LOG_LEVEL="ERROR") as process,
    ):
        code, _, err = await wait_for_end(process)
    assert code == 78
    assert only_line(err).startswith("nightword: The model ./nowhere cannot be used: this folder does not exist")
