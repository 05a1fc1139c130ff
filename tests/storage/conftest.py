"""Each test's database as the stores see it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.storage.database import Database
from bot.storage.store import ReviewStore
from tests.storage.people import go_live, watch


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture
async def other(url: str, database: Database) -> AsyncIterator[ReviewStore]:
    """The same database, opened by another program."""
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
    """The channel is watched and live."""
    await go_live(store)
