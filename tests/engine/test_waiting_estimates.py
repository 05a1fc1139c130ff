"""The estimated waits: how far they are from the waits that followed, by a clock that only the model moves."""

import asyncio
import random
import statistics
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import pytest
import pytest_asyncio

from bot.engine.executor import ModelExecutor
from bot.engine.scheduler import ForwardPass, wait_for
from bot.errors import RequestCancelled
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import ModelInfo, Question, Watcher
from bot.questions.topk import TopKQuestion

T = TypeVar("T")
PATIENCE = 20.0  # seconds after which a test counts as hanging
SLOTS = 8
PASS_SECONDS, TEXT_SECONDS, PROMPT_SECONDS = 0.05, 0.004, 0.07
INFO = ModelInfo("fake", "fake", None, "float32", "cpu", None, 10, None)


@dataclass(eq=False)
class Step:
    """A pass for one text: its prompt, or its next token."""

    model: "TimedModel"
    is_prompt: bool

    def compute_together(self, waiting: list[ForwardPass]) -> list[tuple[ForwardPass, object]]:
        return self.model.compute(cast("list[Step]", waiting))


@dataclass
class TimedModel:
    """Writes texts as the engine does: one pass for all running texts, and two prompts beside it.

    Each pass moves the clock and then calls `after_pass`. Nothing begins until `go` is set.
    """

    length: Callable[[ContinuationQuestion], int]
    slowdown: float = 1.0
    now: float = 0.0
    after_pass: Callable[[], None] = lambda: None
    began: dict[str, float] = field(default_factory=dict)
    go: threading.Event = field(default_factory=threading.Event)
    info: ModelInfo = INFO

    def compute(self, waiting: list[Step]) -> list[tuple[ForwardPass, object]]:
        texts = [step for step in waiting if not step.is_prompt]
        prompts = [step for step in waiting if step.is_prompt][:2]
        seconds = (PASS_SECONDS + TEXT_SECONDS * len(texts) if texts else 0) + PROMPT_SECONDS * len(prompts)
        self.now += self.slowdown * seconds
        self.after_pass()
        return [(step, None) for step in texts + prompts]

    def answer(self, question: Question[T], watcher: Watcher[T] | None = None) -> T:
        watcher = watcher or Watcher()
        assert isinstance(question, ContinuationQuestion | TopKQuestion)
        self.go.wait(PATIENCE)
        self.began[question.prompt] = self.now
        wait_for(Step(self, is_prompt=True))
        if isinstance(question, ContinuationQuestion):
            for _ in range(self.length(question) - 1):
                watcher.note_token()
                if watcher.is_cancelled():
                    raise RequestCancelled
                wait_for(Step(self, is_prompt=False))
        return cast("T", None)


def text(name: str, new_tokens: int) -> ContinuationQuestion:
    parameters = GenerationParameters.from_options(strategy="greedy").with_max_new_tokens(new_tokens)
    return ContinuationQuestion(name, parameters)


@dataclass
class Service:
    """An executor over a timed model, and the estimates that it gave after each pass."""

    model: TimedModel
    executor: ModelExecutor
    estimates: list[tuple[str, float, float]] = field(default_factory=list)  # prompt, time, seconds

    async def answer(self, *questions: ContinuationQuestion | TopKQuestion) -> None:
        """Ask all questions at once, and write the estimates of the waiting ones down."""
        self.estimates.clear()
        self.model.go.clear()
        waiting: list[tuple[str, asyncio.Future[Any]]] = []

        def note() -> None:
            for prompt, future in waiting:
                place = self.executor.place(future)
                if place is not None and place.seconds is not None:
                    self.estimates.append((prompt, self.model.now, place.seconds))

        self.model.after_pass = note
        for number, question in enumerate(questions):
            waiting.append((question.prompt, self.executor.submit(number, question)))
        self.model.go.set()
        await asyncio.wait_for(asyncio.gather(*(future for _, future in waiting)), PATIENCE)

    def median_error(self) -> float:
        """Return the median error of the estimates, relative to the median wait."""
        waits = [self.model.began[prompt] - now for prompt, now, _ in self.estimates]
        errors = [abs(now + seconds - self.model.began[prompt]) for prompt, now, seconds in self.estimates]
        return statistics.median(errors) / statistics.median(waits)


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Callable[[TimedModel], Service]]:
    executors: list[ModelExecutor] = []

    def start(model: TimedModel) -> Service:
        executor = ModelExecutor(
            lambda: model,
            name="fake", batch_size=SLOTS, queue_limit=100, user_limit=100, request_timeout=PATIENCE,
            clock=lambda: model.now,
        )  # fmt: skip
        executors.append(executor)
        executor.start()
        executor.wait_until_loaded()
        return Service(model, executor)

    yield start
    for executor in executors:
        executor.close()


Serve = Callable[[TimedModel], Service]


def in_full(question: ContinuationQuestion) -> int:
    return question.parameters.max_new_tokens


def different_texts(count: int = 3 * SLOTS) -> list[ContinuationQuestion]:
    return [text(f"text {number}", 1 + number * 7 % 64) for number in range(count)]


async def test_nothing_is_estimated_before_anything_was_computed(serve: Serve) -> None:
    service = serve(TimedModel(in_full))
    futures = [service.executor.submit(number, text(f"{number}", 2)) for number in range(2)]
    place = service.executor.place(futures[1])
    assert place is not None
    assert place.seconds is None
    service.model.go.set()
    await asyncio.wait_for(asyncio.gather(*futures), PATIENCE)


@pytest.mark.parametrize("past", ["none", "short", "same", "same, then short"])
async def test_texts_of_different_lengths_start_when_estimated(serve: Serve, past: str) -> None:
    service = serve(TimedModel(in_full))
    if past.startswith("same"):
        await service.answer(*different_texts())
    if past.endswith("short"):
        await service.answer(*(TopKQuestion(f"before {number}", 5) for number in range(40)))
    await service.answer(*different_texts())
    assert service.median_error() < 0.25


async def test_a_machine_that_becomes_slower_is_noticed(serve: Serve) -> None:
    service = serve(TimedModel(in_full))
    await service.answer(*different_texts())
    service.model.slowdown = 2.0
    await service.answer(*different_texts())
    assert service.median_error() < 0.25


def ends_at_random(question: ContinuationQuestion) -> int:
    """Return a length: each token is the last one with a probability of 1/20."""
    return 1 + int(random.Random(question.prompt).expovariate(1 / 20))


async def test_texts_that_the_model_ends_early_are_expected_to_be_short(serve: Serve) -> None:
    service = serve(TimedModel(ends_at_random))
    texts = [text(f"text {number}", 256) for number in range(4 * SLOTS)]
    await service.answer(*texts)
    await service.answer(*texts)
    assert service.median_error() < 0.45  # their lengths are chance


class Impatient(Watcher[Continuation]):
    def is_cancelled(self) -> bool:
        return True


async def test_cancelled_texts_teach_no_early_end(serve: Serve) -> None:
    service = serve(TimedModel(in_full))
    await service.answer(*different_texts())
    service.model.go.set()
    cancelled = [
        service.executor.submit(number, text(f"cancelled {number}", 256), Impatient()) for number in range(2 * SLOTS)
    ]
    errors = await asyncio.wait_for(asyncio.gather(*cancelled, return_exceptions=True), PATIENCE)
    assert {type(error) for error in errors} == {RequestCancelled}
    await service.answer(*different_texts())
    assert service.median_error() < 0.25
