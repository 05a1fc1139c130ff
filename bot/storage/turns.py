"""What only one process of a bot can have at a time, held with PostgreSQL's advisory locks.

A lock belongs to a connection of its own, so it ends with the process, however that ends.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool

from bot.errors import ShardsTaken, TurnNotTaken
from bot.storage.database import convert_server_errors, server_engine

# The first key says what is locked; the migrations use 78. The second is a bucket or a shard.
_TURN, _SHARD = 79, 80
_LOCK = text("SELECT pg_advisory_lock(:what, :number)")
_CHECK = text("SELECT 1")
_AWAY = (OSError, SQLAlchemyError)
RETRY_SECONDS = 1.0  # between attempts while the server is away
CHECK_SECONDS = 10.0  # between two looks at whether the connection that holds the shards is alive

log = logging.getLogger(__name__)


class ProcessTurns:
    """Turns in buckets: in each bucket one process has its turn at a time, in the order in which they asked."""

    def __init__(self, url: str, buckets: int, *, wait_seconds: float, keep_seconds: float) -> None:
        """Wait at most `wait_seconds` for a turn of the PostgreSQL database at `url`, and keep it `keep_seconds`."""
        self._engine = _engine(url)
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
                return await _connect_and_lock(self._engine, _TURN, [bucket])
            except _AWAY as problem:
                # Not its message: it can quote the URL, which contains a password.
                log.warning("the database is away while this process waits for its turn: %s", type(problem).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _end(self, connection: AsyncConnection) -> None:
        try:
            await asyncio.sleep(self._keep_seconds)
        finally:
            await _close(connection)


class ShardClaim:
    """The claim of a process to its shards. Two processes with one shard would do everything there twice."""

    def __init__(self, url: str, shard_ids: Collection[int], *, wait_seconds: float) -> None:
        """Wait at most `wait_seconds` for a process that has one of the shards to end."""
        self._engine = _engine(url)
        self._shard_ids = sorted(shard_ids)  # in one order in all processes, which rules out deadlocks
        self._wait_seconds = wait_seconds
        self._connection: AsyncConnection | None = None

    async def take(self) -> None:
        """Claim the shards. Raises ShardsTaken if another process keeps one, and DatabaseUnavailable."""
        with convert_server_errors():
            await self._take()

    async def keep(self) -> None:
        """Claim the shards again whenever the connection was lost. Raises ShardsTaken if another process got one."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                if self._connection is None:
                    await self._take()
                    log.info("the database is back, and this process has its shards again")
                else:
                    async with asyncio.timeout(CHECK_SECONDS):  # a network that is gone says nothing
                        await self._connection.execute(_CHECK)
            except _AWAY as problem:
                if self._connection is not None:  # once for each outage
                    log.warning("the database that holds this process's shards is away: %s", type(problem).__name__)
                await self.close()

    async def close(self) -> None:
        """Give the shards up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await _close(connection)

    async def _take(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                self._connection = await _connect_and_lock(self._engine, _SHARD, self._shard_ids)
        except TimeoutError:
            raise ShardsTaken(self._shard_ids, self._wait_seconds) from None


def _engine(url: str) -> AsyncEngine:
    # No pool: a lock ends when its connection is closed.
    return server_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")


async def _connect_and_lock(engine: AsyncEngine, what: int, numbers: Collection[int]) -> AsyncConnection:
    connection = await engine.connect()
    try:
        for number in numbers:
            await connection.execute(_LOCK, {"what": what, "number": number})
    except BaseException:
        await _close(connection)
        raise
    return connection


async def _close(connection: AsyncConnection) -> None:
    with contextlib.suppress(*_AWAY):  # a lost connection holds nothing any longer
        await connection.close()
