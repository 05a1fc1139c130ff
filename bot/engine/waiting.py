"""Waiting requests: the queue in which users take turns, and its status."""

import asyncio
import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Generic, TypeVar

from bot.engine.observer import EngineObserver
from bot.questions.language_model import LanguageModel, ModelInfo, Question, RunInfo, Watcher

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """An answer, with the model that computed it and the time it took."""

    result: T
    run: RunInfo


@dataclass(eq=False, slots=True)
class QueuedRequest(ABC):
    """A request as the queue and the executor see it, independent of its question.

    Setting `stop` cancels it. No person waits for a `background` request.
    """

    user_id: int
    loop: asyncio.AbstractEventLoop
    background: bool = field(default=False, kw_only=True)
    queued: float = field(default_factory=time.perf_counter, kw_only=True)  # when it was queued
    began: float = field(default=0.0, kw_only=True)  # when its computation began, by the same clock
    stop: threading.Event = field(default_factory=threading.Event, kw_only=True)
    tokens: int = field(default=0, kw_only=True)  # new ones so far, without the last one
    on_first_token: Callable[[], None] = field(default=lambda: None, kw_only=True)
    prompts_before: int = field(default=0, kw_only=True)  # that the executor had computed when it began

    @property
    @abstractmethod
    def max_steps(self) -> int:
        """The most forward passes after one another that the answer takes."""

    @abstractmethod
    def compute(self, model: LanguageModel) -> None:
        """Compute the answer for `resolve`. The request can be cancelled meanwhile."""

    @abstractmethod
    def resolve(self) -> None:
        """Set the future's result, unless the future is done."""

    @abstractmethod
    def reject(self, error: BaseException) -> None:
        """Set the future's error, unless the future is done."""

    @abstractmethod
    def is_for(self, future: object) -> bool:
        """Return whether `future` belongs to this request."""


@dataclass(eq=False, slots=True)
class Request(QueuedRequest, Generic[T]):
    """A question with its watcher, and the event loop's future for its answer."""

    question: Question[T]
    watcher: Watcher[T]
    future: "asyncio.Future[Answered[T]]"
    answered: Answered[T] | None = None
    observer: EngineObserver = field(default_factory=EngineObserver, kw_only=True)

    @property
    def max_steps(self) -> int:
        """What the question says."""
        return self.question.max_steps

    def compute(self, model: LanguageModel) -> None:
        """Let the model answer the question."""
        self.watcher.begin()
        began = time.perf_counter()
        self.observer.begin_request("background" if self.background else "interactive", began - self.queued)
        result = model.answer(self.question, _Stoppable(self.watcher, self.stop, self._note_token))
        self.answered = Answered(result, RunInfo(model.info, time.perf_counter() - began))

    def _note_token(self) -> None:
        self.tokens += 1
        if self.tokens == 1:
            self.observer.write_first_token(time.perf_counter() - self.queued)
            self.on_first_token()

    def resolve(self) -> None:
        """Set the future's result from the model's thread."""
        answered = self.answered
        assert answered is not None  # noqa: S101  # it was computed
        self._from_thread(lambda: self.future.set_result(answered))

    def reject(self, error: BaseException) -> None:
        """Set the future's error from the model's thread."""
        self._from_thread(lambda: self.future.set_exception(_as_exception(error)))

    def is_for(self, future: object) -> bool:
        """Compare the futures."""
        return self.future is future

    def _from_thread(self, settle: Callable[[], None]) -> None:
        def settle_once() -> None:
            if not self.future.done():
                settle()

        # RuntimeError: the event loop is closed, so nothing is waiting for the answer.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(settle_once)


def _as_exception(error: BaseException) -> Exception:
    """Return an exception that a future accepts and that doesn't end the event loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"{type(error).__name__} in the model's thread")  # without its text, which can quote a prompt


class _Stoppable(Watcher[T]):
    """A request's watcher that the executor can also cancel, at a deadline or when the user cancels."""

    def __init__(self, watcher: Watcher[T], stop: threading.Event, on_token: Callable[[], None]) -> None:
        self._watcher = watcher
        self._stop = stop
        self._on_token = on_token

    def is_cancelled(self) -> bool:
        return self._stop.is_set() or self._watcher.is_cancelled()

    def wants_end(self) -> bool:
        return self._watcher.wants_end()

    def note_token(self) -> None:
        self._on_token()

    def offer(self, partial: Callable[[], T]) -> None:
        self._watcher.offer(partial)


class WaitingLine:
    """A queue in which users take turns. Each user's own requests keep their order."""

    def __init__(self) -> None:
        self._by_user: dict[int, deque[QueuedRequest]] = {}  # in the order in which users take turns

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._by_user.values())

    def count(self, user_id: int) -> int:
        """Return the number of one user's waiting requests."""
        return len(self._by_user.get(user_id, ()))

    def in_order(self) -> list[QueuedRequest]:
        """Return all requests, the next one first."""
        turns = zip_longest(*self._by_user.values())
        return [request for turn in turns for request in turn if request is not None]

    def add(self, request: QueuedRequest) -> None:
        """Add `request` after its user's other requests."""
        self._by_user.setdefault(request.user_id, deque()).append(request)

    def take(self) -> QueuedRequest:
        """Remove and return the next request. Its user goes to the end of the line."""
        user_id, queue = next(iter(self._by_user.items()))
        request = queue.popleft()
        del self._by_user[user_id]
        if queue:
            self._by_user[user_id] = queue
        return request

    def remove(self, request: QueuedRequest) -> None:
        """Remove `request` if it is waiting."""
        queue = self._by_user.get(request.user_id)
        if queue is not None and request in queue:
            queue.remove(request)
            if not queue:
                del self._by_user[request.user_id]

    def clear(self) -> list[QueuedRequest]:
        """Remove and return all requests."""
        requests = self.in_order()
        self._by_user.clear()
        return requests


@dataclass(frozen=True, slots=True)
class ExecutorStatus:
    """The executor's state at one moment. `model` is None until it is loaded."""

    name: str
    model: ModelInfo | None
    failed: bool
    running: bool
    waiting: int
    queue_limit: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the queue: the number of requests `ahead`, and the estimated seconds to wait, or None if unknown."""

    ahead: int
    seconds: float | None
