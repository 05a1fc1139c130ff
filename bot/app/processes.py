"""What the processes of a bot agree on in their database: who has which shards, and whose turn it is to IDENTIFY."""

import asyncio
import logging
from collections.abc import Callable

import discord

from bot.errors import BotError, TurnNotTaken
from bot.settings import Settings
from bot.storage.turns import ProcessTurns, ShardClaim

WAIT_SECONDS = 45.0  # the library gives up on a reconnection after 60 seconds
KEEP_SECONDS = 5.5  # Discord's 5 seconds, and the differences between the times that IDENTIFYs take to arrive

log = logging.getLogger(__name__)


class Processes:
    """The place of this process among those that share a bot's shards, and one PostgreSQL database."""

    def __init__(self, settings: Settings, fail: Callable[[BotError], None]) -> None:
        """Call `fail` with the reason if this process can't go on."""
        self._url = settings.database_url.get_secret_value()
        self._claim = ShardClaim(self._url, settings.shards.ids, wait_seconds=WAIT_SECONDS)
        self._turns: ProcessTurns | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._fail = fail

    async def join(self, client: discord.AutoShardedClient) -> None:
        """Claim this process's shards, and ask Discord how many can IDENTIFY at the same time.

        Raises ShardsTaken, DatabaseUnavailable and discord.GatewayNotFound.
        """
        await self._claim.take()
        self._keeping = asyncio.create_task(self._keep_shards())
        # Discord accepts so many IDENTIFYs in 5 seconds: one in each bucket, which is the shard's id modulo this
        # number. discord.py knows only its own process.
        buckets = (await client.fetch_session_start_limits()).max_concurrency
        self._turns = ProcessTurns(self._url, max(1, buckets), wait_seconds=WAIT_SECONDS, keep_seconds=KEEP_SECONDS)

    async def wait_for_turn(self, shard_id: int) -> None:
        """Wait until a shard can IDENTIFY. If its turn doesn't come, this process fails and the wait has no end."""
        assert self._turns is not None  # noqa: S101  # shards connect after `join`
        try:
            await self._turns.take(shard_id)
        except TurnNotTaken as error:
            # An error would make the library try the shard again, without an end.
            log.error("%s", error)  # noqa: TRY400  # it says everything
            self._fail(error)
            closed: asyncio.Future[None] = asyncio.Future()
            await closed

    async def leave(self) -> None:
        """Give up the shards, so that another process can have them."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._turns is not None:
            await self._turns.close()
        await self._claim.close()

    async def _keep_shards(self) -> None:
        try:
            await self._claim.keep()
        except BotError as error:
            log.error("%s", error)  # noqa: TRY400  # as above
            self._fail(error)
