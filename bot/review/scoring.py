"""From a message that waits to its score: in the background, in the order of posting, once each."""

import asyncio
import logging
from collections import OrderedDict

import discord
from discord.ext import commands

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
from bot.storage.database import Database
from bot.storage.records import Pending
from bot.storage.review_store import ReviewStore

AT_A_TIME = 32
TEXTS_KEPT = 1000  # in memory alone, of messages that wait; what is older is asked of Discord again

log = logging.getLogger(__name__)


class Scoring:
    """Scores the messages that wait in `store`. Texts come from memory or from Discord, and are never stored."""

    def __init__(self, bot: commands.Bot, database: Database, store: ReviewStore, executor: ModelExecutor) -> None:
        self._bot = bot
        self._database = database
        self._store = store
        self._executor = executor
        self._texts: OrderedDict[int, str] = OrderedDict()
        self._under_way: asyncio.Task[None] | None = None
        self._asked_again = False

    def offer(self, message_id: int, text: str) -> None:
        """Keep `text` at hand for the message's score."""
        self._texts[message_id] = text
        self._texts.move_to_end(message_id)
        while len(self._texts) > TEXTS_KEPT:
            self._texts.popitem(last=False)

    def forget(self, message_id: int) -> None:
        """Keep no text of a message."""
        self._texts.pop(message_id, None)

    def wake(self) -> None:
        """Score what waits, unless that is under way; then look once more at its end."""
        self._asked_again = True
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._score_until_done())

    async def stop(self) -> None:
        """End; what waits is scored after the next start."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.gather(self._under_way, return_exceptions=True)

    async def _score_until_done(self) -> None:
        try:
            await self._score_all()
        except Exception:  # such as a database that is gone: what waits is kept, and the next minute tries again
            log.exception("scoring was interrupted")

    async def _score_all(self) -> None:
        while self._asked_again:
            self._asked_again = False
            while waiting := await self._store.pending(AT_A_TIME):
                settled = await asyncio.gather(*(self._settled(one) for one in waiting))
                if not any(settled):
                    return  # the model or Discord is not there; the next event, or the next minute, tries again

    async def _settled(self, waiting: Pending) -> bool:
        """Score one message, or let it go where it never can be; return whether it waits no longer."""
        try:
            text = await self._text(waiting)
            if text is None:
                return True
            info, verdict = await self._executor.submit_background(waiting.channel_id, _judge(text))
        except (PromptTooLong, EmptyPrompt, InputUnreadable):
            await self._store.drop(waiting.message_id)
            return True
        except (ModelLoading, ShuttingDown, RequestCancelled):
            return False
        except (BotError, discord.DiscordException, OSError) as error:
            log.warning("a message waits on for its score: %s", error)
            return False
        self.forget(waiting.message_id)
        await self._store.score(
            waiting.message_id,
            waiting.content_hash,
            model=f"{info.short_name}@{info.revision or 'local'}",
            positive_probability=verdict.positive_probability,
            margin=verdict.positive_logit - verdict.negative_logit,
            label_mass=verdict.label_mass,
        )
        return True

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
            return None
        if self._database.content_hash(message.content) == waiting.content_hash:
            return message.content
        if (watched := await self._store.watched(waiting.channel_id)) is not None:
            # It was edited while the bot was away: its new text waits now.
            where = (waiting.channel_id, watched.guild_id, message.author.id)
            self.offer(message.id, message.content)
            await self._store.record(
                message.id, *where, message.created_at, message.content, posted_in=waiting.posted_in,
                moves=False, backfilled=waiting.backfilled,
            )  # fmt: skip
        return None


def _judge(text: str) -> Operation[tuple[ModelInfo, Sentiment]]:
    def operation(model: LanguageModel, _: object) -> tuple[ModelInfo, Sentiment]:
        return model.info, model.sentiment(text)

    return operation
