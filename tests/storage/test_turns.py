"""Turns and shards that processes take through PostgreSQL."""

import asyncio
import logging

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.errors import DatabaseUnavailable, ShardsTaken, TurnNotTaken
from bot.storage.turns import ProcessTurns, ShardClaim

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("url", ["PostgreSQL"], indirect=True)]
LONG, SHORT, NO_TIME = 60.0, 0.5, 0.1
_HERE = "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
CUT = text(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE {_HERE} AND granted")  # noqa: S608  # our own text
WAITING = text(f"SELECT count(*) FROM pg_locks WHERE {_HERE} AND NOT granted")  # noqa: S608  # as above


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
        await server.execute(CUT)  # as when the process is killed, which closes its connections
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


async def test_a_shard_belongs_to_one_process(url: str) -> None:
    first, other = (ShardClaim(url, ids, wait_seconds=LONG) for ids in ([2, 3], [4, 5]))
    await first.take()
    await other.take()
    with pytest.raises(ShardsTaken, match=r"still has a shard of this one \(1, 2\) after 0\.1 seconds"):
        await ShardClaim(url, [2, 1], wait_seconds=NO_TIME).take()
    successor = ShardClaim(url, [3, 2], wait_seconds=LONG)
    waiting = asyncio.create_task(successor.take())
    await first.close()
    await waiting
    for claim in (other, successor):
        await claim.close()


async def test_shards_are_claimed_again_after_an_outage_of_the_server(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.storage.turns.CHECK_SECONDS", 1.0)
    claim, rival = ShardClaim(url, [0], wait_seconds=NO_TIME), ShardClaim(url, [0], wait_seconds=LONG)
    await claim.take()
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    with caplog.at_level(logging.INFO):
        keeping = asyncio.create_task(claim.keep())
        async with engine.connect() as server:
            await server.execute(CUT)
            async with asyncio.timeout(LONG):
                while "has its shards again" not in caplog.text:  # noqa: ASYNC110  # the log is what tells
                    await asyncio.sleep(0.05)
            waiting = asyncio.create_task(rival.take())
            async with asyncio.timeout(LONG):
                while not (await server.execute(WAITING)).scalar():  # noqa: ASYNC110  # the server knows
                    await asyncio.sleep(0.05)
            await server.execute(CUT)  # now the rival is first
            await waiting
            with pytest.raises(ShardsTaken):
                await keeping
    await rival.close()
    await engine.dispose()


async def test_a_claim_needs_the_database(url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="Check that the server is running"):
        await ShardClaim("postgresql+asyncpg://bot@127.0.0.1:1/reviews", [0], wait_seconds=LONG).take()
