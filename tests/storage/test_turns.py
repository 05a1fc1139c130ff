"""Turns that processes take through PostgreSQL."""

import asyncio
import logging

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.errors import TurnNotTaken
from bot.storage.turns import ProcessTurns

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("url", ["PostgreSQL"], indirect=True)]
LONG, SHORT, NO_TIME = 60.0, 0.5, 0.1


def process(url: str, *, wait: float = LONG, keep: float = LONG, buckets: int = 2) -> ProcessTurns:
    return ProcessTurns(url, buckets, wait_seconds=wait, keep_seconds=keep)


async def test_in_a_bucket_one_process_has_its_turn_at_a_time(url: str) -> None:
    first, second = process(url, keep=SHORT), process(url, keep=SHORT)
    taken: list[float] = []
    loop = asyncio.get_running_loop()

    async def take(turns: ProcessTurns, number: int) -> None:
        await turns.take(number)
        taken.append(loop.time())

    await take(first, 0)
    await take(second, 1)  # another bucket
    assert taken[1] - taken[0] < LONG / 2
    await asyncio.gather(take(second, 2), take(first, 4))  # bucket 0 again
    first_turn, _, second_turn, third_turn = taken
    assert second_turn - first_turn >= SHORT
    assert third_turn - second_turn >= SHORT


async def test_a_process_that_waits_too_long_is_told(url: str) -> None:
    holder = process(url)
    await holder.take(0)
    with pytest.raises(TurnNotTaken, match=r"it waited 0\.1 seconds for its turn"):
        await process(url, wait=NO_TIME).take(0)
    await holder.close()
    await process(url, keep=NO_TIME).take(0)  # the refused process left no lock behind


async def test_a_turn_ends_with_its_process(url: str) -> None:
    await process(url).take(0)
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as server:
        waiting = asyncio.create_task(process(url, keep=NO_TIME).take(0))
        await server.execute(  # as when the process is killed, which closes its connections
            text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        )
        await waiting
    await engine.dispose()


async def test_a_database_that_is_away_is_tried_again_and_named_in_no_log(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    away = "postgresql+asyncpg://bot:canary@127.0.0.1:1/reviews"
    with caplog.at_level(logging.WARNING), pytest.raises(TurnNotTaken):
        await process(away, wait=1.5).take(0)
    assert caplog.records
    assert "canary" not in caplog.text
