"""Work that is done until nothing is left, and again whenever there may be more."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


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
        except Exception:  # such as a database that is gone: what waits is kept, and the next minute tries again
            log.exception("%s was interrupted", self._name)
