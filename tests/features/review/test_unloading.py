"""Shutting down: all running work ends before the database closes."""

import asyncio
from pathlib import Path

import pytest

from bot.app.client import Nightword
from bot.features.review.reader import ReviewReader
from bot.storage.database import Database
from tests.features.review.conftest import ReviewPlace


async def test_the_loops_end_before_the_database_closes(
    place: ReviewPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, steps, querying = place.env.bot, list[str](), asyncio.Event()
    assert isinstance(bot, Nightword)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/another.db")
    reader = ReviewReader(bot, database, bot.executor)
    close = database.close

    async def query() -> None:
        querying.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(100):  # more turns of the event loop than the other steps of unloading take
                await asyncio.sleep(0)
            steps.append("the query has ended")

    async def record_close() -> None:
        steps.append("the database closes")
        await close()

    monkeypatch.setattr(reader.publisher.alerts, "erase_excerpts", query)
    monkeypatch.setattr(database, "close", record_close)
    await reader.cog_load()
    await querying.wait()
    await reader.cog_unload()
    assert steps == ["the query has ended", "the database closes"]
