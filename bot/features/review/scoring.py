"""Scoring waiting messages: as background work, in the order of posting, each once."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import discord

from bot.answers.message_text import message_text
from bot.decisions.gate import model_key
from bot.engine.executor import ModelExecutor
from bot.engine.waiting import Answered
from bot.errors import EmptyPrompt, InputUnreadable, NumbersNotFinite, PromptTooLong, SentimentUnsupported
from bot.features.review.asking import Asking
from bot.features.review.showing.publish import Publisher
from bot.features.review.worker import RetryQueue, Worker, error_location, is_outage
from bot.questions.sentiment import Sentiment, SentimentQuestion
from bot.storage.database import Database
from bot.storage.question_records import NewQuestionScore, PlaceQuestion
from bot.storage.records import Fault, NewScore, Pending
from bot.storage.refusal import is_refusal
from bot.storage.store import ReviewStore

AT_A_TIME = 32  # scores written together; the next 32 are computed meanwhile
TEXTS_KEPT = 10_000  # texts of waiting messages, in memory only; older ones are fetched from Discord again
PLAIN_REVIEW = "good"  # a probe that every working model can score
GONE = (10003, 10008)  # unknown channel, unknown message

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Computed:
    """What was computed of a message.

    `is_settled`: it has its score or a scheduled retry, or can never have one. Otherwise it keeps waiting, because
    something that all messages need is unavailable.
    """

    score: NewScore | None
    answers: tuple[NewQuestionScore, ...] = ()
    is_settled: bool = True


class Scoring:
    """Scores the waiting messages of `store`. Texts come from memory or from Discord and are never stored."""

    def __init__(
        self,
        bot: discord.Client,
        database: Database,
        store: ReviewStore,
        executor: ModelExecutor,
        publisher: Publisher,
    ) -> None:
        """Wake `publisher` whenever there are new scores."""
        self._bot = bot
        self._database = database
        self._store = store
        self._executor = executor
        self._publisher = publisher
        self._texts: OrderedDict[int, str] = OrderedDict()
        self._queue = RetryQueue(self._due, AT_A_TIME)
        self._probe: asyncio.Task[bool] | None = None
        self._is_model_known = False  # whether the database has the name of the current model
        self._asking = Asking(executor, self._is_model_working)
        self._worker = Worker(self._score_all, "scoring")

    def offer(self, message_id: int, text: str) -> None:
        """Keep the text of a message in memory until it is scored."""
        self._texts[message_id] = text
        self._texts.move_to_end(message_id)
        while len(self._texts) > TEXTS_KEPT:
            self._texts.popitem(last=False)

    def discard_texts(self, *message_ids: int) -> None:
        """Discard the kept texts of messages."""
        for message_id in message_ids:
            self._texts.pop(message_id, None)

    def wake(self) -> None:
        """Score the waiting messages, or look for more after the current run."""
        self._worker.wake()

    async def stop(self) -> None:
        """Stop. Waiting messages are scored after the next start."""
        await self._worker.stop()

    async def _score_all(self) -> None:
        if (model := self._executor.status.model) is None:
            return  # it is still loading, or loading failed
        if not self._is_model_known:
            name = f"{model.short_name}@{model.revision or 'local'} in {model.dtype}"
            if count := await self._store.faults.retry_with(name):
                log.info("the model changed: retrying %d messages that failed", count)
            self._is_model_known = True
        computing: list[tuple[list[Pending], asyncio.Task[list[bool]]]] = []
        try:
            while True:
                messages = await self._queue.take([message for batch, _ in computing for message in batch])
                if messages:
                    computing.append((messages, asyncio.create_task(self._score_batch(messages))))
                if not computing:
                    return
                if len(computing) == 2 or not messages:
                    batch, task = computing.pop(0)
                    settled = await task
                    self._queue.pass_over(
                        *(message for message, is_settled in zip(batch, settled, strict=True) if not is_settled)
                    )
                    if not messages and not computing and all(settled) and not self._queue.has_failed:
                        return  # a message that came meanwhile wakes this again
                    if not any(settled):
                        return  # the database, Discord or the model is unavailable; the next wake, in 30 s, tries again
        finally:
            for _, task in computing:
                task.cancel()
            await asyncio.gather(*(task for _, task in computing), return_exceptions=True)

    async def _due(self, limit: int) -> list[Pending]:
        return await self._store.messages.pending(limit, discord.utils.utcnow())

    async def _score_batch(self, batch: Sequence[Pending]) -> list[bool]:
        """Score messages and record the scores; return for each whether it is settled: scored, or due for a retry."""
        questions = await self._store.place_questions.in_places({message.place_id for message in batch})
        answered = await self._answered(batch) if any(questions.values()) else set()
        results = await asyncio.gather(
            *(self._score(message, questions[message.place_id], answered) for message in batch)
        )
        computed = {
            message: result for message, result in zip(batch, results, strict=True) if result.score or result.answers
        }
        recorded = await self._record(computed)
        return [
            result.is_settled and recorded.get(message, True) for message, result in zip(batch, results, strict=True)
        ]

    async def _answered(self, batch: Sequence[Pending]) -> set[tuple[int, str, int, int]]:
        model = self._executor.status.model
        ids = [message.message_id for message in batch]
        return set() if model is None else await self._store.scores.answered(ids, model_key(model))

    async def _record(self, computed: Mapping[Pending, _Computed]) -> dict[Pending, bool]:
        """Record scores in one transaction; if the database refuses one of them, halve them until it is found."""
        if not computed:
            return {}
        scores = [result.score for result in computed.values() if result.score is not None]
        answers = [answer for result in computed.values() for answer in result.answers]
        try:
            count = await self._store.scores.record(scores, answers)
        except Exception as problem:
            if is_outage(problem):
                log.warning(
                    "could not record %d scores, will compute them again: %s", len(computed), error_location(problem)
                )
                return dict.fromkeys(computed, False)
            if len(computed) == 1:
                return {message: await self._fail(message, "database", problem) for message in computed}
            half = list(computed.items())[: len(computed) // 2]
            return await self._record(dict(half)) | await self._record(dict(list(computed.items())[len(half) :]))
        self._bot.dispatch("reviews_scored", count)  # counted by bot.app.metrics
        self._publisher.wake()
        self.discard_texts(*(message.message_id for message, result in computed.items() if result.score is not None))
        return dict.fromkeys(computed, True)

    async def _score(
        self, waiting: Pending, questions: Sequence[PlaceQuestion], answered: set[tuple[int, str, int, int]]
    ) -> _Computed:
        """Score a message, and ask its place's own questions unless they were `answered` already."""
        key = (waiting.message_id, waiting.content_hash)
        unanswered = [each for each in questions if (*key, each.id, each.rule.version_id) not in answered]
        answers: list[NewQuestionScore] = []
        is_complete = True
        fault: Fault = "bot"
        try:
            try:
                text = await self._text(waiting)
            except discord.HTTPException:
                fault = "unreadable"
                raise
            if text is None:
                return _Computed(None)
            try:
                answer, (answers, is_complete) = await self._compute(waiting, text, unanswered)
                if isinstance(answer, BaseException):
                    raise answer
            except (PromptTooLong, EmptyPrompt, InputUnreadable):
                await self._publisher.stop_tracking(waiting, text)
                self._discard_text(waiting)
                return _Computed(None)
            except NumbersNotFinite:
                fault = "not_finite"
                raise
            except Exception:
                fault = "model"
                raise
            info, verdict = answer.run.model, answer.result
            fault = "not_finite"
            score = NewScore(
                waiting.message_id,
                waiting.content_hash,
                model=f"{info.short_name}@{info.revision or 'local'}",
                positive_probability=verdict.positive_probability,
                margin=verdict.margin,
                label_mass=verdict.label_mass,
            )
            # If a question is to be asked again, the message waits with its score.
            return _Computed(score, tuple(answers)) if is_complete else _Computed(None, tuple(answers), False)
        except Exception as problem:
            if questions and isinstance(problem, SentimentUnsupported):  # the other questions don't wait for it
                return _Computed(None, tuple(answers), is_complete and await self._fail(waiting, "model", problem))
            is_away = is_outage(problem) or (fault == "model" and not await self._is_model_working())
            if is_away or self._bot.is_closed():
                log.info("could not score message %d, will retry: %s", waiting.message_id, error_location(problem))
                return _Computed(None, tuple(answers), False)
            fault = "database" if is_refusal(problem) and fault == "bot" else fault
            return _Computed(None, tuple(answers), await self._fail(waiting, fault, problem))

    async def _compute(
        self, waiting: Pending, text: str, questions: Sequence[PlaceQuestion]
    ) -> tuple[Answered[Sentiment] | BaseException, tuple[list[NewQuestionScore], bool]]:
        """Return the notebook's verdict, or its error, and what the place's own questions got."""

        async def judge() -> Answered[Sentiment]:
            return await self._executor.submit_background(waiting.place_id, SentimentQuestion(text))

        verdict, answers = await asyncio.gather(
            judge(), self._asking.ask(waiting, text, questions), return_exceptions=True
        )
        if isinstance(answers, BaseException):
            raise answers
        return verdict, answers

    async def _is_model_working(self) -> bool:
        """Return whether the model scores a fixed text. If not, memory or the device fails for every text.

        Messages that fail at the same time share one probe.
        """
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._probe_model())
        return await self._probe

    async def _probe_model(self) -> bool:
        try:
            await self._executor.submit_background(0, SentimentQuestion(PLAIN_REVIEW))
        except Exception as problem:
            log.warning("the model failed on a fixed text, too: %s", error_location(problem))
            return False
        return True

    async def _fail(self, waiting: Pending, fault: Fault, problem: Exception) -> bool:
        """Record a failed attempt on a message; False if that could not be recorded either."""
        log.warning("could not score message %d (%s): %s", waiting.message_id, fault, error_location(problem))
        try:
            if await self._store.faults.record(waiting, fault, discord.utils.utcnow()):
                self._bot.dispatch("review_failed", fault)
        except Exception as second:
            log.warning("could not record that failure either: %s", error_location(second))
            return False
        return True

    def _discard_text(self, waiting: Pending) -> None:
        text = self._texts.get(waiting.message_id)
        if (
            text is not None and self._database.content_hash(text) == waiting.content_hash
        ):  # not the text of a later edit
            self.discard_texts(waiting.message_id)

    async def _text(self, waiting: Pending) -> str | None:
        """Return the waiting text; None if the message was deleted or edited, which is recorded."""
        text = self._texts.get(waiting.message_id)
        if text is not None and self._database.content_hash(text) == waiting.content_hash:
            return text
        channel = self._bot.get_partial_messageable(waiting.channel_id)
        try:
            message = await channel.fetch_message(waiting.message_id)
        except discord.NotFound as refusal:
            if refusal.code not in GONE:  # perhaps a proxy's 404: a deletion can't be undone
                raise
            await self._store.messages.delete([waiting.message_id])
            self.discard_texts(waiting.message_id)
            return None
        text = message_text(message)
        if self._database.content_hash(text) == waiting.content_hash:
            return text
        if not text.strip():
            await self._publisher.stop_tracking(waiting, text)
            return None
        if (watched := await self._store.places.get(waiting.place_id)) is not None:
            # It was edited while the bot was away, so its new text waits now.
            self.offer(message.id, text)
            await self._store.messages.record(
                message.id, waiting.place_id, watched.guild_id, message.author.id, message.created_at,
                text, channel_id=waiting.channel_id, advance=False, backfilled=waiting.backfilled,
            )  # fmt: skip
        return None
