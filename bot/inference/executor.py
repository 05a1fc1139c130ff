"""Run requests on the one thread that owns the model: side by side, bounded, fair, with deadline and cancellation."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import zip_longest
from typing import Any, TypeVar

from bot.errors import (
    BotError,
    ModelLoading,
    QueueFull,
    RequestTimedOut,
    ShuttingDown,
    UserLimitReached,
)
from bot.inference.executor_status import ExecutorStatus, Place
from bot.inference.model import LanguageModel
from bot.inference.request import Operation, Request
from bot.inference.scheduler import Scheduler

log = logging.getLogger(__name__)

THREAD_NAME = "model"
PACE_SMOOTHING = 0.2  # the share of the newest measurement
STOP_SECONDS = 3.0  # that a computation gets, at the end, to notice that it is to stop

T = TypeVar("T")


class ModelExecutor:
    """Owns the model's thread. The model is loaded there, so that the event loop never waits for it.

    At most `batch_size` requests run, whose forward passes are computed together, at most `queue_limit` wait, and at
    most `user_limit` of one user wait or run. Users take turns. A request's `request_timeout` seconds count from the
    moment its computation begins. A slot stays taken until the call has really ended, also after its user was told of a
    deadline or went away.
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
        self._waiting: dict[int, deque[Request[Any]]] = {}  # in the order in which users take turns
        self._running: list[Request[Any]] = []
        self._seconds_per_start: float | None = None  # smoothed, of those that had to wait
        self._last_start = 0.0
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
                waiting=self._waiting_count(),
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

    def submit(self, user_id: int, operation: Operation[T]) -> "asyncio.Future[T]":
        """Queue `operation` for `user_id`; cancelling the future withdraws it.

        Raises ModelLoading, QueueFull, UserLimitReached, ShuttingDown, or the error that loading ended with, at once.
        """
        loop = asyncio.get_running_loop()
        request = Request(user_id, operation, loop.create_future(), loop)
        with self._changed:
            self._admit(user_id)
            self._waiting.setdefault(user_id, deque()).append(request)
            self._changed.notify_all()
        request.future.add_done_callback(lambda future: self._withdraw(request) if future.cancelled() else None)
        return request.future

    def place(self, future: "asyncio.Future[Any]") -> Place | None:
        """Return where a request that waits stands in the queue, None for one that does not wait."""
        with self._changed:
            turns = zip_longest(*self._waiting.values())  # users take turns, in the order of this dict
            in_order = [request for turn in turns for request in turn if request is not None]
            ahead = next((place for place, one in enumerate(in_order) if one.future is future), None)
            if ahead is None:
                return None
            pace = self._seconds_per_start
            return Place(ahead, None if pace is None else pace * (ahead + 1))

    def close(self, drain: float = 0.0) -> None:
        """Refuse new work and compute what was taken for at most `drain` seconds; then tell all who still wait."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running and not self._waiting, drain)
            abandoned = [request for queue in self._waiting.values() for request in queue]
            self._waiting.clear()
            abandoned += self._running
        for request in abandoned:
            request.reject(ShuttingDown())  # before the stop, which has another word for it
            request.stop.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def _admit(self, user_id: int) -> None:
        if self._closing:
            raise ShuttingDown
        if self._load_error is not None:
            raise self._load_error.with_traceback(None)
        if self._model is None:
            raise ModelLoading(self._name)
        waiting = self._waiting_count()
        of_user = len(self._waiting.get(user_id, ())) + sum(one.user_id == user_id for one in self._running)
        if of_user >= self._user_limit:
            raise UserLimitReached(self._user_limit, waiting)
        if waiting >= self._queue_limit:
            raise QueueFull(waiting)

    def _waiting_count(self) -> int:
        return sum(len(queue) for queue in self._waiting.values())

    def _withdraw(self, request: Request[Any]) -> None:
        with self._changed:
            request.stop.set()
            queue = self._waiting.get(request.user_id)
            if queue is not None and request in queue:
                queue.remove(request)
                if not queue:
                    del self._waiting[request.user_id]

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
            self._changed.wait_for(lambda: self._closing or bool(self._waiting) or bool(self._running))
            return bool(self._waiting) or bool(self._running)

    def _next(self) -> Request[Any] | None:
        """Take a request that waits, where there is room for one; its user goes to the back of the turn."""
        with self._changed:
            if not self._waiting or len(self._running) >= self._batch_size:
                return None
            user_id, queue = next(iter(self._waiting.items()))
            request = queue.popleft()
            del self._waiting[user_id]
            if queue:
                self._waiting[user_id] = queue
            self._running.append(request)
            self._measure_pace(still_waiting=bool(self._waiting))
            return request

    def _measure_pace(self, *, still_waiting: bool) -> None:
        now = time.perf_counter()
        seconds = now - self._last_start
        self._last_start = now
        if still_waiting and len(self._running) == self._batch_size:
            smoothed = seconds if self._seconds_per_start is None else self._seconds_per_start
            self._seconds_per_start = smoothed + PACE_SMOOTHING * (seconds - smoothed)

    def _start(self, scheduler: Scheduler, model: LanguageModel, request: Request[Any]) -> None:
        def expire() -> None:
            request.reject(RequestTimedOut(self._request_timeout))  # before the stop, which has another word for it
            request.stop.set()

        deadline = threading.Timer(self._request_timeout, expire)
        deadline.daemon = True
        deadline.start()

        def ended(result: Any, error: BaseException | None) -> None:
            deadline.cancel()
            with self._changed:
                self._running.remove(request)
                self._changed.notify_all()
            if error is None:
                request.resolve(result)
            else:
                request.reject(error)

        scheduler.start(lambda: request.operation(model, request.stop.is_set), request.stop.is_set, ended)
