"""Run requests on the one thread that owns the model: side by side, bounded, fair, with deadline and cancellation."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from bot.engine.scheduler import Scheduler
from bot.engine.waiting import Answered, ExecutorStatus, Place, QueuedRequest, Request, WaitingLine
from bot.errors import (
    BotError,
    ModelLoading,
    QueueFull,
    RequestTimedOut,
    ShuttingDown,
    UserLimitReached,
)
from bot.questions.language_model import LanguageModel, Question, Watcher, display_name
from bot.settings import Settings, keep_few_kernels

log = logging.getLogger(__name__)

THREAD_NAME = "model"
STOP_SECONDS = 3.0  # that a computation gets, at the end, to notice that it is to stop

T = TypeVar("T")


class ModelExecutor:
    """Owns the model's thread. The model is loaded there, so that the event loop never waits for it.

    At most `batch_size` requests run, whose forward passes are computed together, at most `queue_limit` wait, and at
    most `user_limit` of one user wait or run. Users take turns; background work comes after them all. A request's
    `request_timeout` seconds count from the moment its computation begins. A slot stays taken until the call has really
    ended, also after its user was told of a deadline or went away.
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
    ) -> None:
        self._load = load
        self._name = name
        self._batch_size = batch_size
        self._queue_limit = queue_limit
        self._user_limit = user_limit
        self._request_timeout = request_timeout
        self._model: LanguageModel | None = None
        self._load_error: BotError | None = None
        self._changed = threading.Condition()
        self._waiting = WaitingLine()
        self._background = WaitingLine()
        self._running: list[QueuedRequest] = []
        self._durations: deque[float] = deque(maxlen=2 * batch_size)  # seconds of the latest requests
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Begin to load the model, unless that has begun already."""
        if self._thread.ident is None:
            self._thread.start()

    @property
    def status(self) -> ExecutorStatus:
        """What the executor is doing at this moment."""
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
        """Block until the model is ready. Raises the error that loading ended with, or ShuttingDown."""
        with self._changed:
            self._changed.wait_for(lambda: self._model is not None or self._load_error is not None or self._closing)
            if self._closing:
                raise ShuttingDown
            if self._load_error is not None:
                raise self._load_error.with_traceback(None)

    def submit(
        self, user_id: int, question: Question[T], watcher: Watcher[T] | None = None
    ) -> "asyncio.Future[Answered[T]]":
        """Queue `question` for `user_id`, followed by `watcher`; cancelling the future withdraws it.

        Raises ModelLoading, QueueFull, UserLimitReached, ShuttingDown, or the error that loading ended with, at once.
        """
        loop = asyncio.get_running_loop()
        request = Request(user_id, loop, question, watcher or Watcher(), loop.create_future())
        with self._changed:
            self._check_open()
            of_user = self._waiting.count(user_id) + sum(one.user_id == user_id for one in self._interactive())
            if of_user >= self._user_limit:
                raise UserLimitReached(self._user_limit, len(self._waiting))
            if len(self._waiting) >= self._queue_limit:
                raise QueueFull(len(self._waiting))
            return self._queue(request, self._waiting)

    def submit_background(self, owner_id: int, question: Question[T]) -> "asyncio.Future[Answered[T]]":
        """Queue `question`, for which nobody waits: it is computed while there is nothing else to do.

        Owners take turns. It has no deadline, and its caller bounds how many there are. Raises as `submit` does.
        """
        loop = asyncio.get_running_loop()
        request = Request(owner_id, loop, question, Watcher(), loop.create_future(), background=True)
        with self._changed:
            self._check_open()
            return self._queue(request, self._background)

    def place(self, future: "asyncio.Future[Answered[T]]") -> Place | None:
        """Return where a request that waits stands in the queue, None for one that does not wait."""
        with self._changed:
            ahead = next((ahead for ahead, one in enumerate(self._waiting.in_order()) if one.is_for(future)), None)
            if ahead is None:
                return None
            return Place(ahead, self._seconds_until(ahead + 1))

    def close(self, drain: float = 0.0) -> None:
        """Refuse new work and compute what was taken for at most `drain` seconds; then tell all who still wait."""
        with self._changed:
            self._closing = True
            abandoned = self._background.clear()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running and not self._waiting, drain)
            abandoned += self._waiting.clear() + self._running
        for request in abandoned:
            request.reject(ShuttingDown())  # before the stop, which has another word for it
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
        return [one for one in self._running if not one.background]

    def _serve(self) -> None:
        """Load the model, then compute requests side by side until closed."""
        try:
            model = self._load()
        except BotError as error:
            self._set_loaded(None, error)
            return
        except BaseException:  # the tokenizers library panics with exceptions of that kind
            log.exception("loading the model failed")
            self._set_loaded(None, BotError(f"The model {self._name} could not be loaded; the bot's log says why."))
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
        """Wait until a request waits or runs; return False once none will any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._has_work())
            return self._has_work()

    def _has_work(self) -> bool:
        return bool(self._waiting) or bool(self._background) or bool(self._running)

    def _next(self) -> QueuedRequest | None:
        """Take a request that waits, where there is room for one; background work has as much room of its own."""
        with self._changed:
            interactive = self._interactive()
            if self._waiting and len(interactive) < self._batch_size:
                return self._begin(self._waiting.take())
            if self._background and len(self._running) - len(interactive) < self._batch_size:
                return self._begin(self._background.take())
            return None

    def _begin(self, request: QueuedRequest) -> QueuedRequest:
        request.began = time.perf_counter()
        self._running.append(request)
        return request

    def _seconds_until(self, starts: int) -> float | None:
        """Return about when so many more requests will have begun, from how long the latest ones took.

        Those that still run count with what they have taken so far: the mean of durations that are cut off
        (censored), as for exponential lifetimes.
        """
        if not self._durations:
            return None
        now = time.perf_counter()
        taken = sum(self._durations) + sum(now - one.began for one in self._interactive())
        return taken / len(self._durations) * starts / self._batch_size

    def _start(self, scheduler: Scheduler, model: LanguageModel, request: QueuedRequest) -> None:
        def expire() -> None:
            request.reject(RequestTimedOut(self._request_timeout))  # before the stop, which has another word for it
            request.stop.set()

        deadline = None if request.background else threading.Timer(self._request_timeout, expire)
        if deadline is not None:
            deadline.daemon = True
            deadline.start()

        def ended(_: object, error: BaseException | None) -> None:
            if deadline is not None:
                deadline.cancel()
            with self._changed:
                self._running.remove(request)
                if not request.background:
                    self._durations.append(time.perf_counter() - request.began)
                self._changed.notify_all()
            if error is None:
                request.resolve()
            else:
                request.reject(error)

        stopped = request.stop.is_set
        scheduler.start(lambda: request.compute(model), stopped, ended, background=request.background)


def build_executor(settings: Settings) -> ModelExecutor:
    """Return an executor that will load the model of `settings` in its own thread."""
    return ModelExecutor(
        lambda: load_language_model(settings),
        name=display_name(settings.model),
        batch_size=settings.batch_size,
        queue_limit=settings.queue_limit,
        user_limit=settings.user_limit,
        request_timeout=settings.request_timeout,
    )


def load_language_model(settings: Settings) -> LanguageModel:
    """Load the model of `settings`. Raises ModelUnavailable."""
    keep_few_kernels()
    # torch and transformers take seconds to import: here, so that the event loop and `--help` need not wait for them.
    from bot.engine.transformers.loading import load_model

    return load_model(
        settings.model,
        revision=settings.model_revision,
        token=settings.hf_token.get_secret_value() if settings.hf_token else None,
        dtype=settings.dtype,
        device=settings.device,
        threads=settings.threads,
        max_prompt_tokens=settings.max_prompt_tokens,
    )
