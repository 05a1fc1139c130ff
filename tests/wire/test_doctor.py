"""`nightword doctor` with nothing configured, with everything right, and with one problem at a time."""

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.wire.discord_peer import TOKEN, discord_on_loopback
from tests.wire.objects import APPLICATION, GUILD
from tests.wire.running import started, wait_for_end

SUBJECTS = [
    "settings", "versions", "threads", "model", "device", "processor", "cache", "disk", "memory", "token",
    "application", "intents", "installation", "servers", "permissions", "invite",
]  # fmt: skip


class Report:
    """The doctor's output, by subject."""

    def __init__(self, code: int | None, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        lines = [re.fullmatch(r"([✓✗–]) (\w+|all else) +(\S.*)", line) for line in out.splitlines()]
        self.lines = [(line[2], line[1], line[3]) for line in lines if line]

    def __getitem__(self, subject: str) -> tuple[str, str]:
        return next((mark, text) for name, mark, text in self.lines if name == subject)

    @property
    def bad(self) -> list[str]:
        return [subject for subject, mark, _ in self.lines if mark == "✗"]


async def doctor(port: int, cwd: Path, *arguments: str, token: str | None = TOKEN, **settings: str) -> Report:
    async with started(port, *arguments, cwd=cwd, command="doctor", token=token, **settings) as process:
        return Report(*await wait_for_end(process))


def own_cache(folder: Path) -> dict[str, str]:
    """Return settings for a model cache in this folder, which also start the doctor in a fresh interpreter."""
    return {"HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}


async def test_with_nothing_configured_each_line_says_what_to_do(tmp_path: Path) -> None:
    report = await doctor(9, tmp_path, token=None, BOT_MODEL="", **own_cache(tmp_path))
    assert (report.code, report.err) == (78, "")
    assert [subject for subject, _, _ in report.lines] == SUBJECTS
    assert report.bad == ["model", "token"]
    assert report["model"][1].startswith("The model Qwen/Qwen2-0.5B cannot be used: ")
    assert "BOT_MODEL=demo and local folders need no network." in report["model"][1]
    assert report["token"][1].startswith("DISCORD_TOKEN is not set. Copy your bot's token")
    for subject in SUBJECTS[10:15]:
        assert report[subject] == ("–", "not checked until Discord accepts the token.")
    assert report["invite"][1].startswith("the link appears here once DISCORD_TOKEN is valid.")
    assert report.out.endswith("\n2 problems found (marked ✗).\n")


async def test_if_everything_is_right_no_line_is_marked(tmp_path: Path) -> None:
    async with discord_on_loopback() as (_, port):
        report = await doctor(port, tmp_path, **own_cache(tmp_path))
    assert (report.code, report.err, report.bad) == (0, "", [])
    assert report["token"] == ("✓", "accepted by Discord; the bot is Nightword")
    assert report["application"] == ("✓", f"Nightword, id {APPLICATION}; anyone can invite it")
    assert report["model"][1].startswith("demo, 5,773,568 parameters, in ")
    assert report["servers"] == ("✓", "the bot is in 1")
    scopes, permissions = "scope=bot+applications.commands", "permissions=274877959168"
    link = f"https://discord.com/oauth2/authorize?client_id={APPLICATION}&{scopes}&{permissions}"
    assert report["invite"] == ("–", f"to a server: {link}")
    assert "canary" not in report.out


async def test_with_review_channels_intent_history_and_database_are_checked_too(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        without = await doctor(
            port, tmp_path, BOT_REVIEWS="true", BOT_DATABASE_URL="sqlite+aiosqlite:////no/reviews.db"
        )
        discord.application["flags"] = 1 << 19  # GATEWAY_MESSAGE_CONTENT_LIMITED
        with_it = await doctor(port, tmp_path, BOT_REVIEWS="true")
    assert without.bad == ["database", "intents"]
    assert without["database"][1].startswith("The database of BOT_DATABASE_URL cannot be used: ")
    assert without["intents"][1].startswith("off: Message Content Intent. To turn on: ")
    assert (with_it.code, with_it.bad) == (0, [])
    assert with_it["intents"] == ("✓", "Message Content Intent")
    assert with_it["database"] == ("✓", f"SQLite, {tmp_path / 'nightword.db'}")
    assert "permissions=274878024768" in with_it["invite"][1]  # with Read Message History and Add Reactions


@pytest.mark.parametrize(
    ("change", "subject", "text"),
    [
        ({"interactions_endpoint_url": "https://example.org"}, "application", "it has an Interactions Endpoint URL"),
        ({"bot_require_code_grant": True}, "application", "it requires an OAuth2 code grant"),
        (
            {"integration_types_config": {"1": {}}},
            "installation",
            "it can't be installed in servers. Tick Guild Install",
        ),
    ],
)
async def test_a_wrong_application_setting_is_reported(tmp_path: Path, change: Any, subject: str, text: str) -> None:
    async with discord_on_loopback(lambda discord: discord.application.update(change)) as (_, port):
        report = await doctor(port, tmp_path)
    assert (report.code, report.bad) == (78, [subject])
    assert report[subject][1].startswith(text)


async def test_servers_with_too_few_permissions_are_named(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.guilds += [
            {"id": "5", "name": "Writers", "permissions": str(1 << 10 | 1 << 11 | 1 << 15 | 1 << 38)},
            {"id": "6", "name": "Rulers", "permissions": str(1 << 3)},  # administrator
        ]
        report = await doctor(port, tmp_path)
        discord.guilds = []
        nowhere = await doctor(port, tmp_path)
    assert report.bad == ["permissions"]
    assert report["permissions"][1] == "missing in Writers: Embed Links. Invite the bot again with the link below."
    assert (nowhere.code, nowhere["servers"]) == (
        0,
        ("–", "the bot is in no server yet. Open the link below to invite it."),
    )


async def test_a_rejected_token_and_an_unreachable_discord(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.reject_token = True
        rejected = await doctor(port, tmp_path)
    unreachable = await doctor(port, tmp_path)
    for report, text in ((rejected, "Discord rejected DISCORD_TOKEN"), (unreachable, "Discord cannot be reached")):
        assert (report.code, report.err, report.bad) == (78, "", ["token"])
        assert report["token"][1].startswith(text)
        assert f"client_id={APPLICATION}" in report["invite"][1]  # the token begins with the application's id


async def test_problems_of_the_settings_and_the_machine_are_reported(tmp_path: Path) -> None:
    async with discord_on_loopback() as (_, port):
        threads = await doctor(port, tmp_path, BOT_THREADS="1000")
        wrong = await doctor(port, tmp_path, BOT_DTYPE="float7")
        misspelt = await doctor(port, tmp_path, BOT_GUILD_ID="5", BOT_ZZZ="1")
        nowhere = await doctor(port, tmp_path, BOT_HEARTBEAT_FILE="./no/heartbeat")
        device = await doctor(port, tmp_path, BOT_DEVICE="mps" if sys.platform != "darwin" else "cuda")
        absent = await doctor(port, tmp_path, BOT_GUILD_IDS=f"5,{GUILD}")
    assert threads.bad == ["threads"]
    assert threads["threads"][1].startswith("BOT_THREADS is 1000, but this process can use ")
    assert (wrong.code, wrong.bad) == (78, ["settings"])
    assert wrong["settings"][1].startswith("BOT_DTYPE has an invalid value")
    assert misspelt["settings"][1] == (
        "BOT_GUILD_ID is not a setting; did you mean BOT_GUILD_IDS? BOT_ZZZ is not a setting. Correct or remove them."
    )
    assert nowhere["settings"][1].startswith("BOT_HEARTBEAT_FILE names no/heartbeat, whose folder doesn't exist")
    assert device.bad == ["device"]
    assert "Set BOT_DEVICE=auto or cpu." in device["device"][1]
    assert absent.bad == ["servers"]
    assert absent["servers"][1].startswith("BOT_GUILD_IDS names 5, but the bot isn't a member there.")


@asynccontextmanager
async def hub(size: int, parameters: int) -> AsyncIterator[str]:
    """Yield the address of a hub whose only model has this size in bytes and this number of parameters."""

    async def model(_: web.Request) -> web.Response:
        files = [{"rfilename": name, "size": 1} for name in ("config.json", "tokenizer.json", "pytorch_model.bin")]
        files.append({"rfilename": "model.safetensors", "size": size})
        weights = {"parameters": {"F32": parameters}, "total": parameters}
        return web.json_response({"id": "some/model", "siblings": files, "safetensors": weights})

    app = web.Application()
    app.add_routes([web.get("/api/models/some/model", model)])
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


async def test_a_hub_model_s_size_is_compared_with_disk_and_memory_without_a_download(tmp_path: Path) -> None:
    model = {**own_cache(tmp_path), "BOT_MODEL": "some/model", "HF_HUB_OFFLINE": "0"}
    async with discord_on_loopback() as (_, port):
        async with hub(size=10**9, parameters=250_000_000) as address:
            fits = await doctor(port, tmp_path, HF_ENDPOINT=address, **model)
        async with hub(size=10**16, parameters=10**15) as address:
            huge = await doctor(port, tmp_path, HF_ENDPOINT=address, **model)
        async with hub(size=10**6, parameters=psutil.virtual_memory().available // 5) as address:
            halved = await doctor(port, tmp_path, HF_ENDPOINT=address, **model)
    assert (fits.code, fits.bad) == (0, [])
    assert fits["model"][1] == ("some/model, 250,000,000 parameters, on the hub; 1.0 GB to download at the first start")
    assert fits["memory"][1].endswith("the bot needs about 2.9 GB")
    assert (huge.code, huge.bad) == (78, ["disk", "memory"])
    assert "but the model needs 10,000,000.0 GB. Free some space, or set HF_HOME" in huge["disk"][1]
    assert "some/model in float32 needs about 6,000,001.4 GB" in huge["memory"][1]
    assert huge["memory"][1].endswith(" Provide more memory, or choose a smaller BOT_MODEL.")
    assert "Provide more memory, set BOT_DTYPE=bfloat16, or choose a smaller BOT_MODEL." in halved["memory"][1]
    assert not (tmp_path / "cache").exists()


async def test_some_shards_need_a_database_that_processes_can_share(tmp_path: Path) -> None:
    shards = {"BOT_SHARD_COUNT": "6", "BOT_SHARD_IDS": "0, 1"}
    async with discord_on_loopback() as (discord, port):
        sqlite = await doctor(port, tmp_path, **shards)
        gone = await doctor(port, tmp_path, BOT_DATABASE_URL="postgresql://bot@127.0.0.1:1/reviews", **shards)
        discord.gateway.shard_count = 8
        alone = await doctor(port, tmp_path, BOT_SHARD_COUNT="6")
    assert sqlite.bad == ["shards"]
    assert sqlite["shards"][1].startswith("BOT_SHARD_IDS names 2 of 6 shards, so other processes have the rest, and")
    assert gone["shards"] == ("✓", "0, 1 of 6 in this process")
    assert gone.bad == ["database"]
    assert alone.bad == []
    first, second = [(mark, text) for subject, mark, text in alone.lines if subject == "shards"]
    assert first == ("✓", "all of 6 in this process")
    assert second[0] == "–"
    assert second[1].startswith("Discord recommends 8, but BOT_SHARD_COUNT is 6.")


@pytest.mark.parametrize(
    ("shards", "problem"),
    [
        ({"BOT_SHARD_IDS": "0"}, "BOT_SHARD_IDS needs BOT_SHARD_COUNT"),
        ({"BOT_SHARD_COUNT": "6", "BOT_SHARD_IDS": ","}, "BOT_SHARD_IDS names no shard."),
        ({"BOT_SHARD_COUNT": "6", "BOT_SHARD_IDS": "6"}, "BOT_SHARD_IDS names shard 6, which doesn't exist."),
        ({"BOT_SHARD_COUNT": "6", "BOT_SHARD_IDS": "2,2"}, "BOT_SHARD_IDS names shard 2 more than once."),
    ],
)
async def test_wrong_shard_ids_are_reported_in_one_line(tmp_path: Path, shards: dict[str, str], problem: str) -> None:
    report = await doctor(9, tmp_path, **shards)
    assert (report.code, report.bad) == (78, ["settings"])
    assert report["settings"][1].startswith(problem)


async def test_requests_go_through_the_proxy(tmp_path: Path) -> None:
    async with discord_on_loopback() as (_, port):
        report = await doctor(9, tmp_path, BOT_DISCORD_PROXY_URL=f"http://127.0.0.1:{port}")
    assert (report.code, report.bad) == (0, [])
