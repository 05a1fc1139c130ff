"""Reconcile stored messages with Discord after downtime: Discord sends no events for that time."""

import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import islice

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.answers.message_text import message_text
from bot.features.review.places import Readable, needed_to_read
from bot.features.review.reading.intake import Intake
from bot.features.review.worker import is_outage
from bot.storage.database import Database
from bot.storage.records import RecordedMessage, WatchedPlace
from bot.storage.store import ReviewStore

BACK = timedelta(days=7)
CHANNELS = 100  # of a place, such as a forum's posts; those in which something was posted last
MOST = 1000  # messages of a channel, the newest: ten requests, for which Discord takes some ten seconds

log = logging.getLogger(__name__)


class Reconciler:
    """Deletes messages that were deleted while the bot was offline, and reads edited ones again."""

    def __init__(
        self,
        bot: discord.Client,
        database: Database,
        store: ReviewStore,
        intake: Intake,
        delete_messages: Callable[[list[int]], Awaitable[None]],
        delete_channel: Callable[[int], Awaitable[None]],
    ) -> None:
        """Delete with `delete_messages` and `delete_channel`, which also handle Discord's events."""
        self._bot = bot
        self._database = database
        self._store = store
        self._intake = intake
        self._delete_messages = delete_messages
        self._delete_channel = delete_channel
        self._checked: set[int] = set()  # channels, since the latest absence
        self._checked_after = 0

    async def reconcile(self) -> None:
        """Check the unchecked places within BACK, CHANNELS and MOST; those that Discord hid stay unchecked."""
        for watched in [one for one in await self._store.places.all() if one.place_id in self._intake.unchecked]:
            guild, absences = self._bot.get_guild(watched.guild_id), self._intake.absences
            if guild is None or guild.unavailable:
                continue
            if await self._is_checked(guild, watched, absences) and self._intake.absences == absences:
                self._intake.unchecked.discard(watched.place_id)

    async def _is_checked(self, guild: discord.Guild, watched: WatchedPlace, absences: int) -> bool:
        if absences != self._checked_after:
            self._checked_after = absences
            self._checked.clear()
        kept: defaultdict[int, list[RecordedMessage]] = defaultdict(list)
        kept[watched.place_id] = []  # the place itself may be gone
        for one in await self._store.messages.posted_since(watched.place_id, discord.utils.utcnow() - BACK):
            kept[one.channel_id].append(one)
        is_hidden = False
        for channel_id, messages in islice(kept.items(), 1 + CHANNELS):  # the place itself, and those in it
            if channel_id in self._checked:
                continue  # the round before left another channel
            try:
                await self._check_channel(guild, channel_id, messages)
            except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
                log.warning("could not reconcile channel %d with Discord: %s", channel_id, problem)
                if is_outage(problem):
                    is_hidden = True  # and the other channels are looked at
                    continue
            self._checked.add(channel_id)
        return not is_hidden

    async def _check_channel(self, guild: discord.Guild, channel_id: int, kept: list[RecordedMessage]) -> None:
        try:
            channel = guild.get_channel_or_thread(channel_id) or await guild.fetch_channel(channel_id)
        except discord.NotFound:
            await self._delete_channel(channel_id)
            return
        except discord.Forbidden:
            return
        if kept and isinstance(channel, Readable) and _may_be_read(channel):
            with contextlib.suppress(discord.Forbidden):  # such as a private thread that the bot was removed from
                await self._check_messages(channel, {one.message_id: one.content_hash for one in kept})

    async def _check_messages(self, channel: Readable, kept: dict[int, str]) -> None:
        before, after = discord.Object(max(kept) + 1), discord.Object(min(kept) - 1)
        history = channel.history(limit=MOST, before=before, after=after, oldest_first=False)
        there = {message.id: message async for message in history}
        if not _may_be_read(channel):
            return  # nor for the whole time that this took: what is missing says nothing
        begin = min(there) if len(there) == MOST else min(kept)
        if gone := [message_id for message_id in kept if message_id >= begin and message_id not in there]:
            await self._delete_messages(gone)
        for message_id, message in there.items():
            if message_id not in kept or self._database.content_hash(message_text(message)) == kept[message_id]:
                continue
            if await self._store.messages.content_hash(message_id) == kept[message_id]:  # no event came meanwhile
                await self._intake.take(message)


def _may_be_read(channel: Readable) -> bool:
    """Return whether the bot may see what was said: to one that may not, Discord shows a channel without messages."""
    try:
        permissions = channel.permissions_for(channel.guild.me)
    except (discord.ClientException, AttributeError):  # a thread whose channel is out of sight
        return False
    return all(getattr(permissions, name) for name in (*needed_to_read(channel), "read_message_history"))
