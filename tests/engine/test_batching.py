"""Requests that are computed together give the results that each gives alone, and don't affect one another."""

import asyncio
import gc
import random
import threading
from collections import Counter
from typing import Any

import pytest
import torch

from bot.engine.model import EngineModel
from bot.engine.transformers.batches import LOGITS_ROWS, PIECE_TOKENS, PREFILL_TOKENS
from bot.engine.transformers.llama import batches
from bot.engine.transformers.llama.network import LlamaNetwork, Pass
from bot.errors import QueueFull, RequestCancelled
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import LanguageModel, Question
from bot.questions.sentiment import SENTIMENT, EvidenceQuestion, SentimentQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.xray import XrayQuestion
from tests.engine.operations import IsCancelled, Operation, result_of, results_of
from tests.engine.requests import RecordedPasses, Start, assert_same, continuation, mixed_requests, until
from tests.engine.watching import Cancelling


def live_tensors() -> int:
    """Return how many tensors there are in this process."""
    gc.collect()
    return sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects())


@pytest.fixture(params=["demo_model", "stories_model"])
def model(request: pytest.FixtureRequest) -> EngineModel:
    loaded: EngineModel = request.getfixturevalue(request.param)
    return loaded


@pytest.mark.parametrize(
    "batch_size", [pytest.param(3, marks=pytest.mark.slow), 16, pytest.param(32, marks=pytest.mark.slow)]
)
async def test_each_of_32_requests_gives_the_same_result_alone_and_together(
    start: Start, model: EngineModel, batch_size: int
) -> None:
    asks = mixed_requests(32, judges="demo" in model.info.name)
    alone = [ask(model, lambda: False) for ask in asks]
    executor = start(model, batch_size=batch_size)
    together = await results_of(*(executor.submit(number, Operation(ask)) for number, ask in enumerate(asks)))
    for expected, actual in zip(alone, together, strict=True):
        assert_same(expected, actual)


async def test_an_exception_in_a_shared_pass_fails_only_the_texts_that_cause_it(
    start: Start, model: EngineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = mixed_requests(12, judges=False)
    alone = [ask(model, lambda: False) for ask in asks]
    spoilt = model.answer(TokenizationQuestion("and ~"))[0]
    bad_id = spoilt.tokens[-1].id
    exact = LlamaNetwork.forward

    def fail(self: LlamaNetwork, step: Pass, *arguments: Any) -> torch.Tensor:
        logits = exact(self, step, *arguments)  # its keys and values are cached already
        if bad_id in step.ids:
            raise RuntimeError("no kernel for this text")
        return logits

    monkeypatch.setattr(LlamaNetwork, "forward", fail)
    bad = [continuation(prompt, strategy="greedy", max_new_tokens=4) for prompt in (spoilt.text, spoilt.text + " the")]
    executor = start(model)
    results = await results_of(
        *(executor.submit(number, Operation(ask)) for number, ask in enumerate([*asks[:6], *bad, *asks[6:]])),
        return_exceptions=True,
    )
    for failed in results[6:8]:
        assert isinstance(failed, RuntimeError)
        assert str(failed) == "no kernel for this text"
    for expected, actual in zip(alone, [*results[:6], *results[8:]], strict=True):
        assert_same(expected, actual)
    assert_same(alone[0], await result_of(executor.submit(1, Operation(asks[0]))))


@pytest.mark.parametrize("piece_tokens", [1, 4, 11])
async def test_prompts_computed_in_pieces_give_the_same_results(
    start: Start, model: EngineModel, monkeypatch: pytest.MonkeyPatch, piece_tokens: int
) -> None:
    asks = mixed_requests(16, judges="demo" in model.info.name)
    alone = [ask(model, lambda: False) for ask in asks]
    monkeypatch.setattr(batches, "PIECE_TOKENS", piece_tokens)
    executor = start(model)
    together = await results_of(*(executor.submit(number, Operation(ask)) for number, ask in enumerate(asks)))
    for expected, actual in zip(alone, together, strict=True):
        assert_same(expected, actual)


@pytest.mark.parametrize(
    ("question", "widest"),
    [
        (TopKQuestion("word " * 480, 3), PIECE_TOKENS),
        (XrayQuestion("word " * 400), LOGITS_ROWS),
        (EvidenceQuestion("A good film, and long. " * 12), PREFILL_TOKENS),  # several whole prompts at once
    ],
    ids=["a long prompt", "a long X-ray", "evidence"],
)
async def test_a_short_prompt_overtakes_a_long_request(
    start: Start, demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch, question: Question[Any], widest: int
) -> None:
    computed = RecordedPasses(monkeypatch)
    executor = start(demo_model)
    passes: list[int] = []

    def long(model: LanguageModel, _: IsCancelled) -> None:
        model.answer(question)

    def short(model: LanguageModel, _: IsCancelled) -> None:
        model.answer(TopKQuestion("Once upon a time", 3))
        passes.append(len(computed.shapes))

    computed.go_on.clear()
    first = executor.submit(1, Operation(long))
    await until(lambda: bool(computed.shapes))
    second = executor.submit(2, Operation(short))
    computed.go_on.set()
    await results_of(first, second)
    assert passes[0] <= 3  # at most one pass had been chosen before it came
    assert widest <= max(tokens for _, tokens in computed.shapes) < widest + 10  # with the short prompt's


def test_a_walk_at_a_temperature_takes_no_more_passes(demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = RecordedPasses(monkeypatch)
    demo_model.answer(TopKQuestion("It was a dark", 3, (5, 300)))
    passes = list(computed.shapes)
    demo_model.answer(TopKQuestion("It was a dark", 3, (5, 300), 0.7))
    assert computed.shapes == passes * 2


async def test_the_beginning_of_the_sentiment_prompt_is_computed_once(
    start: Start, demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = RecordedPasses(monkeypatch)
    reviews = ["A good film.", "\n Bad", "The plot was thin but I liked every one of the actors."]
    whole = [len(demo_model.answer(TokenizationQuestion(SENTIMENT.prompt(review)))[0].tokens) for review in reviews]
    executor = start(demo_model)
    for number, review in enumerate(reviews):
        await executor.submit(1, SentimentQuestion(review))
        assert computed.shapes[number][1] < whole[number]


async def test_a_backlog_in_the_background_adds_at_most_one_forward_pass(
    start: Start, demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = start(demo_model)
    background = [executor.submit_background(7, SentimentQuestion("Fine. " * 60)) for _ in range(40)]
    await until(lambda: any(future.done() for future in background))
    passes = RecordedPasses(monkeypatch).shapes
    written = await result_of(executor.submit(1, Operation(continuation("Once", strategy="greedy", max_new_tokens=20))))
    others = [shape for shape in passes[: passes.index((1, 1)) + 19] if shape[1] > 20]
    assert len(others) <= 1
    assert len(written.output_ids) == 20
    assert {(await future).result.label for future in background} == {"Positive"}


LONG = {"max_new_tokens": 250}
STAGES = {
    "queued": None,
    "prefilling": continuation("word " * 250, strategy="greedy", **LONG),
    "decoding": continuation("Once", strategy="greedy", **LONG),
    "sampling": continuation("Once", strategy="sample", **LONG),
    "beam": continuation("Once", strategy="beam", num_beams=8, **LONG),
}


@pytest.mark.parametrize("stage", STAGES)
async def test_cancelling_frees_the_slot_and_leaves_the_others_unchanged(
    start: Start, demo_model: EngineModel, stage: str
) -> None:
    others = mixed_requests(6, judges=True)
    alone = [ask(demo_model, lambda: False) for ask in others]
    victim = STAGES[stage] or continuation("Once", strategy="greedy", **LONG)
    executor = start(demo_model, batch_size=1 if stage == "queued" else 8)
    first = executor.submit(1, Operation(continuation("The", strategy="greedy", max_new_tokens=100)))
    cancelled = executor.submit(2, Operation(victim))
    await until(lambda: executor.status.waiting == (1 if stage == "queued" else 0))
    futures = [executor.submit(number + 3, Operation(ask)) for number, ask in enumerate(others)]
    cancelled.cancel()
    for expected, actual in zip(alone, await results_of(*futures), strict=True):
        assert_same(expected, actual)
    await first
    await until(lambda: not executor.status.running)
    assert cancelled.cancelled()
    assert_same(alone[0], await result_of(executor.submit(2, Operation(others[0]))))


async def test_a_stopped_request_ends_within_one_step_of_the_others(start: Start, demo_model: EngineModel) -> None:
    executor = start(demo_model)
    steps: list[int] = []

    def count(model: LanguageModel, should_stop: IsCancelled) -> None:
        def count_step() -> bool:
            steps.append(executor.status.waiting)
            return should_stop()

        with pytest.raises(RequestCancelled):
            model.answer(
                ContinuationQuestion("Once", GenerationParameters.from_options(strategy="greedy", **LONG)),
                Cancelling(count_step),
            )

    counted = executor.submit(1, Operation(count))
    await until(lambda: len(steps) > 5)
    counted.cancel()
    seen = len(steps)
    await until(lambda: not executor.status.running)
    assert len(steps) - seen <= 3  # steps that were under way at the cancellation


@pytest.mark.slow
async def test_thousands_of_mixed_requests_each_end_once_and_leave_nothing(
    start: Start, demo_model: EngineModel
) -> None:
    executor = start(demo_model, queue_limit=40)
    kinds = mixed_requests(24, judges=True)
    choose = random.Random(5)
    outcomes: Counter[str] = Counter()
    threads = threading.active_count()
    tensors: list[int] = []

    async def one(number: int) -> None:
        try:
            future = executor.submit(number % 50, Operation(choose.choice(kinds)))
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
        tensors.append(live_tensors())
    assert sum(outcomes.values()) == 20 * 60
    assert all(outcomes[kind] > 0 for kind in ("done", "cancelled", "refused"))
    assert threading.active_count() <= threads + 2
    assert executor.status.waiting == 0
    assert max(tensors) < tensors[0] + 60, "only the last computation's tensors stay; one per request would be 1,140"
