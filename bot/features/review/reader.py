"""Handle the events of watched places: read new and edited messages, and delete the data of deleted ones."""

import asyncio
import logging
from collections.abc import Iterable
from functools import partial

import discord
from discord.ext import commands, tasks

from bot.answers.client import BotClient
from bot.engine.executor import ModelExecutor
from bot.features.review.access import ReviewCog
from bot.features.review.buttons import CaseButton, DigestMenu, RetryButton
from bot.features.review.cases.lapses import restore_previous
from bot.features.review.cases.triage import CaseTriage
from bot.features.review.embeds.questions import restored_text, rule_text
from bot.features.review.embeds.report import confirmed_text
from bot.features.review.measuring.audit import Audits
from bot.features.review.measuring.audit_buttons import AuditButton
from bot.features.review.measuring.confirming import ConfirmButton, confirm_measurement
from bot.features.review.measuring.measuring import Measuring
from bot.features.review.measuring.texts import Texts
from bot.features.review.places import Chat, can_moderate, find_place
from bot.features.review.question_buttons import BackButton
from bot.features.review.reading.backfill import Backfills, BackfillStop
from bot.features.review.reading.catch_up import catch_up, removed_guilds
from bot.features.review.reading.intake import Intake
from bot.features.review.reading.reconcile import Reconciler
from bot.features.review.scoring import Scoring
from bot.features.review.showing.notices import post_notice
from bot.features.review.showing.publish import Publisher
from bot.features.review.showing.weekly import post_question_digests, post_weekly_digests
from bot.features.review.worker import Worker
from bot.storage.database import Database
from bot.storage.question_records import PlaceQuestion
from bot.storage.records import WatchedPlace
from bot.storage.store import ReviewStore

RETRY_SECONDS = 30.0
BUTTONS = (CaseButton, DigestMenu, BackfillStop, RetryButton, BackButton, AuditButton, ConfirmButton)

log = logging.getLogger(__name__)


class ReviewReader(ReviewCog):
    """Reads watched places, and only those.

    After a reconnection Discord sends some events twice, and in an outage it loses some. Each message counts once.
    """

    def __init__(self, bot: BotClient, database: Database, executor: ModelExecutor) -> None:
        self._bot = bot
        self._database = database
        self.store = ReviewStore(database, bot.settings.shards)
        self.executor = executor
        self.publisher = Publisher(bot, self.store, executor)
        self.triage = CaseTriage(self.store, self.publisher.alerts)
        self._scoring = Scoring(bot, database, self.store, executor, self.publisher)
        self.intake = Intake(self.store, self._scoring, self.publisher)
        self.backfills = Backfills(self.store, self.intake)
        self._reconciler = Reconciler(
            bot, database, self.store, self.intake, self._delete_messages, self._delete_channel
        )
        texts = Texts(bot, database, self.store, self.intake.exemptions, self._delete_messages)
        self.audits = Audits(self.store, texts)
        self.measuring = Measuring(self.store, executor, texts)
        self._catching_up = Worker(self._catch_up, "catching up")

    async def cog_load(self) -> None:
        """Open the database, load the watched places, and start scoring the waiting messages."""
        await self._database.open()
        self.intake.places = {place.place_id: place.guild_id for place in await self.store.places.all()}
        self.intake.behind, self.intake.unchecked = set(self.intake.places), set(self.intake.places)
        self._bot.add_dynamic_items(*BUTTONS)
        self._often.start()
        self._hourly.start()

    async def cog_unload(self) -> None:
        """Close the database. Messages that wait are scored and shown after the next start."""
        await self._stop_loops()
        self._bot.remove_dynamic_items(*BUTTONS)
        await self._catching_up.stop()
        await self._scoring.stop()
        await self.publisher.stop()
        await self._database.close()

    async def _stop_loops(self) -> None:
        # Wait for them: if the database closes during a loop's query, asyncio.run can hang.
        running = [task for loop in (self._often, self._hourly) if (task := loop.get_task()) is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def begin(self, place_id: int, guild_id: int) -> None:
        """Start reading a place, which the caller added to the store."""
        self.intake.places[place_id] = guild_id

    async def unwatch(self, place_id: int) -> WatchedPlace | None:
        """Stop reading a place and delete its data; return the place as it was, None if it was not watched."""
        self.intake.places.pop(place_id, None)
        watched = await self.store.places.get(place_id)
        await self.store.places.unwatch(place_id)
        self.publisher.wake()
        return watched

    async def retry_for(self, member: discord.Member) -> int:
        """Retry failed messages in the places that `member` moderates; return how many there are."""
        count, guild = 0, member.guild
        for watched in await self.store.places.in_guild(guild.id):
            place = find_place(guild, watched.place_id)
            if place is not None and can_moderate(member, place) and (retried := await self._retry(place.id)):
                count += retried
                messages = "1 message" if retried == 1 else f"{retried:,} messages"
                await self.store.audit.record(guild.id, place.id, member.id, "retry", messages)
        return count

    async def place_question(self, question_id: int) -> PlaceQuestion | None:
        """Return a question of a place, None if it is removed."""
        return await self.store.place_questions.get(question_id)

    async def measured_question(self, measurement_id: int) -> PlaceQuestion | None:
        """Return the question of a measurement, None if either is deleted."""
        measurement = await self.store.measurements.get(measurement_id)
        return None if measurement is None else await self.place_question(measurement.place_question_id)

    async def confirm_measurement(self, measurement_id: int, user_id: int) -> str:
        """Confirm a measurement, put its rule in force, and say what follows. Raises UsageError."""
        question, _ = await confirm_measurement(self.store, self.executor, measurement_id, user_id)
        detail = f"{question.name} version {question.version}, {rule_text(question.rule)}"
        await self.store.audit.record(question.guild_id, question.place_id, user_id, "confirm", detail)
        self.publisher.wake()
        return confirmed_text(question)

    async def restore_question(self, question_id: int, user_id: int) -> str | None:
        """Put the version and rule of a place's question in force that held before; return what is in force now.

        None if none holds.
        """
        question = await restore_previous(self.store, self.executor, question_id)
        if question is None:
            return None
        detail = f"{question.name} version {question.version}"
        await self.store.audit.record(question.guild_id, question.place_id, user_id, "restore", detail)
        self.publisher.wake()
        return restored_text(question)

    async def _retry(self, place_id: int) -> int:
        count = await self.store.faults.retry(place_id)
        if count:
            self._scoring.wake()
        return count

    @tasks.loop(seconds=RETRY_SECONDS)
    async def _often(self) -> None:
        self._scoring.wake()
        self.publisher.wake()
        if (self.intake.behind | self.intake.unchecked) & self.intake.places.keys() and self._bot.is_ready():
            self._catching_up.wake()

    @tasks.loop(hours=1)
    async def _hourly(self) -> None:
        for work in (
            partial(post_weekly_digests, self._bot, self.store),
            partial(post_question_digests, self._bot, self.store, self.executor),
            self.publisher.alerts.erase_excerpts,
            self._delete_removed_guilds,
        ):
            try:
                await work()
            except Exception:  # such as a lost database: it is tried again in the next hour
                log.exception("hourly work failed, will retry in the next hour")

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Read a new message."""
        await self.intake.take(message)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Read an edited message again. The score of its earlier content stays in the history."""
        await self.intake.take(payload.message)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Delete the data of a deleted message."""
        await self._delete_messages([payload.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Delete the data of deleted messages."""
        await self._delete_messages(payload.message_ids)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Delete the data of a deleted channel."""
        await self._delete_channel(channel.id)

    @commands.Cog.listener()
    async def on_guild_channel_create(self, channel: discord.abc.GuildChannel) -> None:
        """Post the notice in a new channel of a watched category, if that category has notices."""
        place_id = self.intake.place_of(channel)
        if isinstance(channel, Chat) and place_id is not None and await self.store.places.has_notices(place_id):
            await post_notice(self.store, place_id, channel)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Delete the data of a deleted thread or forum post."""
        await self._delete_channel(payload.thread_id)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Delete the data of a server that removed the bot."""
        await self._delete_guild(guild.id)

    @commands.Cog.listener()
    async def on_shard_connect(self, shard_id: int) -> None:
        """Note that events of this shard's servers may be missing: this is a new connection, not a resumed one."""
        assert self._bot.shard_count is not None  # noqa: S101  # known since the bot connects
        self.intake.note_absence(shard_id, self._bot.shard_count)

    @commands.Cog.listener()
    async def on_shard_ready(self, _: int) -> None:
        """Catch up with what happened while the bot was away. `on_ready` comes only once all shards are ready."""
        self._catching_up.wake()
        self._scoring.wake()
        self.publisher.wake()

    async def _catch_up(self) -> None:
        await self._delete_removed_guilds()
        await catch_up(self._bot, self.store, self.intake)
        await self._reconciler.reconcile()

    async def _delete_removed_guilds(self) -> None:
        for guild_id in await removed_guilds(self._bot, self.store):
            log.info("server %d removed the bot, deleting its data", guild_id)
            await self._delete_guild(guild_id)

    async def _delete_guild(self, guild_id: int) -> None:
        for watched in await self.store.places.in_guild(guild_id):
            self.intake.places.pop(watched.place_id, None)
        await self.store.places.delete_guild(guild_id)

    async def _delete_messages(self, message_ids: Iterable[int]) -> None:
        if self.intake.places:
            ids = list(message_ids)
            self._scoring.discard_texts(*ids)
            if await self.store.messages.delete(ids):
                self.publisher.wake()

    async def _delete_channel(self, channel_id: int) -> None:
        if channel_id in self.intake.places:
            await self.unwatch(channel_id)
        elif self.intake.places and await self.store.messages.delete_in_channel(channel_id):
            self.publisher.wake()
