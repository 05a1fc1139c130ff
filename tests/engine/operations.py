"""Questions that run a test's own code on the model's thread, to test the executor and scheduler."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from bot.engine.waiting import Answered
from bot.questions.language_model import LanguageModel, ModelInfo, Question, Watcher

T = TypeVar("T")
IsCancelled = Callable[[], bool]


@dataclass(frozen=True)
class Operation(Question[T], Generic[T]):
    """Calls `run` on the model's thread, with the model and a function that says whether to stop."""

    run: Callable[[LanguageModel, IsCancelled], T]


class Operating:
    """A language model that also answers operations."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def answer(self, question: Question[T], watcher: Watcher[T] | None = None) -> T:
        if isinstance(question, Operation):
            return cast("T", question.run(self._model, (watcher or Watcher()).is_cancelled))
        return self._model.answer(question, watcher)


async def result_of(future: Awaitable[Answered[T]]) -> T:
    return (await future).result


async def results_of(*futures: Awaitable[Answered[Any]], return_exceptions: bool = False) -> list[Any]:
    return await asyncio.gather(*map(result_of, futures), return_exceptions=return_exceptions)
