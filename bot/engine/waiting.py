"""Requests on their way to the model: the queue in which users take turns, and what is said of it."""

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

from bot.questions.language_model import LanguageModel, ModelInfo, Question, RunInfo, Watcher

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """An answer, and what computed it."""

    result: T
    run: RunInfo


@dataclass(eq=False, slots=True)
class QueuedRequest(ABC):
    """What the queue and the executor know of a request, whatever its question is.

    `stop` is the wish that it end. One in the `background` has nobody who waits for it.
    """

    user_id: int
    loop: asyncio.AbstractEventLoop
    background: bool = field(default=False, kw_only=True)
    began: float = field(default=0.0, kw_only=True)  # when its computation began, by time.perf_counter()
    stop: threading.Event = field(default_factory=threading.Event, kw_only=True)

    @abstractmethod
    def compute(self, model: LanguageModel) -> None:
        """Compute the answer, for `resolve`; it may be cancelled meanwhile."""

    @abstractmethod
    def resolve(self) -> None:
        """Give the asker the computed answer, unless they have been answered already."""

    @abstractmethod
    def reject(self, error: BaseException) -> None:
        """Give the asker the error, unless they have been answered already."""

    @abstractmethod
    def is_for(self, future: object) -> bool:
        """Return whether `future` waits for this request."""


@dataclass(eq=False, slots=True)
class Request(QueuedRequest, Generic[T]):
    """A question on its way to the model, and the event loop's future for its answer."""

    question: Question[T]
    watcher: Watcher[T]
    future: "asyncio.Future[Answered[T]]"
    answered: Answered[T] | None = None

    def compute(self, model: LanguageModel) -> None:
        """Let the model answer."""
        self.watcher.begin()
        began = time.perf_counter()
        result = model.answer(self.question, _Stoppable(self.watcher, self.stop))
        self.answered = Answered(result, RunInfo(model.info, time.perf_counter() - began))

    def resolve(self) -> None:
        """Give the asker the answer."""
        answered = self.answered
        assert answered is not None  # noqa: S101  # it was computed
        self._from_thread(lambda: self.future.set_result(answered))

    def reject(self, error: BaseException) -> None:
        """Give the asker the error."""
        self._from_thread(lambda: self.future.set_exception(_as_exception(error)))

    def is_for(self, future: object) -> bool:
        """Compare the futures."""
        return self.future is future

    def _from_thread(self, settle: Callable[[], None]) -> None:
        def once() -> None:
            if not self.future.done():
                settle()

        # A loop that has ended has nobody left to tell.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(once)


def _as_exception(error: BaseException) -> Exception:
    """Return what a future takes: neither StopIteration nor what would travel on to end the event loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"{type(error).__name__} in the model's thread")  # without its words, which may quote a prompt


class _Stoppable(Watcher[T]):
    """A request's watcher, cancelled also by the executor: at a deadline, or where the asker went away."""

    def __init__(self, watcher: Watcher[T], stop: threading.Event) -> None:
        self._watcher = watcher
        self._stop = stop

    def is_cancelled(self) -> bool:
        return self._stop.is_set() or self._watcher.is_cancelled()

    def wants_end(self) -> bool:
        return self._watcher.wants_end()

    def offer(self, partial: Callable[[], T]) -> None:
        self._watcher.offer(partial)


class WaitingLine:
    """Requests of several users: each has one taken before any has a second one, and their own keep their order."""

    def __init__(self) -> None:
        self._of_users: dict[int, deque[QueuedRequest]] = {}  # in the order in which users take turns

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._of_users.values())

    def count(self, user_id: int) -> int:
        """Return how many of one user's requests wait."""
        return len(self._of_users.get(user_id, ()))

    def in_order(self) -> list[QueuedRequest]:
        """Return all, the next one first."""
        turns = zip_longest(*self._of_users.values())
        return [request for turn in turns for request in turn if request is not None]

    def add(self, request: QueuedRequest) -> None:
        """Let `request` wait behind its user's others."""
        self._of_users.setdefault(request.user_id, deque()).append(request)

    def take(self) -> QueuedRequest:
        """Take the next one; its user goes to the back of the turn."""
        user_id, queue = next(iter(self._of_users.items()))
        request = queue.popleft()
        del self._of_users[user_id]
        if queue:
            self._of_users[user_id] = queue
        return request

    def remove(self, request: QueuedRequest) -> None:
        """Take `request` out, if it waits."""
        queue = self._of_users.get(request.user_id)
        if queue is not None and request in queue:
            queue.remove(request)
            if not queue:
                del self._of_users[request.user_id]

    def clear(self) -> list[QueuedRequest]:
        """Take all out."""
        requests = self.in_order()
        self._of_users.clear()
        return requests


@dataclass(frozen=True, slots=True)
class ExecutorStatus:
    """A moment of the executor; `model` is None until it is loaded."""

    name: str
    model: ModelInfo | None
    failed: bool
    running: bool
    waiting: int
    queue_limit: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the queue: how many are `ahead`, and about how many seconds until it is its turn, if that is known."""

    ahead: int
    seconds: float | None
