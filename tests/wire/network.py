"""A bot with six shards, one server on each, and the processes that share them and one PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.wire.discord_peer import Discord
from tests.wire.forked import BotProcess
from tests.wire.objects import Json, in_server
from tests.wire.people import EVERYTHING, MEMBER
from tests.wire.review_server import grant_message_content, post_review, review_server, store_of
from tests.wire.running import patiently, started, until, wait_for_answer

SHARDS = 6
DIGEST = "The week in review"
SPLIT = ("0,1", "2,3", "4,5")


@dataclass(frozen=True)
class Server:
    """A server on a shard of its own."""

    shard: int

    @property
    def id(self) -> str:
        return str((10_000 * SHARDS + self.shard) << 22)

    @property
    def channel(self) -> str:
        return str(int(self.id) + 1)

    @property
    def log(self) -> str:
        return str(int(self.id) + 2)

    def where(self, user: int) -> Json:
        """Return the part of an interaction about a member here."""
        return in_server(user, MEMBER, EVERYTHING, self.channel, guild_id=self.id)

    def post(self, discord: Discord, text: str, author: int = 0) -> Json:
        """Post a review without sending an event."""
        return post_review(discord, text, author, guild_id=self.id, channel_id=self.channel)


SERVERS = tuple(Server(shard) for shard in range(SHARDS))


def prepare_network(discord: Discord) -> None:
    """Put the bot into the servers, and let all its shards connect at once."""
    grant_message_content(discord)
    discord.gateway.shard_count = discord.gateway.max_concurrency = SHARDS
    discord.gateway.guild, *discord.gateway.other_guilds = [
        review_server(server.id, server.channel, server.log) for server in SERVERS
    ]
    discord.guilds = [{"id": server.id, "name": "Readers", "permissions": str(EVERYTHING)} for server in SERVERS]


async def watch_all(url: str, discord: Discord, *, flag_below: float | None = None) -> None:
    """Watch the channel of every server from now on. With a threshold, set it live."""
    async with store_of(url) as store:
        for server in SERVERS:
            await store.places.watch(
                int(server.channel), int(server.id), flag_below=flag_below,
                log_channel_id=None if flag_below is None else int(server.log), watched_by=1,
                last_message_id=int(discord.snowflake()), urgent_below=0.0,
            )  # fmt: skip
            if flag_below is not None:
                await store.places.set_live(int(server.channel), True)


def settings_of(shard_ids: str, url: str) -> dict[str, str]:
    return {
        "BOT_SHARD_COUNT": str(SHARDS), "BOT_SHARD_IDS": shard_ids, "BOT_REVIEWS": "true", "BOT_DATABASE_URL": url,
    }  # fmt: skip


@asynccontextmanager
async def processes(
    port: int, cwd: Path, url: str, split: Sequence[str] = SPLIT, **settings: str
) -> AsyncIterator[list[BotProcess]]:
    """Start a process for each part of the shards, all at once."""
    async with AsyncExitStack() as stack:
        starting = (
            stack.enter_async_context(started(port, cwd=cwd, **settings_of(shard_ids, url), **settings))
            for shard_ids in split
        )
        yield list(await asyncio.gather(*starting))


async def until_connected(discord: Discord, shards: Sequence[int] = range(SHARDS)) -> None:
    """Wait until these shards are connected, and answer questions."""
    await until(lambda: discord.gateway.connected.issuperset(shards))
    for shard in shards:
        async for _ in patiently():
            where = SERVERS[shard].where(1)
            interaction = await wait_for_answer(await discord.slash("tokenize", text="ready?", where=where))
            if interaction.titles != ["Still loading"]:
                break


def digests(discord: Discord) -> list[str]:
    """Return the log channel of each weekly digest."""
    logs = {server.log for server in SERVERS}
    posted = [message for message in discord.posted if message["channel_id"] in logs]
    return sorted(message["channel_id"] for message in posted if message["embeds"][0]["title"] == DIGEST)


class Fleet:
    """The processes of the bot, each of which can be killed and started again."""

    def __init__(self, port: int, cwd: Path, url: str) -> None:
        self._port, self._cwd, self._url = port, cwd, url
        self._stacks = [AsyncExitStack() for _ in SPLIT]
        self._processes: list[BotProcess] = []

    async def __aenter__(self) -> "Fleet":
        for number, stack in enumerate(self._stacks):
            self._processes.append(await stack.enter_async_context(self._start(number)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for stack in self._stacks:
            await stack.aclose()

    def _start(self, number: int) -> AbstractAsyncContextManager[BotProcess]:
        return started(self._port, cwd=self._cwd, **settings_of(SPLIT[number], self._url))

    async def replace(self, number: int) -> None:
        """Kill a process and start it again."""
        self._processes[number].kill()
        await self._stacks[number].aclose()
        self._processes[number] = await self._stacks[number].enter_async_context(self._start(number))
