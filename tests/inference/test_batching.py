"""Requests that are computed together give what each gives alone, and leave no trace on one another."""

import asyncio
import gc
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import psutil
import pytest
import pytest_asyncio

from bot.errors import QueueFull, RequestCancelled
from bot.inference.executor import ModelExecutor
from bot.inference.generation_parameters import GenerationParameters
from bot.inference.model import Continuation, LanguageModel, NextTokens, Sentiment, ShouldStop
from bot.inference.transformers_model import TransformersModel

PATIENCE = 60.0
PROMPTS = ("It was a dark and stormy", "Once upon a time", "The", "I loved this film, because it had everything " * 3)

Ask = Callable[[LanguageModel, ShouldStop], Any]


def continuation(prompt: str, **options: Any) -> Ask:
    parameters = GenerationParameters.from_options(**options)
    return lambda model, should_stop: model.generate(prompt, parameters, should_stop)


def mixed_requests(count: int, *, judges: bool) -> list[Ask]:
    """Return greedy and sampled continuations, beam searches, next tokens and verdicts of different lengths."""
    made: list[Ask] = []
    for number in range(count):
        prompt = PROMPTS[number % len(PROMPTS)] + " and" * (number % 7)
        kinds: list[Ask] = [
            continuation(prompt, strategy="greedy", max_new_tokens=1 + number),
            continuation(prompt, strategy="sample", max_new_tokens=5 + number, seed=number, temperature=1.1),
            continuation(prompt, strategy="greedy", max_new_tokens=12, repetition_penalty=1.3),
            continuation(prompt, strategy="sample", max_new_tokens=9, seed=number, top_k=0, top_p=0.7),
            continuation(prompt, strategy="beam", max_new_tokens=6, num_beams=3),
            lambda model, _, prompt=prompt: model.next_tokens(prompt, 10),  # type: ignore[misc]  # as Ask, with its prompt bound
        ]
        if judges:
            kinds.append(lambda model, _, prompt=prompt: model.sentiment(prompt))  # type: ignore[misc]  # as above
        made.append(kinds[number % len(kinds)])
    return made


def assert_same(alone: Any, together: Any) -> None:
    assert type(alone) is type(together)
    if isinstance(alone, Continuation):
        assert (together.output_ids, together.text) == (alone.output_ids, alone.text)
    elif isinstance(alone, NextTokens):
        assert [one.token for one in together.candidates] == [one.token for one in alone.candidates]
        expected = [one.probability for one in alone.candidates]
        assert [one.probability for one in together.candidates] == pytest.approx(expected, abs=1e-5)
    else:
        assert isinstance(alone, Sentiment)
        assert together.label == alone.label
        assert together.positive_probability == pytest.approx(alone.positive_probability, abs=1e-5)
        assert together.label_mass == pytest.approx(alone.label_mass, abs=1e-5)


@pytest.fixture(params=["demo_model", "stories_model"])
def model(request: pytest.FixtureRequest) -> TransformersModel:
    found: TransformersModel = request.getfixturevalue(request.param)
    return found


Start = Callable[..., ModelExecutor]


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    started: list[ModelExecutor] = []

    def build(model: TransformersModel, *, batch_size: int = 16, queue_limit: int = 64) -> ModelExecutor:
        executor = ModelExecutor(
            lambda: model, name="demo", batch_size=batch_size, queue_limit=queue_limit, user_limit=64,
            request_timeout=PATIENCE,
        )  # fmt: skip
        started.append(executor)
        executor.start()
        executor.wait_until_loaded()
        return executor

    yield build
    for executor in started:
        executor.close()


@pytest.mark.parametrize("batch_size", [3, 16, 32])
async def test_each_of_32_requests_gives_together_what_it_gives_alone(
    start: Start, model: TransformersModel, batch_size: int
) -> None:
    asked = mixed_requests(32, judges="demo" in model.info.name)
    alone = [ask(model, lambda: False) for ask in asked]
    executor = start(model, batch_size=batch_size)
    together = await asyncio.gather(*(executor.submit(number, ask) for number, ask in enumerate(asked)))
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # the model's thread has no event for it
            await asyncio.sleep(0.001)


LONG = {"max_new_tokens": 250}
STAGES = {
    "queued": None,
    "decoding": continuation("Once", strategy="greedy", **LONG),
    "sampling": continuation("Once", strategy="sample", **LONG),
    "beam": continuation("Once", strategy="beam", num_beams=8, **LONG),
}


@pytest.mark.parametrize("stage", STAGES)
async def test_cancelling_frees_the_slot_and_leaves_the_others_unchanged(
    start: Start, demo_model: TransformersModel, stage: str
) -> None:
    others = mixed_requests(6, judges=True)
    alone = [ask(demo_model, lambda: False) for ask in others]
    victim = STAGES[stage] or continuation("Once", strategy="greedy", **LONG)
    executor = start(demo_model, batch_size=1 if stage == "queued" else 8)
    first = executor.submit(1, continuation("The", strategy="greedy", max_new_tokens=100))
    cancelled = executor.submit(2, victim)
    await until(lambda: executor.status.waiting == (1 if stage == "queued" else 0))
    futures = [executor.submit(number + 3, ask) for number, ask in enumerate(others)]
    cancelled.cancel()
    for one, other in zip(alone, await asyncio.gather(*futures), strict=True):
        assert_same(one, other)
    await first
    await until(lambda: not executor.status.running)
    assert cancelled.cancelled()
    assert_same(alone[0], await executor.submit(2, others[0]))


async def test_a_stopped_request_ends_within_one_step_of_the_others(
    start: Start, demo_model: TransformersModel
) -> None:
    executor = start(demo_model)
    steps: list[int] = []

    def count(model: LanguageModel, should_stop: ShouldStop) -> None:
        def counting() -> bool:
            steps.append(executor.status.waiting)
            return should_stop()

        with pytest.raises(RequestCancelled):
            model.generate("Once", GenerationParameters.from_options(strategy="greedy", **LONG), counting)

    counted = executor.submit(1, count)
    await until(lambda: len(steps) > 5)
    counted.cancel()
    seen = len(steps)
    await until(lambda: not executor.status.running)
    assert len(steps) - seen <= 3  # what was under way while it was cancelled


async def test_thousands_of_mixed_requests_each_end_once_and_leave_nothing(
    start: Start, demo_model: TransformersModel
) -> None:
    executor = start(demo_model, queue_limit=40)
    kinds = mixed_requests(24, judges=True)
    choose = random.Random(5)
    outcomes: Counter[str] = Counter()
    threads = threading.active_count()
    sizes: list[int] = []

    async def one(number: int) -> None:
        try:
            future = executor.submit(number % 50, choose.choice(kinds))
        except QueueFull:
            outcomes["refused"] += 1
            return
        if choose.random() < 0.1:
            await asyncio.sleep(choose.random() / 50)
            future.cancel()
        try:
            await future
            outcomes["done"] += 1
        except asyncio.CancelledError:
            outcomes["cancelled"] += 1

    for wave in range(20):
        await asyncio.gather(*(one(wave * 60 + number) for number in range(60)))
        await until(lambda: not executor.status.running)
        gc.collect()
        sizes.append(psutil.Process().memory_info().rss)
    assert sum(outcomes.values()) == 20 * 60
    assert all(outcomes[kind] > 0 for kind in ("done", "cancelled", "refused"))
    assert threading.active_count() <= threads + 2
    assert executor.status.waiting == 0
    assert sizes[-1] < sizes[5] * 1.05
