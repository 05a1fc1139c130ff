"""From a message that waits to its score: in the background, in the order of posting, once each."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence

import discord

from bot.errors import (
    BotError,
    EmptyPrompt,
    InputUnreadable,
    ModelLoading,
    PromptTooLong,
    RequestCancelled,
    ShuttingDown,
)
from bot.inference.executor import ModelExecutor
from bot.inference.model import LanguageModel, ModelInfo, Sentiment
from bot.inference.request import Operation
from bot.message_text import message_text
from bot.review.live import Live
from bot.review.worker import Worker
from bot.storage.database import Database
from bot.storage.records import NewScore, Pending
from bot.storage.review_store import ReviewStore

AT_A_TIME = 32  # written together; as many again are computed meanwhile
TEXTS_KEPT = 10_000  # in memory alone, of messages that wait; what is older is asked of Discord again

log = logging.getLogger(__name__)


class Scoring:
    """Scores the messages that wait in `store`. Texts come from memory or from Discord, and are never stored."""

    def __init__(
        self,
        bot: discord.Client,
        database: Database,
        store: ReviewStore,
        executor: ModelExecutor,
        live: Live,
    ) -> None:
        """Wake `live` whenever there are new scores."""
        self._bot = bot
        self._database = database
        self._store = store
        self._executor = executor
        self._live = live
        self._texts: OrderedDict[int, str] = OrderedDict()
        self._worker = Worker(self._score_all, "scoring")

    def offer(self, message_id: int, text: str) -> None:
        """Keep `text` at hand for the message's score."""
        self._texts[message_id] = text
        self._texts.move_to_end(message_id)
        while len(self._texts) > TEXTS_KEPT:
            self._texts.popitem(last=False)

    def forget(self, *message_ids: int) -> None:
        """Keep no text of these messages."""
        for message_id in message_ids:
            self._texts.pop(message_id, None)

    def wake(self) -> None:
        """Score what waits, unless that is under way; then look once more at its end."""
        self._worker.wake()

    async def stop(self) -> None:
        """End; what waits is scored after the next start."""
        await self._worker.stop()

    async def _score_all(self) -> None:
        computing: list[asyncio.Task[bool]] = []
        under_way: set[Pending] = set()
        try:
            while True:
                found = await self._store.pending(2 * AT_A_TIME)
                some = [one for one in found if one not in under_way][:AT_A_TIME]
                if some:
                    computing.append(asyncio.create_task(self._score_some(some)))
                if not computing or ((len(computing) == 2 or not some) and not await computing.pop(0)):
                    return  # nothing waits, or model or Discord are not there: the next minute tries again
                under_way = set(some)
        finally:
            for task in computing:
                task.cancel()
            await asyncio.gather(*computing, return_exceptions=True)

    async def _score_some(self, some: Sequence[Pending]) -> bool:
        """Score messages and write the scores down; return whether any waits no longer."""
        settled = await asyncio.gather(*(self._settled(one) for one in some))
        scores = [one for one in settled if isinstance(one, NewScore)]
        if scores:
            await self._store.score_all(scores)
            self._live.wake()
            self.forget(*(one.message_id for one in scores))
        return any(settled)

    async def _settled(self, waiting: Pending) -> NewScore | bool:
        """Return a message's score, True where it can never have one and is let go, False where it waits on."""
        try:
            text = await self._text(waiting)
            if text is None:
                return True
            try:
                info, verdict = await self._executor.submit_background(waiting.channel_id, _judge(text))
            except (PromptTooLong, EmptyPrompt, InputUnreadable):
                await self._live.let_go(waiting, text)
                self._forget_text(waiting)
                return True
        except (ModelLoading, ShuttingDown, RequestCancelled):
            return False
        except (BotError, discord.DiscordException, OSError) as error:
            log.warning("a message waits on for its score: %s", error)
            return False
        return NewScore(
            waiting.message_id,
            waiting.content_hash,
            model=f"{info.short_name}@{info.revision or 'local'}",
            positive_probability=verdict.positive_probability,
            margin=verdict.positive_logit - verdict.negative_logit,
            label_mass=verdict.label_mass,
        )

    def _forget_text(self, waiting: Pending) -> None:
        text = self._texts.get(waiting.message_id)
        if text is not None and self._database.content_hash(text) == waiting.content_hash:  # none that came meanwhile
            self.forget(waiting.message_id)

    async def _text(self, waiting: Pending) -> str | None:
        """Return the text that waits; None where it is gone or another by now, which is noted."""
        text = self._texts.get(waiting.message_id)
        if text is not None and self._database.content_hash(text) == waiting.content_hash:
            return text
        channel = self._bot.get_partial_messageable(waiting.posted_in)
        try:
            message = await channel.fetch_message(waiting.message_id)
        except (discord.NotFound, discord.Forbidden):
            await self._store.drop(waiting.message_id)
            self.forget(waiting.message_id)
            return None
        text = message_text(message)
        if self._database.content_hash(text) == waiting.content_hash:
            return text
        if not text.strip():
            await self._live.let_go(waiting, text)
            return None
        if (watched := await self._store.watched(waiting.channel_id)) is not None:
            # It was edited while the bot was away: its new text waits now.
            self.offer(message.id, text)
            await self._store.record(
                message.id, waiting.channel_id, watched.guild_id, message.author.id, message.created_at,
                text, posted_in=waiting.posted_in, moves=False, backfilled=waiting.backfilled,
            )  # fmt: skip
        return None


def _judge(text: str) -> Operation[tuple[ModelInfo, Sentiment]]:
    def operation(model: LanguageModel, _: object) -> tuple[ModelInfo, Sentiment]:
        return model.info, model.sentiment(text)

    return operation
