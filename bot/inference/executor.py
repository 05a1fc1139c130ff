"""Run requests on the one thread that owns the model: bounded, fair between users, with deadline and cancellation."""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from bot.errors import (
    BotError,
    ModelLoading,
    QueueFull,
    RequestCancelled,
    RequestTimedOut,
    ShuttingDown,
    UserLimitReached,
)
from bot.inference.model import LanguageModel, ModelInfo, ShouldStop

log = logging.getLogger(__name__)

THREAD_NAME = "model"
STOP_SECONDS = 3.0  # that a computation gets, at the end, to notice that it is to stop

T = TypeVar("T")
Operation = Callable[[LanguageModel, ShouldStop], T]


@dataclass(eq=False, slots=True)
class _Request(Generic[T]):
    """One operation, the event loop's future for its result, and the wish that it stop."""

    user_id: int
    operation: Operation[T]
    future: "asyncio.Future[T]"
    loop: asyncio.AbstractEventLoop
    stop: threading.Event = field(default_factory=threading.Event)

    def resolve(self, result: T) -> None:
        self._from_thread(lambda: self.future.set_result(result))

    def reject(self, error: BaseException) -> None:
        self._from_thread(lambda: self.future.set_exception(error))

    def _from_thread(self, settle: Callable[[], None]) -> None:
        def once() -> None:
            if not self.future.done():
                settle()

        # A loop that has ended has nobody left to tell.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(once)


@dataclass(frozen=True, slots=True)
class ExecutorStatus:
    """A moment of the executor; `model` is None until it is loaded."""

    name: str
    model: ModelInfo | None
    failed: bool
    running: bool
    waiting: int
    queue_limit: int


class ModelExecutor:
    """Owns the model's thread. The model is loaded there, so that the event loop never waits for it.

    At most `queue_limit` requests wait and at most `user_limit` of one user wait or run. Users take turns. A request's
    `request_timeout` seconds count from the moment its computation begins. A slot stays taken until the call has
    really ended, also after its user was told of a deadline or went away.
    """

    def __init__(
        self,
        load: Callable[[], LanguageModel],
        *,
        name: str,
        queue_limit: int,
        user_limit: int,
        request_timeout: float,
    ) -> None:
        self._load = load
        self._name = name
        self._queue_limit = queue_limit
        self._user_limit = user_limit
        self._request_timeout = request_timeout
        self._model: LanguageModel | None = None
        self._load_error: BotError | None = None
        self._changed = threading.Condition()
        self._waiting: dict[int, deque[_Request[Any]]] = {}  # in the order in which users take turns
        self._running: _Request[Any] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Begin to load the model, unless that has begun already."""
        if self._thread.ident is None:
            self._thread.start()

    @property
    def status(self) -> "ExecutorStatus":
        """What the executor is doing at this moment."""
        with self._changed:
            return ExecutorStatus(
                name=self._name,
                model=None if self._model is None else self._model.info,
                failed=self._load_error is not None,
                running=self._running is not None,
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
        request = _Request(user_id, operation, loop.create_future(), loop)
        with self._changed:
            self._admit(user_id)
            self._waiting.setdefault(user_id, deque()).append(request)
            self._changed.notify_all()
        request.future.add_done_callback(lambda future: self._withdraw(request) if future.cancelled() else None)
        return request.future

    def close(self, drain: float = 0.0) -> None:
        """Refuse new work and compute what was taken for at most `drain` seconds; then tell all who still wait."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._running is None and not self._waiting, drain)
            abandoned = [request for queue in self._waiting.values() for request in queue]
            self._waiting.clear()
            if self._running is not None:
                self._running.stop.set()
                abandoned.append(self._running)
        for request in abandoned:
            request.reject(ShuttingDown())
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
        of_user = len(self._waiting.get(user_id, ()))
        if self._running is not None and self._running.user_id == user_id:
            of_user += 1
        if of_user >= self._user_limit:
            raise UserLimitReached(self._user_limit, waiting)
        if waiting >= self._queue_limit:
            raise QueueFull(waiting)

    def _waiting_count(self) -> int:
        return sum(len(queue) for queue in self._waiting.values())

    def _withdraw(self, request: _Request[Any]) -> None:
        with self._changed:
            request.stop.set()
            queue = self._waiting.get(request.user_id)
            if queue is not None and request in queue:
                queue.remove(request)
                if not queue:
                    del self._waiting[request.user_id]

    def _serve(self) -> None:
        """Load the model, then compute one request after another until closed."""
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
        while (request := self._next()) is not None:
            try:
                self._compute(model, request)
            finally:
                with self._changed:
                    self._running = None
                    self._changed.notify_all()
            del request  # a result must not live until the next request comes

    def _set_loaded(self, model: LanguageModel | None, error: BotError | None) -> None:
        with self._changed:
            self._model, self._load_error = model, error
            self._changed.notify_all()

    def _next(self) -> _Request[Any] | None:
        """Wait for a request and take it; its user goes to the back of the turn."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or bool(self._waiting))
            if not self._waiting:
                return None
            user_id, queue = next(iter(self._waiting.items()))
            request = queue.popleft()
            del self._waiting[user_id]
            if queue:
                self._waiting[user_id] = queue
            self._running = request
            return request

    def _compute(self, model: LanguageModel, request: _Request[Any]) -> None:
        def expire() -> None:
            request.stop.set()
            request.reject(RequestTimedOut(self._request_timeout))

        deadline = threading.Timer(self._request_timeout, expire)
        deadline.daemon = True
        deadline.start()
        try:
            result = request.operation(model, request.stop.is_set)
        except RequestCancelled:
            request.reject(RequestCancelled())
        except Exception as error:
            # A future does not take StopIteration.
            request.reject(RuntimeError(repr(error)) if isinstance(error, StopIteration) else error)
        except BaseException as error:
            # What would end a program must not travel on to end the event loop.
            request.reject(RuntimeError(repr(error)))
        else:
            request.resolve(result)
        finally:
            deadline.cancel()
