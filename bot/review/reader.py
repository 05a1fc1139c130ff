"""The events of watched channels: new and edited messages are read, deleted ones forgotten."""

import logging
from collections.abc import Iterable

import discord
from discord.ext import commands, tasks

from bot.inference.executor import ModelExecutor
from bot.review.scoring import Scoring
from bot.storage.database import Database
from bot.storage.records import Watched
from bot.storage.review_store import ReviewStore

CATCH_UP = 1000  # messages of a channel that are read after an outage; older ones stay unread
RETRY_SECONDS = 60.0

log = logging.getLogger(__name__)


class ReviewReader(commands.Cog):
    """Reads the channels that moderators watch, and nothing else.

    Discord sends some events twice after a reconnection and loses some in an outage; each message counts once.
    """

    def __init__(self, bot: commands.Bot, database: Database, executor: ModelExecutor) -> None:
        self._bot = bot
        self._database = database
        self.store = ReviewStore(database)
        self._scoring = Scoring(bot, database, self.store, executor)
        self._watched: set[int] = set()

    async def cog_load(self) -> None:
        """Take up what is watched, and what still waits for its score."""
        await self._database.open()
        self._watched = {one.channel_id for one in await self.store.all_watched()}
        self._retry.start()

    async def cog_unload(self) -> None:
        """Let go of the database; what waits is scored after the next start."""
        self._retry.cancel()
        await self._scoring.stop()
        await self._database.close()

    async def watch(self, channel: discord.TextChannel, moderator_id: int) -> bool:
        """Read what is posted in `channel` from now on; return whether that is new."""
        is_new = channel.id not in self._watched
        if is_new:
            await self.store.watch(
                channel.id, channel.guild.id, flag_below=None, log_channel_id=None, watched_by=moderator_id,
                last_message_id=channel.last_message_id or channel.id,
            )  # fmt: skip
            self._watched.add(channel.id)
        return is_new

    async def unwatch(self, channel_id: int) -> Watched | None:
        """Read a channel no more and forget all that was kept of it; return what it was, None if it was not watched."""
        self._watched.discard(channel_id)
        watched = await self.store.watched(channel_id)
        await self.store.unwatch(channel_id)
        return watched

    @tasks.loop(seconds=RETRY_SECONDS)
    async def _retry(self) -> None:
        self._scoring.wake()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Read a new message."""
        await self._read(message)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Read an edited message again; what it said before keeps its score in the history."""
        await self._read(payload.message)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Forget a deleted message."""
        await self._forget(payload.channel_id, [payload.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Forget deleted messages."""
        await self._forget(payload.channel_id, payload.message_ids)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Forget all of a deleted channel."""
        if channel.id in self._watched:
            await self.unwatch(channel.id)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Forget all of a server that the bot was removed from."""
        for watched in await self.store.watched_in(guild.id):
            self._watched.discard(watched.channel_id)
        await self.store.forget_guild(guild.id)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Read what was posted while the bot was away."""
        for watched in await self.store.all_watched():
            channel = self._bot.get_channel(watched.channel_id)
            if not isinstance(channel, discord.TextChannel):
                continue  # out of sight for now; a channel that is deleted while the bot is there is forgotten
            try:
                after = discord.Object(watched.last_message_id)
                async for message in channel.history(limit=CATCH_UP, after=after, oldest_first=True):
                    await self._read(message)
            except discord.Forbidden:
                log.warning("the watched channel %d may not be read any more", watched.channel_id)
        self._scoring.wake()

    async def _read(self, message: discord.Message) -> None:
        if message.channel.id not in self._watched or message.guild is None:
            return
        if message.author.bot or message.webhook_id is not None or not message.content.strip():
            return
        self._scoring.offer(message.id, message.content)
        seen = (message.id, message.channel.id, message.guild.id, message.author.id, message.created_at)
        if await self.store.record(*seen, message.content, posted_in=message.channel.id):
            self._scoring.wake()
        else:
            self._scoring.forget(message.id)

    async def _forget(self, channel_id: int, message_ids: Iterable[int]) -> None:
        if channel_id in self._watched:
            for message_id in message_ids:
                self._scoring.forget(message_id)
            await self.store.forget_messages(message_ids)
