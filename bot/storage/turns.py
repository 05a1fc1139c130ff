"""Turns among the processes of a bot, taken with PostgreSQL's advisory locks."""

import asyncio
import contextlib
import logging

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from bot.errors import TurnNotTaken

# The migrations use (78, 1). Each number of the second key is one of Discord's buckets.
_LOCK = text("SELECT pg_advisory_lock(79, :bucket)")
CONNECT_SECONDS = 10
RETRY_SECONDS = 1.0  # between attempts while the server is away

log = logging.getLogger(__name__)


class ProcessTurns:
    """Turns in buckets: in each bucket one process has its turn at a time, in the order in which they asked.

    A turn is a lock of a connection of its own, so it ends with the process, however that ends.
    """

    def __init__(self, url: str, buckets: int, *, wait_seconds: float, keep_seconds: float) -> None:
        """Wait at most `wait_seconds` for a turn of the PostgreSQL database at `url`, and keep it `keep_seconds`."""
        # No pool: a turn ends when its connection is closed.
        self._engine = create_async_engine(
            url, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True,
            connect_args={"timeout": CONNECT_SECONDS},
        )  # fmt: skip
        self._buckets = buckets
        self._wait_seconds = wait_seconds
        self._keep_seconds = keep_seconds
        self._kept: set[asyncio.Task[None]] = set()

    async def take(self, number: int) -> None:
        """Wait for a turn in the bucket of `number`, which then ends by itself.

        Raises TurnNotTaken if others have it for too long, or the database doesn't answer.
        """
        try:
            async with asyncio.timeout(self._wait_seconds):
                connection = await self._lock(number % self._buckets)
        except TimeoutError:
            raise TurnNotTaken(self._wait_seconds) from None
        task = asyncio.create_task(self._end(connection))
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    async def close(self) -> None:
        """End all turns."""
        for task in self._kept:
            task.cancel()
        await asyncio.gather(*self._kept, return_exceptions=True)

    async def _lock(self, bucket: int) -> AsyncConnection:
        while True:
            try:
                return await self._try_lock(bucket)
            except (OSError, SQLAlchemyError) as problem:
                # Not its message: it can quote the URL, which contains a password.
                log.warning("the database is away while this process waits for its turn: %s", type(problem).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _try_lock(self, bucket: int) -> AsyncConnection:
        connection = await self._engine.connect()
        try:
            await connection.execute(_LOCK, {"bucket": bucket})
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _end(self, connection: AsyncConnection) -> None:
        try:
            await asyncio.sleep(self._keep_seconds)
        finally:
            with contextlib.suppress(OSError, SQLAlchemyError):  # a lost connection has ended its turn already
                await connection.close()
