"""Record the messages of watched places, which then wait for their scores."""

import asyncio
import logging
from collections import Counter

import discord

from bot.answers.message_text import is_forward_unavailable, message_text
from bot.features.review.places import places_of
from bot.features.review.reading.exemptions import Exemptions
from bot.features.review.scoring import Scoring
from bot.features.review.showing.publish import Publisher
from bot.features.review.worker import error_location, is_outage
from bot.storage.shards import shard_of
from bot.storage.store import ReviewStore

WRITTEN = (discord.MessageType.default, discord.MessageType.reply)  # the others are system messages

log = logging.getLogger(__name__)


class Intake:
    """Records messages of watched places, except those of bots and exempt people and those without text.

    A message that loses its text is no longer tracked. The author of a forwarded message is the person who forwarded
    it, because Discord does not name the original author.
    """

    def __init__(self, store: ReviewStore, scoring: Scoring, publisher: Publisher) -> None:
        self._store = store
        self._scoring = scoring
        self._publisher = publisher
        self.exemptions = Exemptions(store)
        self.places: dict[int, int] = {}  # the watched places, each with its server
        self.behind: set[int] = set()  # places in which messages from a downtime are still unread
        self.unchecked: set[int] = set()  # places that are still to be reconciled with Discord
        # Downtimes of each server so far; a check that began before the latest one does not cover it.
        self.absences: Counter[int] = Counter()
        self._in_turn = asyncio.Lock()

    def note_absence(self, shard_id: int, shard_count: int) -> None:
        """Mark the places on a shard as behind and unchecked, because the shard's connection is new."""
        away = {
            place_id: guild_id
            for place_id, guild_id in self.places.items()
            if shard_of(guild_id, shard_count) == shard_id
        }
        self.behind |= away.keys()
        self.unchecked |= away.keys()
        self.absences.update(set(away.values()))

    def place_of(self, channel: discord.abc.Snowflake) -> int | None:
        """Return the narrowest watched place that includes `channel`, None if there is none."""
        return next((place_id for place_id in places_of(channel) if place_id in self.places), None)

    async def take(self, message: discord.Message, *, backfilled: bool = False) -> bool:
        """Record a message if it should be read; return whether it waits for a score now.

        The place's last seen message advances only while no earlier message is missing.
        """
        place_id = self.place_of(message.channel)
        guild = message.guild
        if place_id is None or guild is None or not _is_by_person(message) or is_forward_unavailable(message):
            return False
        text = message_text(message)
        # One at a time, in the order of arrival: nothing before the last seen message can be missing.
        async with self._in_turn:
            try:
                if text.strip():
                    return await self._record(message, text, place_id, guild, backfilled=backfilled)
                self._scoring.discard_texts(message.id)
                untracked = await self._store.messages.stop_tracking(message.id, text)
            except Exception as problem:
                self._scoring.discard_texts(message.id)
                if is_outage(problem):
                    self.behind.add(place_id)  # it is read again when the bot catches up
                    raise
                # The database refuses this message alone, so only this one is left out.
                log.error("could not record message %d: %s", message.id, error_location(problem))  # noqa: TRY400  # no texts
                return False
        if untracked is not None:
            await self._publisher.remove_label(untracked)
        return False

    async def _record(
        self, message: discord.Message, text: str, place_id: int, guild: discord.Guild, *, backfilled: bool
    ) -> bool:
        if await self.exemptions.covers(message, guild):
            return False
        self._scoring.offer(message.id, text)
        is_new = await self._store.messages.record(
            message.id,
            place_id,
            guild.id,
            message.author.id,
            message.created_at,
            text,
            channel_id=message.channel.id,
            advance=not backfilled and place_id not in self.behind,
            backfilled=backfilled,
        )
        if is_new:
            self._scoring.wake()
        else:
            self._scoring.discard_texts(message.id)
        return is_new


def _is_by_person(message: discord.Message) -> bool:
    return not message.author.bot and message.webhook_id is None and message.type in WRITTEN
