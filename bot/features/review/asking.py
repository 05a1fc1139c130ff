"""Asking a place's own questions about a message, each by itself: one that fails leaves the others their answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from bot.decisions.gate import decision_of, model_key
from bot.engine.executor import ModelExecutor
from bot.errors import (
    EmptyPrompt,
    InputUnreadable,
    LabelsUnsupported,
    NoChatTemplate,
    NumbersNotFinite,
    PromptTooLong,
    TokenWithoutWeights,
)
from bot.features.review.worker import error_location, is_outage
from bot.questions.decision import DecisionQuestion
from bot.storage.question_records import NewQuestionScore, PlaceQuestion
from bot.storage.records import Pending

_FAULTS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((PromptTooLong, EmptyPrompt, InputUnreadable, TokenWithoutWeights), "text"),
    ((NoChatTemplate, LabelsUnsupported), "unsupported"),
    ((NumbersNotFinite,), "not_finite"),
)

log = logging.getLogger(__name__)


class Asking:
    """Asks the questions of places as background work."""

    def __init__(self, executor: ModelExecutor, is_model_working: Callable[[], Awaitable[bool]]) -> None:
        """`is_model_working` is asked about failures that may concern every text."""
        self._executor = executor
        self._is_model_working = is_model_working

    async def ask(
        self, waiting: Pending, text: str, questions: Sequence[PlaceQuestion]
    ) -> tuple[list[NewQuestionScore], bool]:
        """Return the answers to `questions` about a message, and whether none of them is to be asked again.

        A question that can't be answered about this message has its fault as the answer.
        """
        answers = await asyncio.gather(*(self._ask(waiting, text, question) for question in questions))
        return [answer for answer in answers if answer is not None], None not in answers

    async def _ask(self, waiting: Pending, text: str, question: PlaceQuestion) -> NewQuestionScore | None:
        model = self._executor.status.model
        try:
            asked = DecisionQuestion(decision_of(question.definition), text)
            answer = await self._executor.submit_background(waiting.place_id, asked)
            model, reading = answer.run.model, answer.result
            return NewQuestionScore(
                waiting.message_id,
                waiting.content_hash,
                question.id,
                question.rule.version_id,
                model=f"{model.short_name}@{model.revision or 'local'}",
                computed_by=model_key(model),
                probabilities=tuple(label.probability for label in reading.labels),
                label_mass=reading.label_mass,
                margin=reading.margin_of(question.rule.flag_label),
                verdict=reading.verdict,
            )
        except Exception as problem:
            fault = next((fault for errors, fault in _FAULTS if isinstance(problem, errors)), None)
            if fault is None and isinstance(problem, ValueError):  # figures that are not finite
                fault = "not_finite"
            if fault is None and (is_outage(problem) or model is None or not await self._is_model_working()):
                return None
            log.warning(
                "could not ask question %d about message %d (%s): %s",
                question.id, waiting.message_id, fault or "model", error_location(problem),
            )  # fmt: skip
            assert model is not None  # noqa: S101  # something was computed
            return NewQuestionScore(
                waiting.message_id,
                waiting.content_hash,
                question.id,
                question.rule.version_id,
                model=f"{model.short_name}@{model.revision or 'local'}",
                computed_by=model_key(model),
                fault=fault or "model",
            )
