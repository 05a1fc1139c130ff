"""Repeating a receipt's question, also for texts that were stopped or written in several parts."""

from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.errors import ReceiptUnusable
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import Watcher
from bot.questions.outcome import first_difference

PROMPT = "The old man looked at the sea and"
STRATEGIES: list[dict[str, Any]] = [
    {},
    {"strategy": "sample", "seed": 3},
    {"strategy": "beam", "num_beams": 4},
    {"strategy": "beam", "num_beams": 3, "repetition_penalty": 1.5},
]
each = pytest.mark.parametrize(
    "options", STRATEGIES, ids=lambda options: "-".join(map(str, options.values())) or "greedy"
)


class StopsAfter(Watcher[Continuation]):
    """Stops a continuation after some steps, as *Stop* does."""

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def wants_end(self) -> bool:
        self._steps -= 1
        return self._steps < 0


@each
def test_a_stopped_continuation_is_repeated_at_its_own_length(demo_model: EngineModel, options: dict[str, Any]) -> None:
    question = ContinuationQuestion(PROMPT, GenerationParameters.from_options(max_new_tokens=30, **options))
    stopped = demo_model.answer(question, StopsAfter(7))
    outcome = question.outcome(stopped)
    assert (stopped.finish_reason, outcome.is_cut_short) == ("stopped", True)
    again = question.again(outcome)
    assert 0 < again.parameters.max_new_tokens == len(stopped.output_ids) < 30
    assert first_difference(outcome, again.outcome(demo_model.answer(again))) is None


@each
def test_a_text_written_in_two_parts_is_repeated(demo_model: EngineModel, options: dict[str, Any]) -> None:
    first = demo_model.answer(
        ContinuationQuestion(PROMPT, GenerationParameters.from_options(max_new_tokens=6, **options))
    )
    parameters = first.parameters.with_max_new_tokens(16)
    question = ContinuationQuestion(PROMPT, parameters, first.output_ids)
    outcome = question.outcome(demo_model.answer(question))
    again = question.again(outcome)
    assert again.written == (first.output_ids if parameters.num_beams else ())
    assert first_difference(outcome, again.outcome(demo_model.answer(again))) is None


def test_a_text_stopped_before_its_first_token_cannot_be_repeated(demo_model: EngineModel) -> None:
    question = ContinuationQuestion(PROMPT, GenerationParameters.from_options())
    outcome = question.outcome(demo_model.answer(question, StopsAfter(0)))
    with pytest.raises(ReceiptUnusable, match="stopped before anything was written"):
        question.again(outcome)
