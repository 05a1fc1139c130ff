"""Which commands Discord has after a start; unchanged commands are not synced again."""

import signal
from pathlib import Path

import pytest

from bot.questions.options import OPTIONS
from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.objects import APPLICATION, GUILD
from tests.wire.rest import Fault
from tests.wire.running import PROMPT, only_line, started, until, until_loaded, wait_for_answer, wait_for_end

OTHER = "444444444444444444"
SYNC = "PUT /applications"
COMMANDS = set(OPTIONS) - {"measure", "diff", "replay"}  # they are only in the terminal
MENUS = {"Score sentiment", "Tokenize", "X-ray"}


async def count_syncs(discord: Discord, port: int, cwd: Path, **settings: str) -> int:
    """Start and stop the bot, and return how often it synced."""
    before = discord.count(SYNC)
    discord.gateway.ready.clear()
    async with started(port, cwd=cwd, **settings) as process:
        await until(discord.gateway.ready.is_set)
        process.send_signal(signal.SIGTERM)
        assert (await wait_for_end(process))[0] == 0
    return discord.count(SYNC) - before


async def test_a_second_start_syncs_nothing_and_a_change_is_synced(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        assert await count_syncs(discord, port, tmp_path) == 1
        synced = discord.commands[None]
        assert len(synced) == len(COMMANDS) + len(MENUS)
        assert await count_syncs(discord, port, tmp_path) == 0
        topk = next(command for command in discord.commands[None] if command["name"] == "topk")
        for changed in ("description", "default_member_permissions", "contexts", "options"):
            kept = topk[changed]
            topk[changed] = {"description": "x", "default_member_permissions": "8", "contexts": [0], "options": []}[
                changed
            ]
            assert await count_syncs(discord, port, tmp_path) == 1, changed
            topk = next(command for command in discord.commands[None] if command["name"] == "topk")
            assert topk[changed] == kept
        discord.commands[None].append({**topk, "name": "removed-since"})
        assert await count_syncs(discord, port, tmp_path) == 1
        assert [command["name"] for command in discord.commands[None]] == [command["name"] for command in synced]


async def test_with_guild_ids_only_those_servers_have_the_commands(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.guilds.append({"id": OTHER, "name": "Writers", "permissions": "0"})
        names = COMMANDS | MENUS
        await count_syncs(discord, port, tmp_path)

        def registered_names() -> dict[str | None, set[str]]:
            names = {scope: {command["name"] for command in commands} for scope, commands in discord.commands.items()}
            return {scope: commands for scope, commands in names.items() if commands}

        assert registered_names() == {None: names}
        both = f"{GUILD}, {OTHER}"
        assert await count_syncs(discord, port, tmp_path, BOT_GUILD_IDS=both) == 3
        assert registered_names() == {GUILD: names, OTHER: names}
        assert await count_syncs(discord, port, tmp_path, BOT_GUILD_IDS=both) == 0
        discord.gateway.ready.clear()
        async with started(port, cwd=tmp_path, BOT_GUILD_IDS=GUILD):
            await until_loaded(discord)
            assert registered_names() == {GUILD: names}
            assert (await wait_for_answer(await discord.slash("topk", prompt=PROMPT))).titles == ["Next token"]
            assert (await wait_for_answer(await discord.menu("Tokenize", PROMPT))).titles == ["tokens"]
        assert await count_syncs(discord, port, tmp_path) == 2
        assert registered_names() == {None: names}


async def test_a_server_that_refuses_the_commands_ends_the_bot_with_a_remedy(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.closed_guilds.add(OTHER)
        async with started(port, cwd=tmp_path, BOT_GUILD_IDS=OTHER, BOT_LOG_LEVEL="ERROR") as process:
            code, _, err = await wait_for_end(process)
    assert code == 78
    assert only_line(err).startswith(f"nightword: BOT_GUILD_IDS names the server {OTHER}, which refused")
    assert discord.commands == {None: []}


EVERYWHERE = f"/applications/{APPLICATION}/commands"
IN_OTHER = f"/applications/{APPLICATION}/guilds/{OTHER}/commands"
FORBIDDEN, UNKNOWN = Fault(403, body={"code": 50001, "message": "Missing Access"}), Fault(404)
OUTAGE, CUT = Fault(503), Fault(cuts=True)
LEFT_OVER = {"id": "1", "name": "left-over", "type": 1, "description": "of an earlier BOT_GUILD_IDS", "options": []}


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (f"GET {IN_OTHER}", FORBIDDEN),
        (f"GET {IN_OTHER}", UNKNOWN),
        (f"GET {IN_OTHER}", OUTAGE),
        (f"GET {IN_OTHER}", CUT),
        (f"PUT {IN_OTHER}", FORBIDDEN),
        (f"PUT {IN_OTHER}", OUTAGE),
        ("GET /users/@me/guilds", FORBIDDEN),
        ("GET /users/@me/guilds", OUTAGE),
        ("GET /users/@me/guilds", CUT),
    ],
)
async def test_a_failed_search_for_leftover_commands_does_not_end_the_bot(
    tmp_path: Path, request_: str, fault: Fault
) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.guilds.append({"id": OTHER, "name": "Writers", "permissions": "0"})
        discord.commands[OTHER] = [dict(LEFT_OVER)]
        discord.request_faults[request_] = fault
        async with started(port, cwd=tmp_path) as process:
            await until_loaded(discord)
            assert (await wait_for_answer(await discord.slash("topk", prompt=PROMPT))).titles == ["Next token"]
            process.send_signal(signal.SIGTERM)
            code, _, err = await wait_for_end(process)
        assert discord.count(request_) <= 2, "an optional request is not repeated, except by aiohttp after a cut"
    assert (code, "Traceback" in err) == (0, False)
    assert "commands from an earlier BOT_GUILD_IDS" in err
    assert (f"server {OTHER}" in err) == (OTHER in request_)


async def test_one_server_that_refuses_does_not_end_the_search(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.guilds = [{"id": OTHER, "name": "Writers", "permissions": "0"}, *discord.guilds]
        discord.commands[GUILD] = [dict(LEFT_OVER)]
        discord.request_faults[f"GET {IN_OTHER}"] = FORBIDDEN
        await count_syncs(discord, port, tmp_path)
    assert discord.commands[GUILD] == []


async def test_an_outage_ends_the_search_and_not_the_bot(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.guilds = [{"id": str(int(OTHER) + n), "name": "Writers", "permissions": "0"} for n in range(20)]
        search = f"GET /applications/{APPLICATION}/guilds/"
        discord.request_faults[search] = OUTAGE
        await count_syncs(discord, port, tmp_path)
        assert discord.count(search) == 1


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_global_commands_that_cannot_be_removed_do_not_end_a_bot_with_guild_ids(
    tmp_path: Path, method: str
) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.commands[None] = [dict(LEFT_OVER)]
        discord.request_faults[f"{method} {EVERYWHERE}"] = OUTAGE
        async with started(port, cwd=tmp_path, BOT_GUILD_IDS=GUILD) as process:
            await until_loaded(discord)
            process.send_signal(signal.SIGTERM)
            code, _, err = await wait_for_end(process)
    assert (code, "Traceback" in err) == (0, False)
    assert "could not remove the global commands of an earlier start" in err


@pytest.mark.parametrize(
    ("request_", "settings"),
    [
        ("GET /users/@me", {}),
        ("GET /oauth2/applications/@me", {}),
        (f"GET {EVERYWHERE}", {}),
        (f"PUT {EVERYWHERE}", {}),
        (f"GET {IN_OTHER}", {"BOT_GUILD_IDS": OTHER}),
        (f"PUT {IN_OTHER}", {"BOT_GUILD_IDS": OTHER}),
    ],
)
async def test_a_failed_required_request_ends_the_bot_and_is_named(
    tmp_path: Path, request_: str, settings: dict[str, str]
) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.request_faults[request_] = OUTAGE
        async with started(port, cwd=tmp_path, **settings, BOT_LOG_LEVEL="ERROR") as process:
            code, _, err = await wait_for_end(process)
    assert code == 1
    assert only_line(err) == (
        f"nightword: Discord cannot be reached: Discord answered {request_} with status 503. Check this "
        "machine's network and discordstatus.com, then start the bot again.\n"
    )


async def test_an_unknown_server_is_a_setting_to_change(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.request_faults[f"GET {IN_OTHER}"] = UNKNOWN
        async with started(port, cwd=tmp_path, BOT_GUILD_IDS=OTHER, BOT_LOG_LEVEL="ERROR") as process:
            code, _, err = await wait_for_end(process)
    assert code == 78
    assert only_line(err).startswith(f"nightword: BOT_GUILD_IDS names the server {OTHER}, which refused")
