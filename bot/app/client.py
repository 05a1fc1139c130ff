"""The composition root: builds executor and bot, loads the commands, owns their lifetime."""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.answers.client import BotClient, OpenAnswers, Turns
from bot.answers.details import DetailsButton, ReplayButton
from bot.answers.error_reply import CommandTree
from bot.app.command_sync import PROBLEMS, sync_commands
from bot.app.gateway import GatewayStatus
from bot.app.heartbeat import Heartbeat
from bot.app.login import INTENTS, intents
from bot.app.metrics import Metrics
from bot.engine.executor import ModelExecutor
from bot.features import feature_modules
from bot.features.review.access import ReviewCog, Reviews
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.storage.database import Database

DRAIN_SECONDS = 8.0  # at shutdown, to compute the accepted requests
ANSWER_SECONDS = 5.0  # at shutdown, to send the last answers to Discord
log = logging.getLogger(__name__)


class Nightword(BotClient):
    """The bot: slash commands over one model executor, which it starts and closes.

    Raises InvalidSettings if the heartbeat file can't be written.
    """

    def __init__(self, settings: Settings, executor: ModelExecutor, metrics: Metrics | None = None) -> None:
        self.metrics = self.observer = metrics or Metrics()
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # the bot doesn't use voice
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents(settings),
            allowed_mentions=discord.AllowedMentions.none(),
            tree_cls=CommandTree,
            http_trace=self.metrics.http_trace(),
        )
        self.metrics.listen(self)
        self.gateway = GatewayStatus(self, self.metrics.reconnect)
        self.settings = settings
        self.executor = executor
        self.open_answers = OpenAnswers()
        self.turns = Turns()
        self.reviews: Reviews | None = None
        self.needs_database = settings.reviews
        self.database: Database | None = None
        self.is_draining = False
        self._has_left_gateway = False
        file = settings.heartbeat_file
        self._heartbeat = None if file is None else Heartbeat(executor, file)

    async def setup_hook(self) -> None:
        """Start loading the model, add the commands and register them with Discord."""
        self.executor.start()
        if self.settings.reviews:
            # The database's packages take a third of a second to import. Bots without review channels skip that.
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
        await sync_commands(self, self.settings.guild_ids)

    async def turn_off_reviews(self) -> None:
        """Continue without review channels after Discord refused their intent. The caller then connects again."""
        self._connection._intents = INTENTS  # the library only accepts them at construction
        self.reviews = self.database = None
        self.needs_database = False
        # The reader was added first and is removed last, because its commands use it.
        for cog in [cog for cog in reversed(list(self.cogs.values())) if isinstance(cog, ReviewCog)]:
            await self.remove_cog(cog.qualified_name)
            if isinstance(cog, commands.GroupCog):
                self.tree.remove_command(str(cog.__cog_group_name__))  # the library looks a group up by its cog's name
        try:
            await sync_commands(self, self.settings.guild_ids)
        except PROBLEMS as problem:  # the other commands are registered already
            log.warning("could not remove the commands of review channels, will retry at the next start: %s", problem)

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

    def is_closed(self) -> bool:
        """Return whether the bot receives no more events, or will not soon."""
        return self._has_left_gateway or super().is_closed()

    async def _leave_gateway(self) -> None:
        """Close the gateway's connections for good. Answers can still be sent."""
        self._has_left_gateway = True  # from now on, the library doesn't reconnect
        with contextlib.suppress(TimeoutError):  # a connection that hangs is cut when the process ends
            async with asyncio.timeout(ANSWER_SECONDS):
                if isinstance(self, commands.AutoShardedBot):
                    await asyncio.gather(*(shard.disconnect() for shard in self.shards.values()))
                elif self.ws is not None:
                    await self.ws.close(code=1000)


async def add_commands(bot: BotClient) -> None:
    """Add the commands of every feature: each has a `command` module with a `setup(bot)`."""
    for module in feature_modules("command", "commands"):
        await module.setup(bot)
