"""Reconcile stored messages with Discord after downtime, because Discord sends no events for that time."""

import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import islice

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.answers.message_text import message_text
from bot.features.review.places import Readable, read_permissions
from bot.features.review.reading.intake import Intake
from bot.features.review.worker import is_outage
from bot.storage.database import Database
from bot.storage.records import RecordedMessage, WatchedPlace
from bot.storage.store import ReviewStore

BACK = timedelta(days=7)
CHANNELS = 100  # of a place, such as a forum's posts: those with the newest messages
MOST = 1000  # newest messages of a channel: ten requests, about ten seconds

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
        self._checked: defaultdict[int, set[int]] = defaultdict(set)  # each server's channels, since its last downtime
        self._checked_after: dict[int, int] = {}  # how many downtimes each server had by then

    async def reconcile(self) -> None:
        """Check the unchecked places within BACK, CHANNELS and MOST; those that Discord can't return stay unchecked."""
        for watched in [place for place in await self._store.places.all() if place.place_id in self._intake.unchecked]:
            guild, absences = self._bot.get_guild(watched.guild_id), self._intake.absences[watched.guild_id]
            if guild is None or guild.unavailable:
                continue
            if (
                await self._check_place(guild, watched, absences)
                and self._intake.absences[watched.guild_id] == absences
            ):
                self._intake.unchecked.discard(watched.place_id)

    async def _check_place(self, guild: discord.Guild, watched: WatchedPlace, absences: int) -> bool:
        checked = self._checked[guild.id]
        if absences != self._checked_after.get(guild.id):
            self._checked_after[guild.id] = absences
            checked.clear()
        stored: defaultdict[int, list[RecordedMessage]] = defaultdict(list)
        stored[watched.place_id] = []  # the place itself may be deleted
        for message in await self._store.messages.posted_since(watched.place_id, discord.utils.utcnow() - BACK):
            stored[message.channel_id].append(message)
        is_complete = True
        for channel_id, messages in islice(stored.items(), 1 + CHANNELS):  # the place itself and its channels
            if channel_id in checked:
                continue  # checked in an earlier round that an outage interrupted
            try:
                await self._check_channel(guild, channel_id, messages)
            except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
                log.warning("could not reconcile channel %d with Discord: %s", channel_id, problem)
                if is_outage(problem):
                    is_complete = False  # the other channels are checked all the same
                    continue
            checked.add(channel_id)
        return is_complete

    async def _check_channel(self, guild: discord.Guild, channel_id: int, stored: list[RecordedMessage]) -> None:
        try:
            channel = guild.get_channel_or_thread(channel_id) or await guild.fetch_channel(channel_id)
        except discord.NotFound:
            await self._delete_channel(channel_id)
            return
        except discord.Forbidden:
            return
        if stored and isinstance(channel, Readable) and _can_read_history(channel):
            with contextlib.suppress(discord.Forbidden):  # such as a private thread that the bot was removed from
                await self._check_messages(channel, {message.message_id: message.content_hash for message in stored})

    async def _check_messages(self, channel: Readable, hashes: dict[int, str]) -> None:
        before, after = discord.Object(max(hashes) + 1), discord.Object(min(hashes) - 1)
        history = channel.history(limit=MOST, before=before, after=after, oldest_first=False)
        current = {message.id: message async for message in history}
        if not _can_read_history(channel):
            return  # the permission was lost during the read, so a missing message is not a deleted one
        begin = min(current) if len(current) == MOST else min(hashes)
        if deleted := [message_id for message_id in hashes if message_id >= begin and message_id not in current]:
            await self._delete_messages(deleted)
        for message_id, message in current.items():
            if message_id not in hashes or self._database.content_hash(message_text(message)) == hashes[message_id]:
                continue
            if await self._store.messages.content_hash(message_id) == hashes[message_id]:  # no event came meanwhile
                await self._intake.take(message)


def _can_read_history(channel: Readable) -> bool:
    """Return whether the bot can read old messages. If not, Discord returns an empty history without an error."""
    try:
        permissions = channel.permissions_for(channel.guild.me)
    except (discord.ClientException, AttributeError):  # a thread whose channel the bot can't see
        return False
    return all(getattr(permissions, name) for name in (*read_permissions(channel), "read_message_history"))
