"""A database is brought up to date when it opens or says what is wrong, and keeps what its sessions committed."""

import asyncio
import hashlib
import itertools
import logging
import os
from collections.abc import Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import IntegrityError

from bot.errors import DatabaseUnavailable
from bot.storage.database import Database
from bot.storage.database_url import async_url
from bot.storage.store import ReviewStore
from bot.storage.tables import Base, Message, OptOut
from tests.storage.people import ADA, CHANNEL, FIRST, GUILD, NOON, judge, watch, write

PASSWORD = "planted-password"


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, Base.metadata))


async def test_the_migrations_create_the_declared_tables(database: Database) -> None:
    async with database.session() as session:
        assert await (await session.connection()).run_sync(differences) == []


async def test_a_restart_keeps_everything(database: Database, store: ReviewStore) -> None:
    await watch(store)
    await write(store)
    await judge(store)
    await write(store, FIRST + 1)
    before = (await store.places.all(), await store.scores.latest(CHANNEL), await store.messages.pending(10))
    content_hash = database.content_hash("Good.")
    await database.close()
    await database.open()
    assert (await store.places.all(), await store.scores.latest(CHANNEL), await store.messages.pending(10)) == before
    assert database.content_hash("Good.") == content_hash


async def test_several_programs_can_open_a_new_database_at_once(url: str) -> None:
    databases = [Database(url) for _ in range(4)]
    await asyncio.gather(*(database.open() for database in databases))
    assert len({database.content_hash("Good.") for database in databases}) == 1
    for database in databases:
        await database.close()


async def test_tables_of_a_newer_version_are_left_alone(database: Database) -> None:
    async with database.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    with pytest.raises(DatabaseUnavailable, match=r"version 9999; the newest that this program knows is 0006\. Start"):
        await database.open()
    with pytest.raises(RuntimeError, match="not open"):
        database.content_hash("Good.")


async def test_hashes_depend_on_the_salt_of_their_database(database: Database, tmp_path: Path) -> None:
    another = Database(f"sqlite+aiosqlite:///{tmp_path}/another.db")
    await another.open()
    hashes = {each.content_hash("Good.") for each in (database, another)}
    await another.close()
    assert len(hashes | {hashlib.sha256(b"Good.").hexdigest()}) == 3
    assert {len(content_hash) for content_hash in hashes} == {64}
    assert database.content_hash("\ud800") != database.content_hash("?")


async def test_a_session_that_fails_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.session() as session:
            session.add(OptOut(user_id=ADA, since=NOON))
            await session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert not await ReviewStore(database).privacy.has_opted_out(ADA)


async def test_a_message_belongs_to_a_watched_channel(database: Database) -> None:
    async def add() -> None:
        async with database.session() as session:
            session.add(
                Message(message_id=FIRST, place_id=CHANNEL, guild_id=GUILD, author_id=ADA, posted_at=NOON,
                        content_hash="planted-hash", pending=True, channel_id=CHANNEL)
            )  # fmt: skip

    with pytest.raises(IntegrityError) as refusal:
        await add()
    assert "planted-hash" not in str(refusal.value), "the error that is logged has no values"


async def test_sqlite_has_its_safety_pragmas(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await database.open()
    async with database.session() as session:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "secure_delete")
        values = [(await session.execute(text(f"PRAGMA {pragma}"))).scalar_one() for pragma in pragmas]
    await database.close()
    assert values == ["wal", 2, 1, 5000, 1]


@pytest.mark.slow
@pytest.mark.parametrize("url", ["PostgreSQL"], indirect=True)
async def test_a_server_frees_what_a_vanished_process_holds_within_a_minute(database: Database) -> None:
    async with database.session() as session:
        keepalives = [
            (await session.execute(text(f"SHOW tcp_keepalives_{name}"))).scalar_one()
            for name in ("idle", "interval", "count")
        ]
        idle, interval, count = map(int, keepalives)
        assert 0 < idle + interval * count <= 60
        assert (await session.execute(text("SHOW idle_in_transaction_session_timeout"))).scalar_one() == "1min"


async def test_a_transaction_that_is_cancelled_in_the_middle_of_a_statement_holds_no_lock(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await database.open()
    kept: list[object] = []

    async def be_cancelled() -> None:
        async with database.session() as session:
            connection = await session.connection()
            driver: Any = (await connection.get_raw_connection()).driver_connection
            # The statement's rows are unread, the traceback keeps it alive, and the pool closes the connection.
            kept.append(await driver.execute("INSERT INTO opt_out VALUES (1, '2026-11-20') RETURNING user_id"))
            await connection.invalidate()
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await be_cancelled()
    assert not await ReviewStore(database).privacy.has_opted_out(1)
    await database.close()


class CancelledAtStep(Generator[Any, Any, None]):
    """An awaitable whose task is cancelled when it waits for the n-th time, wherever that is."""

    def __init__(self, work: Coroutine[Any, Any, None], step: int) -> None:
        self._work = work
        self._steps_left = step

    def __await__(self) -> Generator[Any, Any, None]:
        return self

    def send(self, value: Any) -> Any:
        waiting = self._work.send(value)
        if self._steps_left == 0:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        self._steps_left -= 1
        return waiting

    def throw(self, *error: Any) -> Any:
        return self._work.throw(*error)


async def test_work_that_is_cancelled_anywhere_is_stored_or_not_and_logs_no_error(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    privacy = ReviewStore(database).privacy
    outcomes = []

    async def write_and_read(user: int) -> None:
        async with database.session() as session:
            await session.execute(insert(OptOut).values(user_id=user, since=NOON))
        await privacy.has_opted_out(user)
        await database.erase()
        await database.ping()

    async def cancelled_at(step: int) -> None:
        await CancelledAtStep(write_and_read(ADA + step), step)

    for step in itertools.count():
        try:
            await asyncio.create_task(cancelled_at(step))
        except asyncio.CancelledError:
            outcomes.append(await privacy.has_opted_out(ADA + step))
        else:
            break
    assert outcomes == sorted(outcomes), "what was cancelled later is stored"
    assert set(outcomes) == {False, True}
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def problem_of(url: str) -> str:
    database = Database(url)
    with pytest.raises(DatabaseUnavailable) as refusal:
        await database.open()
    message = str(refusal.value)
    assert message.startswith("The database of BOT_DATABASE_URL cannot be used: ")
    assert "\n" not in message
    assert PASSWORD not in message
    assert refusal.value.__cause__ is None
    assert refusal.value.exit_code == 78
    return message


async def test_a_missing_folder_is_a_problem(tmp_path: Path) -> None:
    problem = await problem_of(f"sqlite+aiosqlite:///{tmp_path}/nowhere/reviews.db")
    assert "unable to open database file. Set BOT_DATABASE_URL=sqlite+aiosqlite:///FILE to" in problem
    assert "unable to open" in await problem_of(f"sqlite+aiosqlite:///{tmp_path}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_read_only_folder_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "unable to open" in await problem_of(f"sqlite+aiosqlite:///{tmp_path}/reviews.db")


async def test_a_file_that_is_not_a_database_is_left_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "reviews.db"
    file.write_text("Dear diary, " * 100)
    assert "file is not a database" in await problem_of(f"sqlite+aiosqlite:///{file}")
    assert file.read_text() == "Dear diary, " * 100


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ("127.0.0.1:1/reviews", "Connect call failed ('127.0.0.1', 1). Check that the server is running"),
        (f"127.0.0.1:{PASSWORD}/reviews", "its URL, or an option in it, is invalid. Check"),
        ("127.0.0.1:99999/reviews", "its URL, or an option in it, is invalid. Check"),
        (f"127.0.0.1:1/reviews?passwort={PASSWORD}", "its URL, or an option in it, is invalid. Check"),
    ],
)
async def test_a_server_that_cannot_be_reached_is_a_problem(server: str, problem: str) -> None:
    assert problem in await problem_of(f"postgresql://bot:{PASSWORD}@{server}")


@pytest.mark.slow
@pytest.mark.parametrize("url", ["PostgreSQL"], indirect=True)
async def test_a_database_that_the_server_does_not_have_is_a_problem(url: str) -> None:
    assert '_no" does not exist. Check' in await problem_of(f"{url}_no")


@pytest.mark.parametrize("url", ["mysql://a@b/c", "sqlite+aiosqlite://", f"{PASSWORD}://a", "sqlite:///reviews.db"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be sqlite") as refusal:
        async_url(url)
    assert PASSWORD not in str(refusal.value)
