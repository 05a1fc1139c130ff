"""The database: migrated when opened, one transaction for each session, and deleted data erased from the disk."""

import asyncio
import contextlib
import hashlib
import logging
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from bot.errors import DatabaseUnavailable
from bot.storage.database_url import async_url, sqlite_file
from bot.storage.refusal import DatabaseClosed
from bot.storage.schema import migrate
from bot.storage.statements import insert_into
from bot.storage.tables import Setting

CONNECT_SECONDS = 10
BUSY_SECONDS = 5
PRAGMAS = (
    f"busy_timeout={BUSY_SECONDS * 1000}",  # first, because setting the others can wait for a lock
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
)
# If a process disappears with its machine or its network, the server ends its connections, and with them its locks,
# within a minute: 20 + 3 × 10 seconds. By default that takes hours.
SERVER_SETTINGS = {
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "60s",  # ends transactions of a process that hangs
}
_SQLITE_REMEDY = (
    "Set BOT_DATABASE_URL=sqlite+aiosqlite:///FILE to a file that only the bot uses, in a folder that exists and is "
    "writable."
)
_SERVER_REMEDY = (
    "Check that the server is running and that the name, user and password in BOT_DATABASE_URL are right. The "
    "characters @ : / ? # and % in them must be percent-encoded: p%40ss for p@ss."
)

log = logging.getLogger(__name__)


class _Connection(sqlite3.Connection):
    """A connection that ends its transaction when it closes."""

    def close(self) -> None:
        """Roll back, then close: otherwise SQLite keeps the lock while a statement has unread rows."""
        with contextlib.suppress(sqlite3.Error):
            self.rollback()
        super().close()


class Database:
    """A SQLite or PostgreSQL database, closed until it is opened."""

    def __init__(self, url: str) -> None:
        """Raise ValueError for a URL of another database."""
        self._url = async_url(url)
        self._file = sqlite_file(self._url)
        self._is_sqlite = self._file is not None
        self._remedy = _SQLITE_REMEDY if self._is_sqlite else _SERVER_REMEDY
        self._engine: AsyncEngine | None = None
        self._salt: str | None = None
        self._erasure_due = False

    async def open(self) -> None:
        """Connect, migrate the tables and read the salt. Raises DatabaseUnavailable."""
        try:
            with self._convert_errors():
                await self._connect()
                async with self._require_engine().begin() as connection:
                    await connection.run_sync(migrate)
                self._salt = await self._read_salt()
                await self.erase()  # what was deleted before a crash
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close all connections. The database can be opened again."""
        engine, self._engine, self._salt = self._engine, None, None
        if engine is not None:
            await engine.dispose()

    async def ping(self) -> None:
        """Raise an error unless the server answers a query, or unless SQLite's file is there.

        SQLite gets no query: it would wait for the only connection, which a long transaction can hold.
        """
        engine = self._require_engine()
        if self._file is not None:
            await asyncio.to_thread(self._file.stat)
            return
        async with engine.connect() as connection:
            await connection.execute(select(1))

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction, which is committed at the end, or rolled back if an error is raised.

        On SQLite transactions run one at a time: a session inside another would wait for itself.
        If the task is cancelled while the transaction ends, it ends first.
        """
        async with AsyncSession(self._require_engine(), expire_on_commit=False) as session:
            yield session
            await _finish(session.commit())

    def content_hash(self, text: str) -> str:
        """Return the salted hash stored instead of `text`. Without the salt, guesses can't be checked."""
        if self._salt is None:
            raise DatabaseClosed("the database is not open")
        return hashlib.sha256((self._salt + text).encode("utf-8", "surrogatepass")).hexdigest()

    async def erase(self) -> None:
        """Erase deleted data from SQLite's file and log. PostgreSQL's server does that itself.

        A failure is only logged, because the deletion itself is done. The next deletion tries again.
        """
        if not self._is_sqlite:
            return
        self._erasure_due = True
        async with self._require_engine().connect() as connection:
            if self._erasure_due:  # false if another call did it while this one waited for the connection
                # Not with SQLAlchemy, which would begin a transaction.
                driver: Any = (await connection.get_raw_connection()).driver_connection
                self._erasure_due = not await _rewrite(driver)

    async def _connect(self) -> None:
        if self._file is not None:
            await asyncio.to_thread(_check_file, self._file)
        try:
            self._engine = (
                _sqlite_engine(self._url) if self._is_sqlite else server_engine(self._url, pool_pre_ping=True)
            )
            async with self._engine.connect():
                pass
        except (ArgumentError, TypeError, ValueError, OverflowError):
            # Not the driver's message: it quotes the URL, which can contain a password.
            raise DatabaseUnavailable("its URL, or an option in it, is invalid", self._remedy) from None

    async def _read_salt(self) -> str:
        row = {"name": "salt", "value": secrets.token_hex(32)}
        async with self.session() as session:
            await session.execute(insert_into(session, Setting).values(row).on_conflict_do_nothing())
            return (await session.execute(select(Setting.value).where(Setting.name == "salt"))).scalar_one()

    def _require_engine(self) -> AsyncEngine:
        if self._engine is None:
            raise DatabaseClosed("the database is not open")
        return self._engine

    def _convert_errors(self) -> contextlib.AbstractContextManager[None]:
        return convert_server_errors() if self._file is None else _convert_errors(f"{self._file}: ", _SQLITE_REMEDY)


async def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` to its end, even if this task is cancelled meanwhile.

    Otherwise the pool would log a traceback for a connection that is not reset.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def convert_server_errors() -> contextlib.AbstractContextManager[None]:
    """Convert errors of a PostgreSQL server or its driver to DatabaseUnavailable."""
    return _convert_errors("", _SERVER_REMEDY)


@contextlib.contextmanager
def _convert_errors(where: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except (OSError, SQLAlchemyError, sqlite3.Error) as error:
        raise DatabaseUnavailable(where + _problem(error), remedy) from None


def _sqlite_engine(url: str) -> AsyncEngine:
    # Transactions wait for the only connection, in the order of arrival. SQLite allows one writer at a time, and on its
    # own it waits for that writer only by retrying.
    connect = {"factory": _Connection}
    engine = create_async_engine(url, pool_size=1, max_overflow=0, hide_parameters=True, connect_args=connect)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _check_file(file: Path) -> None:
    """Raise sqlite3.Error for a file that is no database: aiosqlite would leave a running thread behind.

    A new file is switched to write-ahead logging, with retries: if two programs do that at once, SQLite refuses one.
    """
    began = time.perf_counter()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA schema_version")
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.perf_counter() - began > BUSY_SECONDS:
                    raise
                time.sleep(0.05)
            else:
                return


def server_engine(url: str, **options: Any) -> AsyncEngine:
    """Return an engine for a PostgreSQL server, with SQLAlchemy's `options`."""
    connect = {"timeout": CONNECT_SECONDS, "server_settings": SERVER_SETTINGS}
    return create_async_engine(url, hide_parameters=True, connect_args=connect, **options)


def _prepare(connection: DBAPIConnection, _: object) -> None:
    connection.isolation_level = None  # Python must not begin transactions; `_begin` does
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # Without IMMEDIATE, a transaction that reads and then writes is refused if another program wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _rewrite(driver: Any) -> bool:
    """Rewrite the file, empty the log, and return whether that succeeded."""
    try:
        # secure_delete is not enough: after a page was split, copies of its rows stay in unused space.
        await driver.execute("VACUUM")
        async with driver.execute("PRAGMA wal_checkpoint(TRUNCATE)") as answer:
            busy, *_ = await answer.fetchone()
    except sqlite3.Error as error:
        log.warning("could not erase deleted data from the disk, will retry: %s", error)
        return False
    if busy:
        log.warning("could not erase deleted data from the disk, will retry: another program is reading the database")
    return not busy


def _problem(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, TimeoutError):
        return f"it did not answer within {CONNECT_SECONDS} seconds"
    return str(cause).partition("\n")[0] or type(cause).__name__
