"""One request on its way through the executor."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bot.inference.model import LanguageModel, ShouldStop

T = TypeVar("T")
Operation = Callable[[LanguageModel, ShouldStop], T]


@dataclass(eq=False, slots=True)
class Request(Generic[T]):
    """One operation, the event loop's future for its result, and the wish that it stop.

    One in the `background` has nobody who waits for it.
    """

    user_id: int
    operation: Operation[T]
    future: "asyncio.Future[T]"
    loop: asyncio.AbstractEventLoop
    background: bool = False
    began: float = 0.0  # when its computation began, by time.perf_counter()
    stop: threading.Event = field(default_factory=threading.Event)

    def resolve(self, result: T) -> None:
        """Give the asker the result, unless they have been answered already."""
        self._from_thread(lambda: self.future.set_result(result))

    def reject(self, error: BaseException) -> None:
        """Give the asker the error, unless they have been answered already."""
        self._from_thread(lambda: self.future.set_exception(_as_exception(error)))

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
