"""The executor: queue limit, turns between users, deadlines, cancellation, failures, slots."""

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest.mock import create_autospec

import pytest
import pytest_asyncio

from bot.engine.executor import ModelExecutor
from bot.engine.model import EngineModel
from bot.engine.scheduler import ForwardPass, wait_for
from bot.errors import (
    BotError,
    EmptyPrompt,
    ModelLoading,
    ModelUnavailable,
    QueueFull,
    RequestCancelled,
    RequestTimedOut,
    ShuttingDown,
    UserLimitReached,
)
from bot.questions.language_model import LanguageModel
from tests.engine.operations import IsCancelled, Operating, Operation, result_of, results_of

PATIENCE = 20.0  # seconds after which a test counts as hanging


class Gate:
    """An operation that runs until it is opened, and that stops when asked only if `heeds_stop`."""

    def __init__(self, result: object = "done", *, heeds_stop: bool = False) -> None:
        self.begun = threading.Event()
        self.opened = threading.Event()
        self.ended = threading.Event()
        self._result = result
        self._heeds_stop = heeds_stop

    def __call__(self, model: LanguageModel, should_stop: IsCancelled) -> object:
        self.begun.set()
        while not self.opened.wait(0.005):
            if self._heeds_stop and should_stop():
                self.ended.set()
                raise RequestCancelled
        self.ended.set()
        return self._result


@pytest.fixture
def model() -> Any:
    """A fake with exactly the members of the real model."""
    return create_autospec(EngineModel, instance=True)


Make = Callable[..., ModelExecutor]


@pytest_asyncio.fixture
async def make(model: Any) -> AsyncIterator[Make]:
    executors: list[ModelExecutor] = []

    def build(
        load: Callable[[], LanguageModel] = lambda: model,
        *,
        batch_size: int = 4,
        queue_limit: int = 8,
        user_limit: int = 8,
        request_timeout: float = PATIENCE,
    ) -> ModelExecutor:
        executor = ModelExecutor(
            lambda: Operating(load()),
            name="fake",
            batch_size=batch_size,
            queue_limit=queue_limit,
            user_limit=user_limit,
            request_timeout=request_timeout,
        )
        executors.append(executor)
        executor.start()
        return executor

    yield build
    for executor in executors:
        executor.close()


def append_operation(order: list[str], name: str) -> Callable[[LanguageModel, IsCancelled], None]:
    """Return an operation that adds `name` to `order`."""
    return lambda model, _: order.append(name)


async def wait(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, PATIENCE)


async def outcome(future: "asyncio.Future[Any]") -> Any:
    return await asyncio.wait_for(result_of(future), PATIENCE)


async def test_the_operation_gets_the_model_and_its_result_comes_back(make: Make, model: Any) -> None:
    executor = make()
    executor.wait_until_loaded()
    thread, got = await outcome(executor.submit(1, Operation(lambda m, _: (threading.current_thread().name, m))))
    assert thread == "model"
    assert got is model


async def test_requests_are_refused_while_the_model_loads(make: Make, model: Any) -> None:
    loading = threading.Event()

    def load() -> LanguageModel:
        loading.wait(PATIENCE)
        loaded: LanguageModel = model
        return loaded

    executor = make(load)
    with pytest.raises(ModelLoading, match="fake is still loading"):
        executor.submit(1, Operation(Gate()))
    loading.set()
    executor.wait_until_loaded()
    assert await outcome(executor.submit(1, Operation(lambda m, _: 5))) == 5


async def test_requests_are_refused_with_the_reason_why_loading_failed(make: Make) -> None:
    def load() -> LanguageModel:
        raise ModelUnavailable("fake", "this folder does not exist")

    executor = make(load)
    with pytest.raises(ModelUnavailable, match="this folder does not exist"):
        executor.wait_until_loaded()
    with pytest.raises(ModelUnavailable, match="this folder does not exist"):
        executor.submit(1, Operation(Gate()))


@pytest.mark.parametrize("bug", [ZeroDivisionError, type("PanicException", (BaseException,), {})])
async def test_a_bug_while_loading_refuses_and_is_logged(
    make: Make, caplog: pytest.LogCaptureFixture, bug: type[BaseException]
) -> None:
    def load() -> LanguageModel:
        raise bug

    executor = make(load)
    with pytest.raises(BotError, match="could not be loaded"):
        executor.wait_until_loaded()
    assert bug.__name__ in caplog.text


async def test_the_queue_is_bounded_and_the_refusal_says_its_length(make: Make) -> None:
    executor = make(queue_limit=2)
    executor.wait_until_loaded()
    running = Gate()
    first = executor.submit(1, Operation(running))
    await wait(running.begun)
    waiting = [executor.submit(user, Operation(lambda m, _: "late")) for user in (2, 3)]
    with pytest.raises(QueueFull, match="2 requests waiting"):
        executor.submit(4, Operation(Gate()))
    running.opened.set()
    assert await outcome(first) == "done"
    assert [await outcome(future) for future in waiting] == ["late", "late"]
    assert await outcome(executor.submit(4, Operation(lambda m, _: "again"))) == "again"


async def test_waiting_and_running_requests_count_towards_a_user_s_limit(make: Make) -> None:
    executor = make(user_limit=2)
    executor.wait_until_loaded()
    running = Gate()
    first = executor.submit(1, Operation(running))
    await wait(running.begun)
    second = executor.submit(1, Operation(lambda m, _: 2))
    with pytest.raises(UserLimitReached, match=r"2 requests waiting or running.*1 request in the whole queue"):
        executor.submit(1, Operation(Gate()))
    other = executor.submit(2, Operation(lambda m, _: 3))
    running.opened.set()
    assert [await outcome(future) for future in (first, second, other)] == ["done", 2, 3]


async def test_users_take_turns(make: Make) -> None:
    executor = make()
    executor.wait_until_loaded()
    running = Gate()
    blocker = executor.submit(9, Operation(running))
    await wait(running.begun)
    order: list[str] = []
    note = functools.partial(append_operation, order)
    futures = [executor.submit(1, Operation(note(f"a{number}"))) for number in range(4)]
    futures += [
        executor.submit(2, Operation(note("b0"))),
        executor.submit(2, Operation(note("b1"))),
        executor.submit(3, Operation(note("c0"))),
    ]
    running.opened.set()
    await asyncio.gather(blocker, *futures)
    assert order == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


async def test_background_work_comes_last_in_turns_of_its_owners_and_has_no_deadline(make: Make) -> None:
    executor = make(queue_limit=2, user_limit=1, request_timeout=0.2, batch_size=1)
    executor.wait_until_loaded()
    running = Gate()
    blocker = executor.submit_background(9, Operation(running))
    await wait(running.begun)
    order: list[str] = []
    note = functools.partial(append_operation, order)
    futures = [executor.submit_background(8, Operation(note(name))) for name in ("x0", "x1", "x2")]
    futures += [executor.submit_background(7, Operation(note("y0"))), executor.submit(8, Operation(note("person")))]
    withdrawn = executor.submit_background(6, Operation(note("withdrawn")))
    withdrawn.cancel()
    assert executor.status.waiting == 1
    await asyncio.sleep(0.3)
    running.opened.set()
    assert await outcome(blocker) == "done"
    await asyncio.gather(*futures)
    assert order == ["person", "x0", "y0", "x1", "x2"]


async def test_waiting_background_work_fails_at_once_on_shutdown(make: Make) -> None:
    executor = make(batch_size=1)
    executor.wait_until_loaded()
    running = Gate()
    blocker = executor.submit(9, Operation(running))
    await wait(running.begun)
    waiting = executor.submit_background(9, Operation(Gate()))
    threading.Timer(0.2, running.opened.set).start()
    await asyncio.to_thread(executor.close, PATIENCE)
    assert await outcome(blocker) == "done"
    with pytest.raises(ShuttingDown):
        await outcome(waiting)
    with pytest.raises(ShuttingDown):
        executor.submit_background(9, Operation(Gate()))


async def test_the_deadline_counts_computation_and_not_waiting(make: Make) -> None:
    executor = make(request_timeout=0.6)
    executor.wait_until_loaded()
    futures = [executor.submit(user, Operation(lambda m, _: threading.Event().wait(0.25))) for user in range(5)]
    assert [await outcome(future) for future in futures] == [False] * 5  # 1.25 s in all, none refused


async def test_a_timed_out_request_fails_and_keeps_its_slot_until_the_call_ends(make: Make) -> None:
    executor = make(request_timeout=0.1, user_limit=1)
    executor.wait_until_loaded()
    stubborn = Gate()
    future = executor.submit(1, Operation(stubborn))
    with pytest.raises(RequestTimedOut, match=r"after 0\.1 seconds"):
        await outcome(future)
    assert not stubborn.ended.is_set()
    with pytest.raises(UserLimitReached):
        executor.submit(1, Operation(Gate()))
    other = executor.submit(2, Operation(lambda m, _: "served"))
    await asyncio.sleep(0.05)
    assert not other.done()
    stubborn.opened.set()
    assert await outcome(other) == "served"
    assert await outcome(executor.submit(1, Operation(lambda m, _: "again"))) == "again"


async def test_a_deadline_asks_the_computation_to_stop(make: Make) -> None:
    executor = make(request_timeout=0.1)
    executor.wait_until_loaded()
    obedient = Gate(heeds_stop=True)
    with pytest.raises(RequestTimedOut):
        await outcome(executor.submit(1, Operation(obedient)))
    await wait(obedient.ended)


async def test_a_waiting_request_can_be_cancelled_and_is_never_computed(make: Make) -> None:
    executor = make(queue_limit=1)
    executor.wait_until_loaded()
    running, never = Gate(), Gate()
    first = executor.submit(1, Operation(running))
    await wait(running.begun)
    executor.submit(2, Operation(never)).cancel()
    await asyncio.sleep(0)  # the future's callbacks run in the next turn of the loop
    last = executor.submit(3, Operation(lambda m, _: "served"))
    running.opened.set()
    assert [await outcome(first), await outcome(last)] == ["done", "served"]
    assert not never.begun.is_set()


async def test_a_running_request_can_be_cancelled_and_stops(make: Make) -> None:
    executor = make()
    executor.wait_until_loaded()
    running = Gate(heeds_stop=True)
    future = executor.submit(1, Operation(running))
    await wait(running.begun)
    future.cancel()
    await wait(running.ended)
    assert await outcome(executor.submit(1, Operation(lambda m, _: "next"))) == "next"


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (EmptyPrompt("prompt", 3), EmptyPrompt),
        (ZeroDivisionError("bug"), ZeroDivisionError),
        (StopIteration(), RuntimeError),
        (SystemExit("worse"), RuntimeError),
    ],
)
async def test_a_failure_reaches_its_own_user_and_no_other(
    make: Make, error: BaseException, seen: type[Exception]
) -> None:
    executor = make()
    executor.wait_until_loaded()

    def fail(model: LanguageModel, should_stop: IsCancelled) -> None:
        raise error

    failing, fine = executor.submit(1, Operation(fail)), executor.submit(2, Operation(lambda m, _: "fine"))
    with pytest.raises(seen):
        await outcome(failing)
    assert await outcome(fine) == "fine"


async def test_a_panic_in_a_forward_pass_does_not_end_the_model_s_thread(make: Make) -> None:
    class Panic(BaseException):
        """As pyo3 raises it for a panic in Rust."""

    class Panicking:
        def compute_together(self, waiting: list[ForwardPass]) -> list[tuple[ForwardPass, Any]]:
            raise Panic("it quotes the prompt")

    executor = make()
    executor.wait_until_loaded()
    with pytest.raises(RuntimeError, match=r"^Panic in the model's thread$"):
        await outcome(executor.submit(1, Operation(lambda m, _: wait_for(Panicking()))))
    assert await outcome(executor.submit(2, Operation(lambda m, _: "fine"))) == "fine"


async def test_closing_finishes_accepted_requests_and_refuses_new_ones(make: Make) -> None:
    executor = make()
    executor.wait_until_loaded()
    running = Gate()
    futures: list[asyncio.Future[Any]] = [
        executor.submit(1, Operation(running)),
        executor.submit(2, Operation(lambda m, _: "last")),
    ]
    await wait(running.begun)
    closing = asyncio.create_task(asyncio.to_thread(executor.close, PATIENCE))
    while True:
        try:
            executor.submit(3, Operation(Gate())).cancel()
        except ShuttingDown:
            break
        await asyncio.sleep(0.001)
    assert not closing.done()
    running.opened.set()
    assert [await outcome(future) for future in futures] == ["done", "last"]
    await asyncio.wait_for(closing, PATIENCE)


@pytest.mark.parametrize("heeds_stop", [True, False])
async def test_requests_not_finished_when_closing_ends_fail(make: Make, heeds_stop: bool) -> None:
    executor = make()
    executor.wait_until_loaded()
    running = Gate(heeds_stop=heeds_stop)
    futures = [executor.submit(1, Operation(running))]
    await wait(running.begun)
    futures += [executor.submit(user, Operation(Gate())) for user in (2, 3)]
    await asyncio.to_thread(executor.close, 0.1)
    for future in futures:
        with pytest.raises(ShuttingDown):
            await outcome(future)
    running.opened.set()
    await wait(running.ended)


async def test_closing_while_the_model_loads_ends_the_wait_for_it(make: Make) -> None:
    loading = threading.Event()

    def load() -> LanguageModel:
        loading.wait(PATIENCE)
        raise ModelUnavailable("fake", "too late")

    executor = make(load)
    waiting = asyncio.create_task(asyncio.to_thread(executor.wait_until_loaded))
    await asyncio.to_thread(executor.close)
    with pytest.raises(ShuttingDown):
        await asyncio.wait_for(waiting, PATIENCE)
    loading.set()


async def test_a_thousand_mixed_requests_each_end_once(make: Make) -> None:
    executor = make(queue_limit=1000, user_limit=1000)
    executor.wait_until_loaded()
    ended: list[str] = []

    def operation(number: int) -> Callable[[LanguageModel, IsCancelled], int]:
        def compute(model: LanguageModel, should_stop: IsCancelled) -> int:
            if number % 7 == 0:
                raise EmptyPrompt("prompt", 1)
            return number

        return compute

    futures = [executor.submit(number % 40, Operation(operation(number))) for number in range(1000)]
    for number, future in enumerate(futures):
        future.add_done_callback(lambda f, n=number: ended.append("cancelled" if f.cancelled() else f"ended{n}"))  # type: ignore[misc]  # a default binds the loop's variable
        if number % 10 == 3:
            future.cancel()
    results = await asyncio.wait_for(results_of(*futures, return_exceptions=True), PATIENCE)
    for number, result in enumerate(results):
        if number % 10 == 3:
            assert isinstance(result, asyncio.CancelledError)
        elif number % 7 == 0:
            assert isinstance(result, EmptyPrompt)
        else:
            assert result == number
    assert len(ended) == 1000
    assert executor.status.waiting == 0


async def test_memory_is_given_back_while_there_is_nothing_to_do(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: asyncio.Queue[None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr("bot.engine.executor.IDLE_SECONDS", 0.01)
    monkeypatch.setattr("bot.engine.executor.give_back_kept", lambda: loop.call_soon_threadsafe(rests.put_nowait, None))
    executor, gate = make(), Gate()
    await asyncio.to_thread(executor.wait_until_loaded)
    await asyncio.wait_for(rests.get(), PATIENCE)
    running = executor.submit(1, Operation(gate))
    await asyncio.to_thread(gate.begun.wait, PATIENCE)
    assert rests.empty()
    gate.opened.set()
    await running
    await asyncio.wait_for(rests.get(), PATIENCE)
