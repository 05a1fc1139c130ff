"""Whether the bot can serve: the gateway, the model and the database, each by name."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from bot.app.client import Nightword
from bot.engine.waiting import ExecutorStatus

DATABASE_SECONDS = 2.0  # for one answer; Kubernetes gives a probe 1 s by default, so its timeout has to be raised
CACHED_SECONDS = 2.0  # how long an answer of the database counts, however many probes ask

T = TypeVar("T")


class Cached(Generic[T]):
    """The result of `compute`, which is called at most once in `seconds`. Callers at the same moment share a call."""

    def __init__(self, compute: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._compute = compute
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._latest: tuple[float, T] | None = None

    async def get(self) -> T:
        """Return the latest result, computed again if it is too old."""
        async with self._lock:
            if self._latest is None or time.monotonic() - self._latest[0] > self._seconds:
                result = await self._compute()
                self._latest = time.monotonic(), result
            return self._latest[1]


class Readiness:
    """The parts that have to work before the bot can answer people."""

    def __init__(self, bot: Nightword) -> None:
        self._bot = bot
        self._database = Cached(self._database_problem, CACHED_SECONDS)

    async def problems(self) -> dict[str, str]:
        """Return what is wrong with each part, or "" where nothing is. No text names an id, a URL or an error."""
        bot = self._bot
        problems = {"gateway": bot.gateway.problem, "model": model_problem(bot.executor.status)}
        if bot.settings.reviews:
            problems["database"] = await self._database.get()
        problems["shutdown"] = "shutting down" if bot.is_draining else ""
        return problems

    async def _database_problem(self) -> str:
        database = self._bot.database
        if database is None:
            return "not open"
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                await database.ping()
        except TimeoutError:
            return f"no answer within {DATABASE_SECONDS:g} s"
        except Exception:  # each driver has its own errors, and their texts can quote the URL
            return "no connection"
        return ""


def model_problem(status: ExecutorStatus) -> str:
    """Return why the model can't answer now, or "" if it can."""
    if status.failed:
        return "could not be loaded"
    if status.model is None:
        return "loading"
    return "its server can't be used" if status.model.problem else ""
