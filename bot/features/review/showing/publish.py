"""Showing the scores of live places: labels in the channel itself, and cases for what is flagged."""

import logging

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD, may_pass
from bot.features.review.cases.alerts import Alerts
from bot.features.review.showing.labels import Labels, is_gone
from bot.features.review.showing.thresholds import flag
from bot.features.review.worker import Line, Worker
from bot.storage.records import Due, LetGo, OwnMessage, Pending, ShownLabel, Watched
from bot.storage.store import ReviewStore

AT_A_TIME = 32

log = logging.getLogger(__name__)


class Live:
    """Labels and flags what was scored in live places, once each, and takes away what is about forgotten messages."""

    def __init__(self, bot: discord.Client, store: ReviewStore) -> None:
        self._bot = bot
        self._store = store
        self.alerts = Alerts(bot, store)
        self._labels = Labels(bot)
        self._line = Line(store.due, AT_A_TIME)
        self._deletions = Line(store.due_deletions, AT_A_TIME)
        self._worker = Worker(self._show_all, "showing scores")

    def wake(self) -> None:
        """Show what is due, unless that is under way; then look once more at its end."""
        self._worker.wake()

    async def stop(self) -> None:
        """End; what is due is shown after the next start."""
        await self._worker.stop()

    async def let_go(self, waiting: Pending, text: str) -> None:
        """Say nothing any more of a message that has become `text`, which can have no score: withdraw its case.

        Nothing happens to one that does not wait any more as `waiting` did: it says something else by now.
        """
        gone = await self._store.let_go(waiting.message_id, text, waited_as=waiting.content_hash)
        if gone is not None:
            await self.take_away(gone)

    async def take_away(self, gone: LetGo) -> None:
        """Take away what is shown of a message that was let go."""
        try:
            await self._labels.take_away(gone)
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            log.warning("the message %d keeps a label that says nothing: %s", gone.message_id, problem)
        self.wake()

    async def _show_all(self) -> None:
        while await self._line.do_some(self._shown):
            pass  # until nothing is due, or Discord is away: the next wake, in 30 s, tries again
        await self.alerts.post_due()
        await self.alerts.refresh_behind()
        await self._deletions.do_some(self._delete)
        await self.alerts.rewrite_stale()

    async def _shown(self, due: Due) -> bool:
        """Label and flag one message; return whether it is due no longer."""
        place, present = await self._store.watched(due.place_id), await self._store.present(due.message_id)
        if place is None or present is None or present.content_hash != due.content_hash:
            return True  # what it says now is due by itself
        label, reply_id = due.shown_label, due.label_message_id
        try:
            label, reply_id = await self._labels.show(due, place.label)
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            if may_pass(problem):
                self._labels.look_again(due.posted_in)
                log.warning("the message %d waits on for its label: %s", due.message_id, problem)
                return False
            if isinstance(problem, discord.HTTPException) and is_gone(problem):
                await self._store.forget_messages([due.message_id])
                return True
            log.warning("the message %d gets no label: %s", due.message_id, problem)  # such as for lack of a permission
        present = await self._store.present(due.message_id)
        if present is None or not present.acts:  # it was forgotten or let go meanwhile, and nobody knew of its label
            await self._take_back(due, label, reply_id)
            return True
        await self._flag(due, place)
        if not await self._store.shown(due.message_id, due.content_hash, label=label, label_message_id=reply_id):
            await self._take_back(due, label, reply_id)
        return True

    async def _take_back(self, due: Due, label: ShownLabel | None, reply_id: int | None) -> None:
        if reply_id is not None:
            await self._store.delete_own(OwnMessage(due.posted_in, reply_id))
        await self.take_away(LetGo(due.message_id, due.guild_id, due.posted_in, label, reply_id))

    async def _flag(self, due: Due, place: Watched) -> None:
        if place.flag_below is None or place.log_channel_id is None:
            return
        case = await self._store.case_of(due.message_id)
        found = flag(
            due.positive_probability,
            place.flag_below,
            place.urgent_below,
            was_flagged=case is not None and case.state != "withdrawn",
            was_urgent=case is not None and case.urgent,
        )
        if case is not None:
            await self._store.rescored(
                due.message_id,
                urgent=found.is_urgent,
                below=found.is_flagged,
                positive_probability=due.positive_probability,
                margin=due.margin,
                label_mass=due.label_mass,
                model=due.model,
            )
            await self.alerts.refresh(case.id)
        elif found.is_flagged:
            await self._store.open_case(
                due, log_channel_id=place.log_channel_id, urgent=found.is_urgent, flag_below=place.flag_below
            )

    async def _delete(self, own: OwnMessage) -> bool:
        """Delete a message of the bot's own about what is forgotten."""
        if not await self._is_deleted(own):
            return False
        await self._store.deleted(own)
        return True

    async def _is_deleted(self, own: OwnMessage) -> bool:
        channel = self._bot.get_partial_messageable(own.channel_id)
        try:
            await channel.get_partial_message(own.message_id).delete()
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            if may_pass(problem):
                log.warning("the message %d is still to be deleted: %s", own.message_id, problem)
                return False
            if not isinstance(problem, discord.NotFound):
                log.warning("the message %d cannot be deleted: %s", own.message_id, problem)
        return True
