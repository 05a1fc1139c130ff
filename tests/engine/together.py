"""Compute requests side by side, as the executor's thread does."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bot.engine.scheduler import Scheduler
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import LanguageModel


def together(asks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Return the result of each of `asks`, or the error it ended with."""
    ended: dict[int, Any] = {}
    scheduler = Scheduler()
    for number, ask in enumerate(asks):
        scheduler.start(
            ask,
            lambda: False,
            lambda result, error, number=number: ended.__setitem__(number, error or result),  # type: ignore[misc]  # its number is bound
        )
    while len(scheduler):
        scheduler.step()
    return [ended[number] for number in range(len(asks))]


def written_together(model: LanguageModel, prompts: Sequence[str], parameters: GenerationParameters) -> list[Any]:
    """Return what the model writes after each of `prompts`, side by side."""
    return together([partial(model.answer, ContinuationQuestion(prompt, parameters)) for prompt in prompts])
