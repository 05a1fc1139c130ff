"""Scoring messages that were posted before a place was watched, with a progress bar and *Stop*."""

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

PACE_SECONDS = 1.5  # between edits of the progress message
MOST = 10_000

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Backfill:
    """The progress of a backfill: messages seen, and how many of those were taken for scoring."""

    limit: int
    seen: int = 0
    taken: int = 0
    is_read: bool = False
    is_stopped: bool = False
    hidden: list[str] = field(default_factory=list)  # mentions of channels that could not be read


class Backfills:
    """The running backfills, at most one for each place."""

    def __init__(self, store: ReviewStore, intake: Intake) -> None:
        self._store = store
        self._intake = intake
        self._running: dict[int, Backfill] = {}

    async def run(self, interaction: Interaction, place: Place, limit: int) -> None:
        """Read up to `limit` old messages of `place`, newest first, and show the progress until they are scored.

        Nothing is posted about the messages. Raises NotPermitted if a backfill of `place` is running.
        """
        if place.id in self._running:
            raise NotPermitted(f"A backfill of {place.mention} is already running. Wait until it ends, or stop it.")
        self._running[place.id] = backfill = Backfill(limit)
        reading = asyncio.create_task(self._read(place, backfill))
        try:
            await self._show(interaction, place, backfill, reading)
            await reading
        finally:
            reading.cancel()
            del self._running[place.id]

    async def stop(self, place_id: int) -> int:
        """Stop a backfill: scored messages stay, waiting ones are deleted; return how many were deleted."""
        if (backfill := self._running.get(place_id)) is not None:
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
        """Show the progress until the backfill is over or Discord accepts no more edits, after 15 minutes."""
        while True:
            waiting, _ = await self._store.messages.backfill_counts(place.id)
            is_over = backfill.is_stopped or (backfill.is_read and not waiting)
            answer = backfill_answer(
                place.mention, backfill.seen, backfill.limit, backfill.taken, min(waiting, backfill.taken),
                failed=min(await self._store.faults.backfill_count(place.id), backfill.taken), hidden=backfill.hidden,
                is_read=backfill.is_read, is_stopped=backfill.is_stopped,
            )  # fmt: skip
            if not await _try_edit(interaction, answer, None if is_over else _view(place.id)) or is_over:
                return
            if backfill.is_read:
                reading.result()  # raises the error that ended the reading
            await asyncio.sleep(PACE_SECONDS)


class BackfillStop(PersistentButton, template=r"backfill:stop:(?P<place_id>\d+)"):
    """*Stop* below the progress of a backfill."""

    def __init__(self, place_id: int) -> None:
        super().__init__(discord.ui.Button(label="Stop", custom_id=f"backfill:stop:{place_id}"))
        self._place_id = place_id

    @classmethod
    def of(cls, match: re.Match[str]) -> "BackfillStop":
        """Return the button that was pressed."""
        return cls(int(match["place_id"]))

    async def press(self, interaction: Interaction) -> None:
        """Stop the backfill; its progress message says so."""
        reviews = find_reviews(interaction.client)
        place = None if interaction.guild is None else find_place(interaction.guild, self._place_id)
        if reviews is None or place is None or not isinstance(interaction.user, discord.Member):
            raise NotPermitted("This channel is no longer watched, or the bot can't see it.")
        check_moderator(interaction.user, place)
        if await acknowledge(interaction, interaction.response.defer()):
            await reviews.backfills.stop(place.id)


def _view(place_id: int) -> discord.ui.View:
    return view_of(BackfillStop(place_id))


async def _try_edit(interaction: Interaction, answer: Answer, view: discord.ui.View | None) -> bool:
    try:
        await interaction.edit_original_response(embed=answer.embed, view=view)
    except (discord.NotFound, discord.Forbidden):
        return False  # an interaction's answer can be edited for 15 minutes; scoring continues
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD):
        pass
    return True


async def _newest_first(place: Place, hidden: list[str]) -> AsyncIterator[discord.Message]:
    """Yield the messages of all channels in `place`, newest first; add channels that can't be read to `hidden`."""
    channels = [channel async for channel in _channels(place)]
    histories = [channel.history(limit=MOST) for channel in channels]
    heads: list[tuple[int, int, discord.Message]] = []

    async def advance(number: int) -> None:
        try:
            message = await anext(histories[number], None)
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            log.warning("could not read channel %d for a backfill: %s", channels[number].id, problem)
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
    """Yield the channels of `place`, and the archived posts of its forums."""
    for channel in channels_in(place):
        yield channel
    forums = [place] if isinstance(place, discord.ForumChannel) else getattr(place, "forums", [])
    for forum in forums:
        if forum == place or forum.permissions_synced:
            async for thread in forum.archived_threads(limit=None):
                yield thread
