"""Work that is done until nothing is left. A failure stops nothing else; an outage is tried again."""

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
    SentimentUnsupported,  # by this model, whatever it is asked
)


class Worker:
    """Runs `work` when it is woken, once at a time; woken meanwhile, it runs once more."""

    def __init__(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        self._work = work
        self._name = name
        self._task: asyncio.Task[None] | None = None
        self._asked_again = False

    def wake(self) -> None:
        """Begin, unless it is under way; then go on for once more."""
        self._asked_again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End where it is; what is left is done after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._asked_again:
                self._asked_again = False
                await self._work()
        except Exception:  # such as a database that is gone: what waits is kept, and tried at the next wake, in 30 s
            log.exception("%s was interrupted", self._name)


class Line(Generic[T]):
    """What is due, taken from its head by `due`, which returns the first so many.

    What fails stays due. It is passed over until everything behind it had its turn.
    """

    def __init__(self, due: Callable[[int], Awaitable[Sequence[T]]], at_a_time: int) -> None:
        self._due = due
        self._at_a_time = at_a_time
        self._passed: set[T] = set()
        self._has_more = False

    @property
    def has_failed(self) -> bool:
        """Whether some failed and have not been tried again."""
        return bool(self._passed)

    async def take(self, under_way: Sequence[T] = ()) -> list[T]:
        """Return the next ones, none of those `under_way`; after all others, those that failed."""
        limit = self._at_a_time + len(self._passed) + len(under_way)
        found = await self._due(limit)
        some = [one for one in found if one not in self._passed and one not in under_way]
        if not some and not under_way:
            self._passed.clear()
            some = list(found)
        self._has_more = len(found) == limit or len(found) > len(some)
        return some[: self._at_a_time]

    def pass_over(self, *failed: T) -> None:
        """Let others go first."""
        self._passed.update(failed)

    async def do_some(self, do: Callable[[T], Awaitable[bool]]) -> bool:
        """Do the next ones, each for itself; return whether to go on: one was done, and more are due.

        If none was done, what they need is away. Raises the error that says so of the database.
        """
        some = await self.take()
        done = [await attempt(do, one) for one in some]
        self.pass_over(*(one for one, is_done in zip(some, done, strict=True) if not is_done))
        return any(done) and (self._has_more or not all(done))


async def attempt(do: Callable[[T], Awaitable[bool]], one: T) -> bool:
    """Return what `do` does, False where it fails for `one` alone; raise where the database is away."""
    try:
        return await do(one)
    except Exception as problem:
        if is_outage(problem):
            raise
        log.error("%r failed, the others go on: %s", one, where(problem))  # noqa: TRY400  # its message may quote a text
        return False


def is_outage(problem: BaseException) -> bool:
    """Return whether something is away for now, so that every message and channel would have failed the same way."""
    if isinstance(problem, discord.HTTPException):
        return is_retryable(problem) or problem.status == 401  # 401 refuses the bot itself
    return isinstance(problem, _OUTAGES) or is_away(problem)


def where(problem: BaseException) -> str:
    """Return what a log may say of an exception: its kind and place. Its message may quote somebody's text."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" in {trace.tb_frame.f_globals.get('__name__')}, line {trace.tb_lineno}"
    return f"{type(problem).__name__}{place}"
