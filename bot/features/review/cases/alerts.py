"""Posting cases in log channels: a card for each, or one digest for many."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD, is_retryable
from bot.answers.message_text import message_text
from bot.features.review.buttons import case_of_card, case_view, cases_in_digest, digest_view
from bot.features.review.embeds.card import case_card, digest_embed, excerpt_of, spoilered_excerpt
from bot.features.review.showing.labels import OwnHistory
from bot.features.review.showing.notices import report_suspension
from bot.features.review.worker import RetryQueue, attempt, error_location, is_outage
from bot.storage.records import Case, OwnMessage, StaleDigest
from bot.storage.refusal import is_away
from bot.storage.store import ReviewStore

CARDS_A_MINUTE = 5
MINUTE = timedelta(minutes=1)
EXCERPT_DAYS = timedelta(days=30)
STALE_AT_A_TIME = 10
REFUSALS = (401, 403, 404)

log = logging.getLogger(__name__)


class Alerts:
    """Posts the cards of cases that have none, once each, and keeps them up to date."""

    def __init__(self, bot: discord.Client, store: ReviewStore) -> None:
        self._bot = bot
        self._store = store
        self._own_history = OwnHistory(bot)
        self._posted: defaultdict[int, deque[datetime]] = defaultdict(deque)
        self._crowded_since: dict[int, datetime] = {}
        self._outdated = RetryQueue(store.cards.outdated, STALE_AT_A_TIME)
        self._stale = RetryQueue(store.own_messages.stale_digests, STALE_AT_A_TIME)
        self._edits: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def post_due(self) -> None:
        """Post the due cards and digests, except those that are already in the channel."""
        waiting: defaultdict[int, list[Case]] = defaultdict(list)
        for case in await self._store.cards.due():
            waiting[case.log_channel_id].append(case)
        for log_channel_id, cases in waiting.items():
            try:
                await self._post(log_channel_id, await self._record_posted(log_channel_id, cases))
            except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
                self._own_history.look_again(log_channel_id)
                if isinstance(problem, discord.HTTPException) and problem.status in REFUSALS:
                    places = await self._store.places.suspend_log(log_channel_id)
                    questions = await self._store.place_questions.suspend_log(log_channel_id)
                    await report_suspension(self._bot, log_channel_id, (*places, *questions))
                else:
                    log.warning("could not post the cards of %d cases, will retry: %s", len(cases), problem)
            except Exception as problem:
                if is_away(problem):
                    raise
                log.error(  # noqa: TRY400  # its message may quote a text
                    "could not post the cards of %d cases, will retry: %s", len(cases), error_location(problem)
                )

    async def post_card(self, case: Case) -> None:
        """Post the card of a case, unless it already has one. Raises discord.HTTPException."""
        content = await self._store.cards.content(case.id)
        if content is None or content.case.card_message_id is not None:
            return
        excerpt = await self._excerpt(case) if content.can_quote else None
        channel = self._bot.get_partial_messageable(case.log_channel_id, guild_id=case.guild_id)
        embed = case_card(content.case, content.history, excerpt, content.measurement)
        view = case_view(content.case)
        card = await channel.send(embed=embed, view=view, nonce=f"case-{case.id}")
        self._bot.dispatch("review_post", "card")  # counted by bot.app.metrics
        until = discord.utils.utcnow() + EXCERPT_DAYS if excerpt else None
        is_recorded = await self._store.cards.record(
            case.id, card.id, until, log_channel_id=case.log_channel_id, last_event=len(content.history)
        )
        if not is_recorded:
            now = await self._store.cases.get(case.id)
            if now is None or now.card_message_id != card.id:
                await self._store.own_messages.delete_later(OwnMessage(case.log_channel_id, card.id), case.guild_id)

    async def refresh_outdated(self) -> None:
        """Update cards whose last update failed."""
        await self._outdated.do_some(self.refresh)

    async def refresh(self, case_id: int) -> bool:
        """Update the card of a case, if it has one; return False if that must be retried."""
        # One edit at a time, so that the last edit shows the latest event.
        lock = self._edits.setdefault(case_id, asyncio.Lock())
        async with lock:
            content = await self._store.cards.content(case_id)
            if content is None or (card_id := content.case.card_message_id) is None:
                return True
            case, history = content.case, content.history
            channel = self._bot.get_partial_messageable(case.log_channel_id, guild_id=case.guild_id)
            try:
                card = await channel.fetch_message(card_id)
                is_quoted = bool(card.embeds) and history[-1].kind != "unscored"  # the author removed the text
                excerpt = excerpt_of(card.embeds[0]) if is_quoted else None
                await card.edit(embed=case_card(case, history, excerpt, content.measurement), view=case_view(case))
            except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
                log.warning("could not update the card of case %d: %s", case_id, problem)
                if is_retryable(problem):
                    return False
            # After a permanent refusal too, or the card would be retried for ever.
            await self._store.cards.mark_current(case_id, len(history))
        return True

    async def erase_excerpts(self) -> None:
        """Remove the excerpts from cards that showed them for 30 days."""
        for case in await self._store.cards.expired_excerpts(discord.utils.utcnow()):
            async with self._edits.setdefault(case.id, asyncio.Lock()):  # or another edit could restore it
                await attempt(self._erase_excerpt, case.id)

    async def _erase_excerpt(self, case_id: int) -> bool:
        content = await self._store.cards.content(case_id)
        if content is None or (card_id := content.case.card_message_id) is None:
            return True
        case, history = content.case, content.history
        channel = self._bot.get_partial_messageable(case.log_channel_id, guild_id=case.guild_id)
        try:
            card = case_card(case, history, None, content.measurement)
            await channel.get_partial_message(card_id).edit(embed=card)
        except discord.NotFound:
            pass
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            log.warning("could not remove the excerpt of case %d, will retry: %s", case_id, problem)
            return False
        await self._store.cards.mark_excerpt_erased(case_id)
        return True

    async def rewrite_stale(self) -> None:
        """Rewrite the digests that list deleted cases, and delete those that list no others."""
        await self._stale.do_some(self._rewrite)

    async def _rewrite(self, stale: StaleDigest) -> bool:
        cases = await self._store.cards.in_digest(stale.message_id)
        digest = self._bot.get_partial_messageable(stale.channel_id).get_partial_message(stale.message_id)
        try:
            if cases:
                await digest.edit(embed=digest_embed(cases), view=digest_view(cases))
            else:
                await digest.delete()
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            if not isinstance(problem, discord.HTTPException) or problem.status not in REFUSALS:
                log.warning("could not remove deleted cases from a digest, will retry: %s", problem)
                return False
        await self._store.own_messages.mark_rewritten(stale)
        return True

    async def _post(self, log_channel_id: int, cases: Sequence[Case]) -> None:
        """Post up to 5 cards a minute; further cases are posted a minute later in one digest."""
        now = discord.utils.utcnow()
        recent = self._posted[log_channel_id]
        while recent and now - recent[0] >= MINUTE:
            recent.popleft()
        crowded = self._crowded_since.get(log_channel_id)
        if crowded is not None and now - crowded < MINUTE:
            return
        if crowded is not None and len(cases) > 1:
            await self._post_digest(log_channel_id, cases)
            del self._crowded_since[
                log_channel_id
            ]  # only after the digest is posted: otherwise a retry would post cards
            return
        self._crowded_since.pop(log_channel_id, None)
        room, waiting = CARDS_A_MINUTE - len(recent), list(cases)
        while waiting and room > 0:
            if await self._try_post(waiting.pop(0)):
                recent.append(now)
                room -= 1
        if waiting:
            self._crowded_since[log_channel_id] = now

    async def _try_post(self, case: Case) -> bool:
        """Post the card of a case; False if it fails for this case alone."""
        try:
            await self.post_card(case)
        except Exception as problem:
            if is_outage(problem) or (isinstance(problem, discord.HTTPException) and problem.status in REFUSALS):
                raise
            # The error's message may quote a text.
            log.error("could not post the card of case %d, will retry: %s", case.id, error_location(problem))  # noqa: TRY400
            return False
        return True

    async def _post_digest(self, log_channel_id: int, cases: Sequence[Case]) -> None:
        channel = self._bot.get_partial_messageable(log_channel_id, guild_id=cases[0].guild_id)
        nonce = f"digest-{cases[0].id}"[:25]
        digest = await channel.send(embed=digest_embed(cases), view=digest_view(cases), nonce=nonce)
        self._bot.dispatch("review_post", "digest")
        case_ids = [case.id for case in cases]
        if await self._store.cards.record_digest(case_ids, digest.id, log_channel_id=log_channel_id) < len(cases):
            remaining = await self._store.cards.in_digest(digest.id)  # cases were deleted meanwhile
            await digest.edit(embed=digest_embed(remaining), view=digest_view(remaining))

    async def _record_posted(self, log_channel_id: int, cases: list[Case]) -> list[Case]:
        """Record cards and digests that were posted but not recorded; return the cases that have neither."""
        channel = self._bot.get_partial_messageable(log_channel_id, guild_id=cases[0].guild_id)
        missing = {case.id: case for case in cases}
        for message in await self._own_history.messages_in(channel):
            if (case_id := case_of_card(message, missing)) is not None:
                excerpt = excerpt_of(message.embeds[0]) if message.embeds else None
                until = message.created_at + EXCERPT_DAYS if excerpt else None
                await self._store.cards.record(case_id, message.id, until)
                await self.refresh(case_id)  # its buttons may have been pressed before it was recorded
                del missing[case_id]
            elif case_ids := cases_in_digest(message, missing):
                await self._store.cards.record_digest(case_ids, message.id)
                for case_id in case_ids:
                    del missing[case_id]
        return list(missing.values())

    async def _excerpt(self, case: Case) -> str | None:
        channel = self._bot.get_partial_messageable(case.channel_id, guild_id=case.guild_id)
        try:
            return spoilered_excerpt(message_text(await channel.fetch_message(case.message_id)))
        except discord.HTTPException:
            return None  # deleted or not visible: the card has no excerpt
