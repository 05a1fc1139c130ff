"""The events of watched places: new and edited messages are read, deleted ones forgotten."""

import logging
from collections.abc import Iterable
from functools import partial

import discord
from discord.ext import commands, tasks

from bot.engine.executor import ModelExecutor
from bot.features.review.access import ReviewCog
from bot.features.review.cases.buttons import CaseButton, DigestMenu
from bot.features.review.cases.triage import CaseTriage
from bot.features.review.permissions import may_moderate
from bot.features.review.places import Chat, find_place
from bot.features.review.reading.backfill import Backfills, BackfillStop
from bot.features.review.reading.catch_up import catch_up
from bot.features.review.reading.intake import Intake
from bot.features.review.reading.reconcile import LookingBack
from bot.features.review.reading.removed_guilds import left_servers
from bot.features.review.scoring.retry import RetryButton
from bot.features.review.scoring.score import Scoring
from bot.features.review.showing.notices import post_notice
from bot.features.review.showing.publish import Live
from bot.features.review.showing.weekly import post_weekly_digests
from bot.features.review.worker import Worker
from bot.storage.database import Database
from bot.storage.records import WatchedPlace
from bot.storage.store import ReviewStore

RETRY_SECONDS = 30.0
BUTTONS = (CaseButton, DigestMenu, BackfillStop, RetryButton)

log = logging.getLogger(__name__)


class ReviewReader(ReviewCog):
    """Reads the places that moderators watch, and nothing else.

    Discord sends some events twice after a reconnection and loses some in an outage; each message counts once.
    """

    def __init__(self, bot: commands.Bot, database: Database, executor: ModelExecutor) -> None:
        self._bot = bot
        self._database = database
        self.store = ReviewStore(database)
        self.live = Live(bot, self.store)
        self.triage = CaseTriage(self.store, self.live.alerts)
        self._scoring = Scoring(bot, database, self.store, executor, self.live)
        self.intake = Intake(self.store, self._scoring, self.live)
        self.backfills = Backfills(self.store, self.intake)
        self._looking_back = LookingBack(bot, database, self.store, self.intake, self._forget, self._forget_channel)
        self._catching_up = Worker(self._catch_up, "catching up")

    async def cog_load(self) -> None:
        """Take up what is watched, and what still waits for its score."""
        await self._database.open()
        self.intake.places = {place.place_id for place in await self.store.places.all()}
        self._note_absence()
        self._bot.add_dynamic_items(*BUTTONS)
        self._often.start()
        self._hourly.start()

    async def cog_unload(self) -> None:
        """Let go of the database; what waits is scored and shown after the next start."""
        self._often.cancel()
        self._hourly.cancel()
        self._bot.remove_dynamic_items(*BUTTONS)
        await self._catching_up.stop()
        await self._scoring.stop()
        await self.live.stop()
        await self._database.close()

    def begin(self, place_id: int) -> None:
        """Read what is posted in a place from now on: the store watches it."""
        self.intake.places.add(place_id)

    async def unwatch(self, place_id: int) -> WatchedPlace | None:
        """Read a place no more and forget all that was kept of it; return what it was, None if it was not watched."""
        self.intake.places.discard(place_id)
        watched = await self.store.places.get(place_id)
        await self.store.places.unwatch(place_id)
        self.live.wake()
        return watched

    async def retry_for(self, member: discord.Member) -> int:
        """Retry what failed in the places that `member` may moderate; return how many messages that are."""
        count, guild = 0, member.guild
        for watched in await self.store.places.in_guild(guild.id):
            place = find_place(guild, watched.place_id)
            if place is not None and may_moderate(member, place) and (retried := await self._retry(place.id)):
                count += retried
                messages = "1 message" if retried == 1 else f"{retried:,} messages"
                await self.store.audit.record(guild.id, place.id, member.id, "retry", messages)
        return count

    async def _retry(self, place_id: int) -> int:
        count = await self.store.faults.retry(place_id)
        if count:
            self._scoring.wake()
        return count

    @tasks.loop(seconds=RETRY_SECONDS)
    async def _often(self) -> None:
        self._scoring.wake()
        self.live.wake()
        if (self.intake.behind | self.intake.unchecked) & self.intake.places and self._bot.is_ready():
            self._catching_up.wake()

    @tasks.loop(hours=1)
    async def _hourly(self) -> None:
        for work in (
            partial(post_weekly_digests, self._bot, self.store),
            self.live.alerts.erase_excerpts,
            self._forget_left_servers,
        ):
            try:
                await work()
            except Exception:  # such as a database that is gone: the next hour tries again
                log.exception("some of the hourly work was interrupted")

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Read a new message."""
        await self.intake.take(message)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Read an edited message again; what it said before keeps its score in the history."""
        await self.intake.take(payload.message)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Forget a deleted message."""
        await self._forget([payload.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Forget deleted messages."""
        await self._forget(payload.message_ids)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Forget all of a deleted channel."""
        await self._forget_channel(channel.id)

    @commands.Cog.listener()
    async def on_guild_channel_create(self, channel: discord.abc.GuildChannel) -> None:
        """Tell the members of a new channel that it is read, where those of its category were told."""
        place_id = self.intake.place_of(channel)
        if isinstance(channel, Chat) and place_id is not None and await self.store.places.has_notices(place_id):
            await post_notice(self.store, place_id, channel)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Forget all of a deleted thread, or of a forum's post."""
        await self._forget_channel(payload.thread_id)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Forget all of a server that the bot was removed from."""
        await self._forget_guild(guild.id)

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        """Note that events may be missing: this is a new connection, and no resumed one."""
        self._note_absence()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Find out what happened while the bot was away."""
        self._catching_up.wake()
        self._scoring.wake()
        self.live.wake()

    def _note_absence(self) -> None:
        self.intake.behind = set(self.intake.places)
        self.intake.unchecked = set(self.intake.places)
        self.intake.absences += 1

    async def _catch_up(self) -> None:
        await self._forget_left_servers()
        await catch_up(self._bot, self.store, self.intake)
        await self._looking_back.look_back()

    async def _forget_left_servers(self) -> None:
        for guild_id in await left_servers(self._bot, self.store):
            log.info("the bot is no longer in the server %d, which is forgotten", guild_id)
            await self._forget_guild(guild_id)

    async def _forget_guild(self, guild_id: int) -> None:
        self.intake.places -= {watched.place_id for watched in await self.store.places.in_guild(guild_id)}
        await self.store.places.delete_guild(guild_id)

    async def _forget(self, message_ids: Iterable[int]) -> None:
        if self.intake.places:
            ids = list(message_ids)
            self._scoring.forget(*ids)
            if await self.store.messages.delete(ids):
                self.live.wake()

    async def _forget_channel(self, channel_id: int) -> None:
        if channel_id in self.intake.places:
            await self.unwatch(channel_id)
        elif self.intake.places and await self.store.messages.delete_in_channel(channel_id):
            self.live.wake()
