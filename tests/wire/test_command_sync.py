"""Which commands Discord knows after a start, and that nothing is synced twice."""

import signal
from pathlib import Path

from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.objects import GUILD
from tests.wire.running import PROMPT, answered, ended, only_line, started, until_loaded

OTHER = "444444444444444444"
SYNC = "PUT /applications"


async def one_start(discord: Discord, port: int, cwd: Path, **settings: str) -> int:
    """Start and stop the bot; return how often it synced."""
    before = discord.count(SYNC)
    discord.gateway.ready.clear()
    async with started(port, cwd=cwd, **settings) as process:
        await discord.gateway.ready.wait()
        process.send_signal(signal.SIGTERM)
        assert (await ended(process))[0] == 0
    return discord.count(SYNC) - before


async def test_a_second_start_syncs_nothing_and_a_change_is_synced(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        assert await one_start(discord, port, tmp_path) == 1
        synced = discord.commands[None]
        assert len(synced) == 13
        assert await one_start(discord, port, tmp_path) == 0
        topk = next(command for command in discord.commands[None] if command["name"] == "topk")
        for changed in ("description", "default_member_permissions", "contexts", "options"):
            kept = topk[changed]
            topk[changed] = {"description": "x", "default_member_permissions": "8", "contexts": [0], "options": []}[
                changed
            ]
            assert await one_start(discord, port, tmp_path) == 1, changed
            topk = next(command for command in discord.commands[None] if command["name"] == "topk")
            assert topk[changed] == kept
        discord.commands[None].append({**topk, "name": "removed-since"})
        assert await one_start(discord, port, tmp_path) == 1
        assert [command["name"] for command in discord.commands[None]] == [command["name"] for command in synced]


async def test_servers_under_development_have_the_commands_alone(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.guilds.append({"id": OTHER, "name": "Writers", "permissions": "0"})
        commands = {"topk", "continue", "sentiment", "tokenize", "model", "help", "xray", "compare", "sampler", "guess"}
        names = commands | {"Score sentiment", "Tokenize", "X-ray"}
        await one_start(discord, port, tmp_path)

        def registered() -> dict[str | None, set[str]]:
            found = {scope: {one["name"] for one in commands} for scope, commands in discord.commands.items()}
            return {scope: commands for scope, commands in found.items() if commands}

        assert registered() == {None: names}
        both = f"{GUILD}, {OTHER}"
        assert await one_start(discord, port, tmp_path, BOT_GUILD_IDS=both) == 3
        assert registered() == {GUILD: names, OTHER: names}
        assert await one_start(discord, port, tmp_path, BOT_GUILD_IDS=both) == 0
        discord.gateway.ready.clear()
        async with started(port, cwd=tmp_path, BOT_GUILD_IDS=GUILD):
            await until_loaded(discord)
            assert registered() == {GUILD: names}
            assert (await answered(await discord.slash("topk", prompt=PROMPT))).titles == ["Next token"]
            assert (await answered(await discord.menu("Tokenize", PROMPT))).titles == ["tokens"]
        assert await one_start(discord, port, tmp_path) == 2
        assert registered() == {None: names}


async def test_a_server_that_does_not_take_them_ends_the_bot_with_a_remedy(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port):
        discord.closed_guilds.add(OTHER)
        async with started(port, cwd=tmp_path, BOT_GUILD_IDS=OTHER, BOT_LOG_LEVEL="ERROR") as process:
            code, _, err = await ended(process)
    assert code == 78
    assert only_line(err).startswith(f"nightword: BOT_GUILD_IDS names the server {OTHER}, which does not take")
    assert discord.commands == {None: []}
