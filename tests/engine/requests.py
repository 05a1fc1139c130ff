"""Requests of every kind, for an executor to compute together."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bot.engine.executor import ModelExecutor
from bot.engine.transformers.llama.network import LlamaNetwork, Pass
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import LanguageModel
from bot.questions.sentiment import Sentiment, SentimentQuestion
from bot.questions.tokens import NextTokens
from bot.questions.topk import TopKQuestion
from tests.engine.operations import IsCancelled
from tests.engine.watching import Cancelling

PATIENCE = 60.0
PROMPTS = ("It was a dark and stormy", "Once upon a time", "The", "I loved this film, because it had everything " * 3)
Ask = Callable[[LanguageModel, IsCancelled], Any]


def continuation(prompt: str, **options: Any) -> Ask:
    parameters = GenerationParameters.from_options(**options)
    return lambda model, should_stop: model.answer(ContinuationQuestion(prompt, parameters), Cancelling(should_stop))


def mixed_requests(count: int, *, judges: bool) -> list[Ask]:
    """Return greedy and sampled continuations, beam searches, next tokens and verdicts of different lengths."""
    asks: list[Ask] = []
    for number in range(count):
        prompt = PROMPTS[number % len(PROMPTS)] + " and" * (number % 7)
        kinds: list[Ask] = [
            continuation(prompt, strategy="greedy", max_new_tokens=1 + number),
            continuation(prompt, strategy="sample", max_new_tokens=5 + number, seed=number, temperature=1.1),
            continuation(prompt, strategy="greedy", max_new_tokens=12, repetition_penalty=1.3),
            continuation(prompt, strategy="sample", max_new_tokens=9, seed=number, top_k=0, top_p=0.7),
            continuation(
                prompt, strategy="sample", max_new_tokens=7, seed=number, min_p=0.05, top_h=0.9, no_repeat_ngram_size=2
            ),
            continuation(prompt, strategy="beam", max_new_tokens=6, num_beams=3),
            lambda model, _, prompt=prompt: model.answer(TopKQuestion(prompt, 10)).next_tokens,  # type: ignore[misc]  # as Ask, with its prompt bound
        ]
        if judges:
            kinds.append(lambda model, _, prompt=prompt: model.answer(SentimentQuestion(prompt)))  # type: ignore[misc]  # as above
        asks.append(kinds[number % len(kinds)])
    return asks


def assert_same(alone: Any, together: Any) -> None:
    assert type(alone) is type(together)
    if isinstance(alone, Continuation):
        assert (together.output_ids, together.text) == (alone.output_ids, alone.text)
    elif isinstance(alone, NextTokens):
        assert [candidate.token for candidate in together.candidates] == [
            candidate.token for candidate in alone.candidates
        ]
        expected = [candidate.probability for candidate in alone.candidates]
        assert [candidate.probability for candidate in together.candidates] == pytest.approx(expected, abs=1e-5)
    else:
        assert isinstance(alone, Sentiment)
        assert together.label == alone.label
        assert together.positive_probability == pytest.approx(alone.positive_probability, abs=1e-5)
        assert together.label_mass == pytest.approx(alone.label_mass, abs=1e-5)


Start = Callable[..., ModelExecutor]


class RecordedPasses:
    """Records the (texts, tokens) of each forward pass, and can hold passes back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shapes: list[tuple[int, int]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        forward = LlamaNetwork.forward

        def record(network: LlamaNetwork, step: Pass, *rest: Any) -> Any:
            self.shapes.append((step.texts, len(step.ids)))
            assert self.go_on.wait(PATIENCE)
            return forward(network, step, *rest)

        monkeypatch.setattr(LlamaNetwork, "forward", record)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # the model's thread has no event for it
            await asyncio.sleep(0.001)
