"""Work that runs until nothing is left. One failure does not stop the rest, and an outage is retried."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD, is_retryable
from bot.errors import Interrupted, ModelUnavailable, Refusal, SentimentUnsupported
from bot.storage.refusal import is_away

log = logging.getLogger(__name__)
T = TypeVar("T", bound=Hashable)
_OUTAGES = (
    *NO_NEWS_FROM_DISCORD,
    discord.ConnectionClosed,
    discord.RateLimited,
    Interrupted,
    ModelUnavailable,
    Refusal,
    SentimentUnsupported,  # by this model, for every text
)


class Worker:
    """Runs `work` when it is woken, one run at a time. If it is woken during a run, it runs once more."""

    def __init__(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        self._work = work
        self._name = name
        self._task: asyncio.Task[None] | None = None
        self._is_woken = False

    def wake(self) -> None:
        """Run the work, or once more after the current run."""
        self._is_woken = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Cancel the current run and wait for its end. The rest is done after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._is_woken:
                self._is_woken = False
                await self._work()
        except Exception:  # such as a lost database: the next wake, in 30 s, tries again
            log.exception("%s failed, will retry", self._name)


class RetryQueue(Generic[T]):
    """A queue of due items. `due(limit)` returns the first `limit` of them.

    Failed items stay due. They are passed over until all the others have had their turn.
    """

    def __init__(self, due: Callable[[int], Awaitable[Sequence[T]]], at_a_time: int) -> None:
        self._due = due
        self._at_a_time = at_a_time
        self._failed: set[T] = set()
        self._has_more = False

    @property
    def has_failed(self) -> bool:
        """Whether there are failed items that were not retried yet."""
        return bool(self._failed)

    async def take(self, running: Sequence[T] = ()) -> list[T]:
        """Return the next items except those in `running`; failed ones come after all others."""
        limit = self._at_a_time + len(self._failed) + len(running)
        due = await self._due(limit)
        items = [item for item in due if item not in self._failed and item not in running]
        if not items and not running:
            self._failed.clear()
            items = list(due)
        self._has_more = len(due) == limit or len(due) > len(items)
        return items[: self._at_a_time]

    def pass_over(self, *failed: T) -> None:
        """Put failed items behind all others."""
        self._failed.update(failed)

    async def do_some(self, do: Callable[[T], Awaitable[bool]]) -> bool:
        """Do the next items one by one; return whether to continue: at least one was done, and more are due.

        If none was done, something that all items need is unavailable. Raises the error of an outage.
        """
        items = await self.take()
        done = [await attempt(do, item) for item in items]
        self.pass_over(*(item for item, is_done in zip(items, done, strict=True) if not is_done))
        return any(done) and (self._has_more or not all(done))


async def attempt(do: Callable[[T], Awaitable[bool]], item: T) -> bool:
    """Return the result of `do`, False if it fails for `item` alone. Raises the error of an outage."""
    try:
        return await do(item)
    except Exception as problem:
        if is_outage(problem):
            raise
        log.error("could not process %r: %s", item, error_location(problem))  # noqa: TRY400  # its message may quote a text
        return False


def is_outage(problem: BaseException) -> bool:
    """Return whether a service is unavailable for now, so that every message and channel would fail the same way."""
    if isinstance(problem, discord.HTTPException):
        return is_retryable(problem) or problem.status == 401  # 401 refuses the bot itself
    return isinstance(problem, _OUTAGES) or is_away(problem)


def error_location(problem: BaseException) -> str:
    """Return the kind and line of an exception for a log, without its message, which may quote a member's text."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    location = "" if trace is None else f" in {trace.tb_frame.f_globals.get('__name__')}, line {trace.tb_lineno}"
    return f"{type(problem).__name__}{location}"
