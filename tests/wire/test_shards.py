"""Several shards in one process: what happens to one of them concerns its servers alone."""

import json
from pathlib import Path

from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.network import SERVERS, prepare_network, until_connected, watch_all
from tests.wire.objects import Json
from tests.wire.review_server import store_of
from tests.wire.running import patiently, started, until


def prepare_two(discord: Discord) -> None:
    """Recommend two shards, which a process without BOT_SHARD_COUNT connects."""
    prepare_network(discord)
    discord.gateway.shard_count = 2


async def test_a_new_session_of_a_shard_concerns_its_servers_alone(tmp_path: Path, sqlite_url: str) -> None:
    """Their channels are read again, and the data of a server that removed the bot meanwhile is deleted."""
    first, second = ([server for server in SERVERS if server.shard % 2 == shard] for shard in range(2))
    removed, *kept = second
    async with discord_on_loopback(prepare_two) as (discord, port):
        await watch_all(sqlite_url, discord)

        def reads() -> dict[str, int]:
            return {server.channel: discord.count(f"GET /channels/{server.channel}/messages") for server in SERVERS}

        async with started(port, cwd=tmp_path, BOT_REVIEWS="true", BOT_DATABASE_URL=sqlite_url):
            await until_connected(discord, range(2))
            await until(lambda: all(reads().values()))  # it has caught up with every server
            before = reads()
            discord.gateway.forgets_sessions = True
            discord.gateway.other_guilds = [
                guild for guild in discord.gateway.other_guilds if guild["id"] != removed.id
            ]
            await discord.gateway.drop(1)
            await until(lambda: all(reads()[server.channel] > before[server.channel] for server in kept))
            async with store_of(sqlite_url) as store:
                async for _ in patiently():
                    if int(removed.id) not in await store.places.guild_ids():
                        break
                assert {place.guild_id for place in await store.places.all()} == {
                    int(server.id) for server in (*first, *kept)
                }
        assert [identify.shard for identify in discord.gateway.identifies] == [0, 1, 1]
        assert [reads()[server.channel] - before[server.channel] for server in (*first, removed)] == [0, 0, 0, 0]
        assert discord.count("GET /guilds/") == discord.count(f"GET /guilds/{removed.id}") == 1


async def test_a_process_is_healthy_only_while_all_its_shards_are_connected(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"

    def heartbeat() -> Json:
        state: Json = json.loads(file.read_text())
        return state

    async with (
        discord_on_loopback(prepare_two) as (discord, port),
        started(port, cwd=tmp_path, BOT_HEARTBEAT_FILE=str(file)),
    ):
        await until_connected(discord, range(2))
        await until(lambda: heartbeat()["gateway"])
        discord.gateway.refuse_resume = True
        await discord.gateway.drop(1)
        await until(lambda: not heartbeat()["gateway"])
        assert 0 in discord.gateway.connected
        discord.gateway.refuse_resume = False
        await until(lambda: heartbeat()["gateway"])
