"""Runs requests on the model's thread: several at once, with a bounded queue, turns, deadlines and cancellation."""

import asyncio
import contextlib
import gc
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from bot.engine.memory import give_back_kept
from bot.engine.observer import EngineObserver
from bot.engine.pace import Pace, Slot, Work
from bot.engine.scheduler import Scheduler
from bot.engine.waiting import Answered, ExecutorStatus, Place, QueuedRequest, Request, WaitingLine
from bot.errors import (
    BotError,
    ModelLoading,
    QueueFull,
    RequestCancelled,
    RequestTimedOut,
    ShuttingDown,
    UserLimitReached,
)
from bot.questions.language_model import LanguageModel, Question, Watcher, display_name
from bot.settings import Settings, hide_torch_advice, limit_kernel_cache

log = logging.getLogger(__name__)

THREAD_NAME = "model"
IDLE_SECONDS = 1.0  # without work, after which free memory is given back to the system
STOP_SECONDS = 3.0  # at shutdown, for running computations to notice their cancellation

T = TypeVar("T")


class ModelExecutor:
    """Owns the model's thread. The model is loaded on that thread, so the event loop never waits for it.

    At most `batch_size` requests run at once and share forward passes. At most `queue_limit` requests wait, and at most
    `user_limit` requests of one user wait or run. Users take turns, and background work runs after all of them. A
    request's `request_timeout` seconds count from the start of its computation. Its slot becomes free only when the
    computation ends, even if the user got a timeout or cancelled earlier.
    """

    def __init__(
        self,
        load: Callable[[], LanguageModel],
        *,
        name: str,
        batch_size: int,
        queue_limit: int,
        user_limit: int,
        request_timeout: float,
        observer: EngineObserver | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`load` is called on the model's thread. `observer` is told about each request.

        `clock` returns seconds, for the estimates of waiting times.
        """
        self._load = load
        self._name = name
        self._batch_size = batch_size
        self._queue_limit = queue_limit
        self._user_limit = user_limit
        self._request_timeout = request_timeout
        self._observer = observer or EngineObserver()
        self._model: LanguageModel | None = None
        self._load_error: BotError | None = None
        self._changed = threading.Condition()
        self._waiting = WaitingLine()
        self._background = WaitingLine()
        self._running: list[QueuedRequest] = []
        self._clock = clock
        self._pace = Pace(memory=2 * batch_size)
        self._prompts = 0  # that were computed for people so far
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Start loading the model, unless that has started already."""
        if self._thread.ident is None:
            self._thread.start()

    @property
    def status(self) -> ExecutorStatus:
        """The current state: the model, and how many requests run and wait."""
        with self._changed:
            return ExecutorStatus(
                name=self._name,
                model=None if self._model is None else self._model.info,
                failed=self._load_error is not None,
                running=bool(self._running),
                waiting=len(self._waiting),
                queue_limit=self._queue_limit,
            )

    def wait_until_loaded(self) -> None:
        """Block until the model is ready. Raises the loading error, or ShuttingDown."""
        with self._changed:
            self._changed.wait_for(lambda: self._model is not None or self._load_error is not None or self._closing)
            if self._closing:
                raise ShuttingDown
            if self._load_error is not None:
                raise self._load_error.with_traceback(None)

    def submit(
        self, user_id: int, question: Question[T], watcher: Watcher[T] | None = None
    ) -> "asyncio.Future[Answered[T]]":
        """Queue `question` for `user_id`, and return a future. Cancelling the future withdraws the request.

        Raises ModelLoading, QueueFull, UserLimitReached, ShuttingDown or the loading error immediately.
        """
        loop = asyncio.get_running_loop()
        request = Request(user_id, loop, question, watcher or Watcher(), loop.create_future(), observer=self._observer)
        with self._changed:
            self._check_open()
            running = sum(other.user_id == user_id for other in self._interactive())
            if self._waiting.count(user_id) + running >= self._user_limit:
                raise UserLimitReached(self._user_limit, len(self._waiting))
            if len(self._waiting) >= self._queue_limit:
                raise QueueFull(len(self._waiting))
            return self._queue(request, self._waiting)

    def submit_background(self, owner_id: int, question: Question[T]) -> "asyncio.Future[Answered[T]]":
        """Queue `question` as background work, which runs only while no person's request runs.

        Owners take turns. There is no deadline, and the caller must limit the number of requests. Raises ModelLoading,
        ShuttingDown or the loading error.
        """
        loop = asyncio.get_running_loop()
        request = Request(
            owner_id, loop, question, Watcher(), loop.create_future(), background=True, observer=self._observer
        )
        with self._changed:
            self._check_open()
            return self._queue(request, self._background)

    def place(self, future: "asyncio.Future[Answered[T]]") -> Place | None:
        """Return a waiting request's place in the queue, or None if it isn't waiting."""
        with self._changed:
            requests = self._waiting.in_order()
            ahead = next((number for number, request in enumerate(requests) if request.is_for(future)), None)
            if ahead is None:
                return None
            return Place(ahead, self._seconds_until_start(requests[:ahead]))

    def close(self, drain: float = 0.0) -> None:
        """Refuse new requests, finish accepted ones for at most `drain` seconds, then reject the rest."""
        with self._changed:
            self._closing = True
            abandoned = self._background.clear()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running and not self._waiting, drain)
            abandoned += self._waiting.clear() + self._running
        for request in abandoned:
            request.reject(ShuttingDown())  # before the stop, which would reject it as cancelled
            request.stop.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def _check_open(self) -> None:
        if self._closing:
            raise ShuttingDown
        if self._load_error is not None:
            raise self._load_error.with_traceback(None)
        if self._model is None:
            raise ModelLoading(self._name)

    def _queue(self, request: Request[T], line: WaitingLine) -> "asyncio.Future[Answered[T]]":
        line.add(request)
        self._changed.notify_all()
        request.future.add_done_callback(lambda future: self._withdraw(request, line) if future.cancelled() else None)
        return request.future

    def _withdraw(self, request: QueuedRequest, line: WaitingLine) -> None:
        with self._changed:
            request.stop.set()
            line.remove(request)

    def _interactive(self) -> list[QueuedRequest]:
        return [request for request in self._running if not request.background]

    def _serve(self) -> None:
        """Load the model, then compute requests until the executor is closed."""
        try:
            model = self._load()
        except BotError as error:
            self._set_loaded(None, error)
            return
        except BaseException:  # the tokenizers library panics with a BaseException
            log.exception("could not load the model")
            self._set_loaded(
                None, BotError(f"The model {self._name} could not be loaded. The bot's log has the reason.")
            )
            return
        self._set_loaded(model, None)
        scheduler = Scheduler()
        while self._wait_for_work():
            while (request := self._next()) is not None:
                self._start(scheduler, model, request)
            scheduler.step()

    def _set_loaded(self, model: LanguageModel | None, error: BotError | None) -> None:
        with self._changed:
            self._model, self._load_error = model, error
            self._changed.notify_all()

    def _wait_for_work(self) -> bool:
        """Block until a request is waiting or running. Return False if the executor is closed and has none left."""
        with self._changed:
            is_idle = not self._changed.wait_for(lambda: self._closing or self._has_work(), IDLE_SECONDS)
        if is_idle:
            give_back_kept()  # without the lock, because it can take 50 ms
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._has_work())
            return self._has_work()

    def _has_work(self) -> bool:
        return bool(self._waiting) or bool(self._background) or bool(self._running)

    def _next(self) -> QueuedRequest | None:
        """Take a waiting request if a slot is free. Background work has `batch_size` slots of its own."""
        with self._changed:
            interactive = self._interactive()
            if self._waiting and len(interactive) < self._batch_size:
                return self._begin(self._waiting.take())
            if self._background and len(self._running) - len(interactive) < self._batch_size:
                return self._begin(self._background.take())
            return None

    def _begin(self, request: QueuedRequest) -> QueuedRequest:
        request.began, request.prompts_before = self._clock(), self._prompts
        request.on_first_token = lambda: self._count_prompt(request)
        self._running.append(request)
        return request

    def _count_prompt(self, request: QueuedRequest) -> None:
        if not request.background:
            self._prompts += 1

    def _seconds_until_start(self, ahead: list[QueuedRequest]) -> float | None:
        """Estimate the seconds until the request after those `ahead` starts."""
        running = self._interactive()
        slots = [Slot(request.max_steps - request.tokens, needs_prompt=not request.tokens) for request in running]
        work = [self._work(request, request.tokens) for request in running]
        return self._pace.seconds_until_start([request.max_steps for request in ahead], self._batch_size, slots, work)

    def _work(self, request: QueuedRequest, steps: int, *, has_ended: bool = False) -> Work:
        prompts = self._prompts - request.prompts_before
        return Work(self._clock() - request.began, steps, prompts, has_ended)

    def _learn(self, request: QueuedRequest, error: BaseException | None) -> None:
        """Learn the pace from a request of a person that has ended, unless it failed."""
        if not request.tokens:
            self._count_prompt(request)
        if error is None or isinstance(error, RequestCancelled):
            steps = min(request.tokens + 1, request.max_steps)
            has_ended = error is None and steps < request.max_steps
            self._pace.record(self._work(request, steps, has_ended=has_ended))

    def _start(self, scheduler: Scheduler, model: LanguageModel, request: QueuedRequest) -> None:
        def expire() -> None:
            # Before the stop, which would reject it as cancelled.
            request.reject(RequestTimedOut(self._request_timeout))
            request.stop.set()

        deadline = None if request.background else threading.Timer(self._request_timeout, expire)
        if deadline is not None:
            deadline.daemon = True
            deadline.start()

        def finish(_: object, error: BaseException | None) -> None:
            if deadline is not None:
                deadline.cancel()
            with self._changed:
                self._running.remove(request)
                if not request.background:
                    self._learn(request, error)
                self._changed.notify_all()
            if error is None:
                request.resolve()
            else:
                request.reject(error)

        should_stop = request.stop.is_set
        scheduler.start(lambda: request.compute(model), should_stop, finish, background=request.background)


def build_executor(settings: Settings, observer: EngineObserver | None = None) -> ModelExecutor:
    """Return an executor that loads the model of `settings` on its own thread when started.

    `observer` is told about each request and each forward pass.
    """
    return ModelExecutor(
        lambda: load_language_model(settings, observer),
        name=display_name(settings.model),
        batch_size=settings.batch_size,
        queue_limit=settings.queue_limit,
        user_limit=settings.user_limit,
        request_timeout=settings.request_timeout,
        observer=observer,
    )


def load_language_model(settings: Settings, observer: EngineObserver | None = None) -> LanguageModel:
    """Load the model of `settings`. Raises ModelUnavailable."""
    if settings.engine == "vllm":
        return _load_from_server(settings)
    limit_kernel_cache()
    # torch and transformers take seconds to import. Importing them here keeps the event loop and `--help` fast.
    with without_collections():
        from bot.engine.transformers.loading import load_model

    return load_model(
        settings.model,
        revision=settings.model_revision,
        token=settings.hub_token,
        dtype=settings.dtype,
        device=settings.device,
        threads=settings.threads,
        max_prompt_tokens=settings.max_prompt_tokens,
        observer=observer,
    )


def _load_from_server(settings: Settings) -> LanguageModel:
    with without_torch():
        with without_collections():
            from bot.engine.vllm.loading import load_model

        return load_model(
            settings.model,
            url=settings.server_url,
            api_key=settings.vllm_api_key,
            revision=settings.model_revision,
            token=settings.hub_token,
            dtype=settings.dtype,
            read_timeout=settings.request_timeout,
            max_prompt_tokens=settings.max_prompt_tokens,
        )


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Pause the garbage collector, and exempt all objects that exist at the end from later collections.

    It does nothing if transformers is imported already. Importing it creates 600,000 objects that live as long as
    the process. Looking for garbage among them takes a quarter of a command's time, at the imports and at the exit.
    """
    if "transformers" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextlib.contextmanager
def without_torch() -> Iterator[None]:
    """Keep transformers from importing torch, which takes 200 MB and a second, unless it is imported already.

    transformers then only offers tokenizers and configurations, for the rest of the process.
    """
    if "torch" in sys.modules:
        yield
        return
    hide_torch_advice()
    sys.modules["torch"] = None  # type: ignore[assignment]  # Python's way to say that a module can't be imported
    try:
        yield
    finally:
        del sys.modules["torch"]
