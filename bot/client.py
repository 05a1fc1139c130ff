"""The composition root: builds executor and bot, loads the commands, owns their lifetime."""

import asyncio
import logging
from typing import cast

import discord
from discord.ext import commands

from bot.command_sync import PROBLEMS, sync_commands
from bot.commands import add_commands
from bot.engine.executor import ModelExecutor
from bot.error_reply import CommandTree
from bot.heartbeat import Heartbeat
from bot.receipts import DetailsButton, ReplayButton
from bot.settings import Settings

INTENTS = discord.Intents(guilds=True)  # none that is privileged: no messages are read
REVIEW_INTENTS = discord.Intents(guilds=True, guild_messages=True, message_content=True)
# What stands on that intent: cogs, with the group of each; the reader goes last.
REVIEW_COGS = {"ReviewChannels": "review", "Privacy": "privacy", "ReviewReader": ""}
# What a server is asked to give it: answers need none of them, a message of its own in a channel does.
INVITE_PERMISSIONS = discord.Permissions(
    view_channel=True, send_messages=True, send_messages_in_threads=True, embed_links=True, attach_files=True
)
DRAIN_SECONDS = 8.0  # for what was taken to be computed, once the bot is closing
ANSWER_SECONDS = 5.0  # for the last answers to reach Discord
log = logging.getLogger(__name__)


def intents(settings: Settings) -> discord.Intents:
    """Return what the bot asks the gateway for."""
    return REVIEW_INTENTS if settings.reviews else INTENTS


def invite_permissions(settings: Settings) -> discord.Permissions:
    """Return what a server is asked to give the bot."""
    reads = settings.reviews
    return INVITE_PERMISSIONS | discord.Permissions(read_message_history=reads, add_reactions=reads)


class Nightword(commands.Bot):
    """The bot: slash commands over one model executor, which it starts and closes.

    Raises InvalidSettings where the heartbeat cannot be written.
    """

    def __init__(self, settings: Settings, executor: ModelExecutor) -> None:
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # this bot has no voice to miss
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents(settings),
            allowed_mentions=discord.AllowedMentions.none(),
            tree_cls=CommandTree,
        )
        self.settings = settings
        self.executor = executor
        file = settings.heartbeat_file
        self._heartbeat = None if file is None else Heartbeat(executor, file)

    async def setup_hook(self) -> None:
        """Begin to load the model, add the commands and tell Discord of them."""
        self.executor.start()
        if self.settings.reviews:
            # What the database needs takes a third of a second to import: not for those who have no review channels.
            from bot.review.reader import ReviewReader
            from bot.storage.database import Database

            database = Database(self.settings.database_url.get_secret_value())
            await self.add_cog(ReviewReader(self, database, self.executor))
        await add_commands(self, self.executor, self.settings)
        self.add_dynamic_items(DetailsButton, ReplayButton)  # below answers of every command, and of earlier runs
        if self._heartbeat is not None:
            await self.add_cog(self._heartbeat)
        await sync_commands(self, self.settings.guild_ids)

    async def give_up_reviews(self) -> None:
        """Go on without review channels, whose intent Discord refused: connect again after it."""
        self._connection._intents = INTENTS  # the library takes them at construction alone
        for cog, group in REVIEW_COGS.items():
            await self.remove_cog(cog)
            self.tree.remove_command(group)  # the library looks for a group by its cog's name
        try:
            await sync_commands(self, self.settings.guild_ids)
        except PROBLEMS as problem:  # all others are registered already
            log.warning("the commands of review channels could not be taken out until the next start: %s", problem)

    async def close(self) -> None:
        """Refuse new requests, finish those that were taken or tell their people, then leave Discord."""
        await asyncio.to_thread(self.executor.close, DRAIN_SECONDS)
        await cast("CommandTree", self.tree).finish(ANSWER_SECONDS)
        await super().close()
