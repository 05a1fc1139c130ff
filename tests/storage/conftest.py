"""Databases of their own for each test: a file, and one on a server where there is one."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.storage.database import Database
from bot.storage.review_store import ReviewStore
from tests.storage.people import go_live, watch

SERVER = "postgresql+asyncpg://postgres@127.0.0.1:5432/"


async def administer(statement: str) -> None:
    engine = create_async_engine(SERVER + "postgres", isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    except OSError:
        pytest.skip(f"no PostgreSQL answers at {SERVER}")
    finally:
        await engine.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/reviews.db"


@pytest_asyncio.fixture(params=["SQLite", "PostgreSQL"])
async def url(request: pytest.FixtureRequest, sqlite_url: str) -> AsyncIterator[str]:
    if request.param == "SQLite":
        yield sqlite_url
        return
    name = f"nightword_test_{secrets.token_hex(6)}"
    await administer(f"CREATE DATABASE {name}")
    yield SERVER + name
    await administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture
async def other(url: str, database: Database) -> AsyncIterator[ReviewStore]:
    """The same database as another program has it."""
    second = Database(url)
    await second.open()
    yield ReviewStore(second)
    await second.close()


@pytest.fixture
def store(database: Database) -> ReviewStore:
    return ReviewStore(database)


@pytest_asyncio.fixture
async def watched(store: ReviewStore) -> None:
    """The channel is watched."""
    await watch(store)


@pytest_asyncio.fixture
async def live(store: ReviewStore) -> None:
    """The channel is watched, and what is said about its messages is shown."""
    await go_live(store)
