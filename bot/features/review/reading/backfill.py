"""Scoring what was posted before a place was watched: with progress to see, and a button that ends it."""

import asyncio
import heapq
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import discord

from bot.answers.answer import Answer
from bot.answers.client import Interaction
from bot.answers.components import PersistentButton, view_of
from bot.answers.delivery import NO_NEWS_FROM_DISCORD, acknowledge
from bot.errors import NotPermitted
from bot.features.review.access import find_reviews
from bot.features.review.embeds.backfill import backfill_answer
from bot.features.review.places import Place, Readable, channels_in, check_moderator, find_place
from bot.features.review.reading.intake import Intake
from bot.storage.store import ReviewStore

PACE_SECONDS = 1.5  # between two edits of the progress
MOST = 10_000

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Backfill:
    """How far reading old messages has come."""

    limit: int
    seen: int = 0
    taken: int = 0
    is_read: bool = False
    is_stopped: bool = False
    hidden: list[str] = field(default_factory=list)  # mentions of channels that Discord does not let the bot read


class Backfills:
    """The backfills under way, one a place."""

    def __init__(self, store: ReviewStore, intake: Intake) -> None:
        self._store = store
        self._intake = intake
        self._under_way: dict[int, Backfill] = {}

    async def run(self, interaction: Interaction, place: Place, limit: int) -> None:
        """Read up to `limit` old messages of `place`, newest first, and show how it goes until they are scored.

        Nothing is posted about what is found. Raises NotPermitted where one is under way.
        """
        if place.id in self._under_way:
            raise NotPermitted(f"{place.mention} is being backfilled already. Wait for its end, or stop it.")
        self._under_way[place.id] = backfill = Backfill(limit)
        reading = asyncio.create_task(self._read(place, backfill))
        try:
            await self._show(interaction, place, backfill, reading)
            await reading
        finally:
            reading.cancel()
            del self._under_way[place.id]

    async def stop(self, place_id: int) -> int:
        """Stop a backfill: scored messages stay, waiting ones are deleted; return how many were deleted."""
        if (backfill := self._under_way.get(place_id)) is not None:
            backfill.is_stopped = True
        return await self._store.messages.delete_pending_backfill(place_id)

    async def _read(self, place: Place, backfill: Backfill) -> None:
        try:
            async for message in _newest_first(place, backfill.hidden):
                if backfill.is_stopped or backfill.seen >= backfill.limit:
                    return
                backfill.seen += 1
                backfill.taken += await self._intake.take(message, backfilled=True)
        finally:
            backfill.is_read = True

    async def _show(
        self, interaction: Interaction, place: Place, backfill: Backfill, reading: "asyncio.Task[None]"
    ) -> None:
        """Show the progress as long as there is some, or as long as Discord takes it."""
        while True:
            waiting, _ = await self._store.messages.backfill_counts(place.id)
            is_over = backfill.is_stopped or (backfill.is_read and not waiting)
            answer = backfill_answer(
                place.mention, backfill.seen, backfill.limit, backfill.taken, min(waiting, backfill.taken),
                failed=min(await self._store.faults.backfill_count(place.id), backfill.taken), hidden=backfill.hidden,
                is_read=backfill.is_read, is_stopped=backfill.is_stopped,
            )  # fmt: skip
            if not await _edited(interaction, answer, None if is_over else _view(place.id)) or is_over:
                return
            if backfill.is_read:
                reading.result()  # raises what ended it
            await asyncio.sleep(PACE_SECONDS)


class BackfillStop(PersistentButton, template=r"backfill:stop:(?P<place_id>\d+)"):
    """Ends a backfill."""

    def __init__(self, place_id: int) -> None:
        super().__init__(discord.ui.Button(label="Stop", custom_id=f"backfill:stop:{place_id}"))
        self._place_id = place_id

    @classmethod
    def of(cls, match: re.Match[str]) -> "BackfillStop":
        """Return the button that was pressed."""
        return cls(int(match["place_id"]))

    async def press(self, interaction: Interaction) -> None:
        """End it; the progress says so."""
        reviews = find_reviews(interaction.client)
        place = None if interaction.guild is None else find_place(interaction.guild, self._place_id)
        if reviews is None or place is None or not isinstance(interaction.user, discord.Member):
            raise NotPermitted("This channel is no longer watched, or out of the bot's sight.")
        check_moderator(interaction.user, place)
        if await acknowledge(interaction, interaction.response.defer()):
            await reviews.backfills.stop(place.id)


def _view(place_id: int) -> discord.ui.View:
    return view_of(BackfillStop(place_id))


async def _edited(interaction: Interaction, answer: Answer, view: discord.ui.View | None) -> bool:
    try:
        await interaction.edit_original_response(embed=answer.embed, view=view)
    except (discord.NotFound, discord.Forbidden):
        return False  # its 15 minutes are over; scoring goes on
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD):
        pass
    return True


async def _newest_first(place: Place, hidden: list[str]) -> AsyncIterator[discord.Message]:
    """Yield the messages of all channels of `place`, the newest first; add to `hidden` those that cannot be read."""
    channels = [channel async for channel in _channels(place)]
    histories = [channel.history(limit=MOST) for channel in channels]
    heads: list[tuple[int, int, discord.Message]] = []

    async def advance(number: int) -> None:
        try:
            message = await anext(histories[number], None)
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            log.warning("the channel %d is left out of a backfill: %s", channels[number].id, problem)
            hidden.append(channels[number].mention)
            return
        if message is not None:
            heapq.heappush(heads, (-message.id, number, message))

    for number in range(len(histories)):
        await advance(number)
    while heads:
        _, number, message = heapq.heappop(heads)
        yield message
        await advance(number)


async def _channels(place: Place) -> AsyncIterator[Readable]:
    """Yield the channels of `place`, and the closed posts of its forums."""
    for channel in channels_in(place):
        yield channel
    forums = [place] if isinstance(place, discord.ForumChannel) else getattr(place, "forums", [])
    for forum in forums:
        if forum == place or forum.permissions_synced:
            async for thread in forum.archived_threads(limit=None):
                yield thread
