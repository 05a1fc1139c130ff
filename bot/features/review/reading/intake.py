"""From a message in Discord to one that waits for its score, where it is to be read at all."""

import asyncio
import logging

import discord

from bot.answers.message_text import is_forward_unavailable, message_text
from bot.features.review.places import places_of
from bot.features.review.reading.exemptions import Exemptions
from bot.features.review.scoring.score import Scoring
from bot.features.review.showing.publish import Publisher
from bot.features.review.worker import is_outage, where
from bot.storage.store import ReviewStore

WRITTEN = (discord.MessageType.default, discord.MessageType.reply)  # the others are Discord's own words

log = logging.getLogger(__name__)


class Intake:
    """Takes the messages of watched places; not those of bots, of exempt people, or without text.

    A message that loses its text is no longer tracked. A forwarded message counts as written by the person who forwards
    it: Discord does not tell who wrote it.
    """

    def __init__(self, store: ReviewStore, scoring: Scoring, publisher: Publisher) -> None:
        self._store = store
        self._scoring = scoring
        self._publisher = publisher
        self.exemptions = Exemptions(store)
        self.places: set[int] = set()
        self.behind: set[int] = set()  # places whose messages of an outage are still to be read
        self.unchecked: set[int] = set()  # places where what is kept is still to be held against what is there
        self.absences = 0  # so far: what was read before the latest says nothing of it
        self._in_turn = asyncio.Lock()

    def place_of(self, channel: discord.abc.Snowflake) -> int | None:
        """Return the watched place to which a message in `channel` belongs, the narrowest of several."""
        return next((place_id for place_id in places_of(channel) if place_id in self.places), None)

    async def take(self, message: discord.Message, *, backfilled: bool = False) -> bool:
        """Read a message if it is to be read; return whether it waits for its score now.

        Where it was the last one that was seen is noted only while nothing is missing before it.
        """
        place_id = self.place_of(message.channel)
        guild = message.guild
        if place_id is None or guild is None or not _is_a_person_s(message) or is_forward_unavailable(message):
            return False
        text = message_text(message)
        # One after the other, in the order of their coming: what is noted as seen has nothing missing before it.
        async with self._in_turn:
            try:
                if text.strip():
                    return await self._record(message, text, place_id, guild, backfilled=backfilled)
                self._scoring.discard_texts(message.id)
                untracked = await self._store.messages.stop_tracking(message.id, text)
            except Exception as problem:
                self._scoring.discard_texts(message.id)
                if is_outage(problem):
                    self.behind.add(place_id)  # it is read again with what the outage left
                    raise
                # It alone is not read: there is no place for what the database refuses.
                log.error("the message %d could not be taken: %s", message.id, where(problem))  # noqa: TRY400  # no texts
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


def _is_a_person_s(message: discord.Message) -> bool:
    return not message.author.bot and message.webhook_id is None and message.type in WRITTEN
