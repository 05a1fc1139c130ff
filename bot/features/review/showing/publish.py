"""Showing the scores of live places: labels in the channel, and cases for flagged messages."""

import logging

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD, is_retryable
from bot.engine.executor import ModelExecutor
from bot.features.review.cases.alerts import Alerts
from bot.features.review.cases.lapses import report_lapses
from bot.features.review.cases.opening import CaseOpener
from bot.features.review.showing.labels import Labels, is_gone
from bot.features.review.worker import RetryQueue, Worker
from bot.storage.question_records import QuestionScore
from bot.storage.records import Due, OwnMessage, Pending, ShownLabel, UntrackedMessage
from bot.storage.store import ReviewStore

AT_A_TIME = 32

log = logging.getLogger(__name__)


class Publisher:
    """Labels and flags scored messages of live places, each once, and deletes the bot's posts about deleted ones."""

    def __init__(self, bot: discord.Client, store: ReviewStore, executor: ModelExecutor) -> None:
        self._bot = bot
        self._store = store
        self._executor = executor
        self.alerts = Alerts(bot, store)
        self._opener = CaseOpener(store, executor)
        self._labels = Labels(bot)
        self._queue = RetryQueue(store.showing.due, AT_A_TIME)
        self._answers = RetryQueue(store.showing.due_answers, AT_A_TIME)
        self._deletions = RetryQueue(store.own_messages.due_deletions, AT_A_TIME)
        self._worker = Worker(self._show_all, "showing scores")

    def wake(self) -> None:
        """Show the due scores, or look for more after the current run."""
        self._worker.wake()

    async def stop(self) -> None:
        """Stop. Due scores are shown after the next start."""
        await self._worker.stop()

    async def stop_tracking(self, waiting: Pending, text: str) -> None:
        """Stop tracking a message whose text is now `text`, which cannot be scored, and withdraw its case.

        Nothing happens if `waiting` is outdated: the message has other content by now.
        """
        untracked = await self._store.messages.stop_tracking(waiting.message_id, text, waited_as=waiting.content_hash)
        if untracked is not None:
            await self.remove_label(untracked)

    async def remove_label(self, untracked: UntrackedMessage) -> None:
        """Remove the label of a message that is no longer tracked."""
        try:
            await self._labels.remove(untracked)
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            log.warning("could not remove the label of message %d: %s", untracked.message_id, problem)
        self.wake()

    async def _show_all(self) -> None:
        while await self._queue.do_some(self._show):
            pass  # until nothing is due or Discord is unavailable; the next wake, in 30 s, tries again
        while await self._answers.do_some(self._show_answer):
            pass
        await report_lapses(self._bot, self._store, self._executor)
        await self.alerts.post_due()
        await self.alerts.refresh_outdated()
        await self._deletions.do_some(self._delete)
        await self.alerts.rewrite_stale()

    async def _show(self, due: Due) -> bool:
        """Label and flag one message; return False if that must be retried."""
        state = await self._store.showing.state_of(due)
        if state is None:
            return True  # the message was edited; its new score is due separately
        place, case = state
        label, reply_id = due.shown_label, due.label_message_id
        try:
            label, reply_id = await self._labels.show(due, place.label)
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            if is_retryable(problem):
                self._labels.look_again(due.channel_id)
                log.warning("could not label message %d, will retry: %s", due.message_id, problem)
                return False
            if isinstance(problem, discord.HTTPException) and is_gone(problem):
                await self._store.messages.delete([due.message_id])
                return True
            log.warning(
                "could not label message %d, will not retry: %s", due.message_id, problem
            )  # such as a missing permission
        await self._opener.show_score(due, place, case)
        is_shown = await self._store.showing.mark_shown(
            due.message_id, due.content_hash, label=label, label_message_id=reply_id
        )
        if not is_shown:  # it was deleted, or is no longer tracked, and its label was not recorded
            await self._delete_label(due, label, reply_id)
        if case is not None:
            await self.alerts.refresh(case.id)
        return True

    async def _show_answer(self, answer: QuestionScore) -> bool:
        """Bring the case of a place's own question up to date; return False if that must be retried."""
        is_done, case_id = await self._opener.show_answer(answer)
        if case_id is not None:
            await self.alerts.refresh(case_id)
        return is_done

    async def _delete_label(self, due: Due, label: ShownLabel | None, reply_id: int | None) -> None:
        if reply_id is not None:
            await self._store.own_messages.delete_later(OwnMessage(due.channel_id, reply_id), due.guild_id)
        await self.remove_label(UntrackedMessage(due.message_id, due.guild_id, due.channel_id, label, reply_id))

    async def _delete(self, own: OwnMessage) -> bool:
        """Delete a message that the bot posted about a deleted one."""
        if not await self._try_delete(own):
            return False
        await self._store.own_messages.mark_deleted(own)
        return True

    async def _try_delete(self, own: OwnMessage) -> bool:
        channel = self._bot.get_partial_messageable(own.channel_id)
        try:
            await channel.get_partial_message(own.message_id).delete()
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            if is_retryable(problem):
                log.warning("could not delete the bot's message %d, will retry: %s", own.message_id, problem)
                return False
            if not isinstance(problem, discord.NotFound):
                log.warning("could not delete the bot's message %d, will not retry: %s", own.message_id, problem)
        return True
