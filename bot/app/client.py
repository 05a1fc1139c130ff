"""The composition root: builds executor and bot, loads the commands, owns their lifetime."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.answers.client import BotClient, OpenAnswers, Turns
from bot.answers.details import DetailsButton, ReplayButton
from bot.answers.error_reply import CommandTree
from bot.answers.picture_receipts import PictureReceipts
from bot.app.command_sync import sync_commands
from bot.app.gateway import GatewayStatus
from bot.app.heartbeat import Heartbeat
from bot.app.login import intents
from bot.app.metrics import Metrics
from bot.engine.executor import ModelExecutor
from bot.errors import BotError
from bot.features import feature_modules
from bot.features.review.access import Reviews
from bot.settings import Settings

if TYPE_CHECKING:  # the database's packages take a third of a second to import, and most bots need none
    from bot.app.processes import Processes
    from bot.storage.database import Database

DRAIN_SECONDS = 8.0  # at shutdown, to compute the accepted requests
ANSWER_SECONDS = 5.0  # at shutdown, to send the last answers to Discord


class Nightword(BotClient):
    """The bot: slash commands over one model executor, which it starts and closes.

    Raises InvalidSettings if the heartbeat file can't be written.
    """

    def __init__(self, settings: Settings, executor: ModelExecutor, metrics: Metrics | None = None) -> None:
        self.metrics = self.observer = metrics or Metrics()
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # the bot doesn't use voice
        super().__init__(
            shard_count=settings.shard_count,
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents(settings),
            allowed_mentions=discord.AllowedMentions.none(),
            tree_cls=CommandTree,
            http_trace=self.metrics.http_trace(),
        )
        self.metrics.listen(self)
        self.shard_ids = None if settings.shard_ids is None else list(settings.shard_ids)
        self.connected_shards = set()
        self.gateway = GatewayStatus(self, self.connected_shards, self.metrics.reconnect)
        self.settings = settings
        self.executor = executor
        self.open_answers = OpenAnswers()
        self.turns = Turns()
        self.picture_receipts = PictureReceipts()
        self.reviews: Reviews | None = None
        self.failure: asyncio.Queue[BotError] = asyncio.Queue()  # what ends the bot, found outside its connection
        self._processes: Processes | None = None
        self.database: Database | None = None
        self.is_draining = False
        self._has_left_gateway = False
        file = settings.heartbeat_file
        self._heartbeat = None if file is None else Heartbeat(executor, self.is_connected, file)

    async def setup_hook(self) -> None:
        """Start loading the model, add the commands and register them with Discord."""
        self.executor.start()
        if not self.settings.shards.has_all:  # before anything else that another process with these shards would do too
            from bot.app.processes import Processes

            self._processes = Processes(self.settings, self.failure.put_nowait)
            await self._processes.join(self)
        if self.settings.reviews:
            from bot.features.review.reader import ReviewReader
            from bot.storage.database import Database

            self.database = Database(self.settings.database_url.get_secret_value())
            reader = ReviewReader(self, self.database, self.executor)
            await self.add_cog(reader)
            self.reviews = reader
        await add_commands(self)
        # These buttons are below the answers of every command, including those of earlier runs.
        self.add_dynamic_items(DetailsButton, ReplayButton)
        if self._heartbeat is not None:
            await self.add_cog(self._heartbeat)
        if self.settings.shards.has_first:  # the commands belong to the bot, not to a process
            await sync_commands(self, self.settings.guild_ids)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Wait until this shard can connect. The library calls this before a new session, not before a resumed one."""
        if self._processes is None:
            await super().before_identify_hook(shard_id, initial=initial)
        else:
            await self._processes.wait_for_turn(shard_id or 0)
        # The new session lists the servers that the bot is in. With several shards the library keeps the others, too.
        for guild in [guild for guild in self.guilds if guild.shard_id == shard_id]:
            self._connection._remove_guild(guild)

    def is_connected(self) -> bool:
        """Return whether all shards of this process are connected."""
        return not self.gateway.problem

    async def close(self) -> None:
        """Refuse new requests, finish the accepted ones or report their failure to their users, then disconnect.

        The gateway is left before the last answers are sent. Otherwise an interaction could arrive too late for its
        answer, and its user would see "thinking…" for 15 minutes.
        """
        self.is_draining = True
        await asyncio.to_thread(self.executor.close, DRAIN_SECONDS)
        await self._leave_gateway()
        await self.open_answers.finish(ANSWER_SECONDS)
        await super().close()
        if self._processes is not None:
            await self._processes.leave()

    def is_closed(self) -> bool:
        """Return whether the bot receives no more events, or will not soon."""
        return self._has_left_gateway or super().is_closed()

    async def _leave_gateway(self) -> None:
        """Close the gateway's connections for good. Answers can still be sent."""
        self._has_left_gateway = True  # from now on, the library doesn't reconnect
        with contextlib.suppress(TimeoutError):  # a connection that hangs is cut when the process ends
            async with asyncio.timeout(ANSWER_SECONDS):
                await asyncio.gather(*(shard.disconnect() for shard in self.shards.values()))


async def add_commands(bot: BotClient) -> None:
    """Add the commands of every feature: each has a `command` module with a `setup(bot)`."""
    for module in feature_modules("command", "commands"):
        await module.setup(bot)
