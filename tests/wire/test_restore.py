"""Backup and restore of PostgreSQL with pg_dump and pg_restore, as docs/how-to/operations.md describes them."""

import asyncio
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from tests.conftest import administer
from tests.wire.discord_peer import discord_on_loopback
from tests.wire.review_server import grant_message_content, post_review, watch
from tests.wire.running import patiently, started, until_loaded, wait_for_end

MESSAGES = 40

on_postgresql = pytest.mark.parametrize("url", ["PostgreSQL"], indirect=True)


@pytest_asyncio.fixture
async def restored_url(url: str) -> AsyncIterator[str]:
    """An empty database beside that of `url`."""
    if shutil.which("pg_dump") is None or shutil.which("pg_restore") is None:
        pytest.skip("pg_dump and pg_restore are not installed")
    name = f"{make_url(url).database}_restored"
    await administer(f"CREATE DATABASE {name}")
    yield url.rpartition("/")[0] + f"/{name}"
    await administer(f"DROP DATABASE {name} WITH (FORCE)")


async def run(program: str, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(program, *arguments, stderr=asyncio.subprocess.PIPE)
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()


def plain(url: str) -> str:
    """Return a URL as PostgreSQL's own programs read it."""
    return url.replace("postgresql+asyncpg://", "postgresql://")


async def dump(url: str, file: Path) -> None:
    await run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={plain(url)}")


async def restore(file: Path, url: str) -> None:
    await run(
        "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={plain(url)}", str(file)
    )


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(query))]
    finally:
        await engine.dispose()


async def scored(url: str) -> list[object]:
    """Return the message id of each score; a message that was scored twice is there twice."""
    return [message_id for (message_id,) in await rows(url, "SELECT message_id FROM score")]


async def until_scored(url: str, count: int) -> None:
    async for _ in patiently():
        if len(await scored(url)) >= count:
            return


@on_postgresql
async def test_a_dump_taken_while_the_bot_scores_restores_into_a_bot_that_goes_on(
    tmp_path: Path, url: str, restored_url: str
) -> None:
    file = tmp_path / "nightword.dump"
    settings = {"BOT_REVIEWS": "true"}
    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(url, discord)
        reviews = [post_review(discord, f"A fine film, number {number}.", number % 5) for number in range(MESSAGES)]
        async with started(port, cwd=tmp_path, BOT_DATABASE_URL=url, **settings) as process:
            await until_loaded(discord)
            for review in reviews:
                await discord.gateway.dispatch("MESSAGE_CREATE", review)
            await until_scored(url, 1)
            await dump(url, file)
            await until_scored(url, MESSAGES)
            process.send_signal(signal.SIGTERM)
            assert (await wait_for_end(process))[0] == 0
        await restore(file, restored_url)
        known = "SELECT message_id, content_hash FROM message ORDER BY message_id"
        before, after = await rows(restored_url, known), await rows(url, known)
        assert 1 <= len(await scored(restored_url)) <= len(before) <= MESSAGES
        assert set(before) <= set(after)
        discord.ready.clear()
        async with started(port, cwd=tmp_path, BOT_DATABASE_URL=restored_url, **settings) as process:
            await until_loaded(discord)
            await until_scored(restored_url, MESSAGES)
            process.send_signal(signal.SIGTERM)
            code, _, err = await wait_for_end(process)
    assert (code, "Traceback" in err) == (0, False)
    assert Counter(await scored(restored_url)) == Counter({int(review["id"]): 1 for review in reviews})
    assert await rows(restored_url, known) == after  # the same salt, so the same hashes


@on_postgresql
async def test_a_dump_of_a_stopped_bot_has_every_row(tmp_path: Path, url: str, restored_url: str) -> None:
    file = tmp_path / "nightword.dump"
    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(url, discord, flag_below=1.0)
        async with started(port, cwd=tmp_path, BOT_REVIEWS="true", BOT_DATABASE_URL=url) as process:
            await until_loaded(discord)
            for number in range(4):
                review = post_review(discord, f"A dull film, number {number}.")
                await discord.gateway.dispatch("MESSAGE_CREATE", review)
            await until_scored(url, 4)
            process.send_signal(signal.SIGTERM)
            assert (await wait_for_end(process))[0] == 0
    await dump(url, file)
    await restore(file, restored_url)
    tables = [name for (name,) in await rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    assert "score" in tables
    for name in tables:
        query = f"SELECT * FROM {name} ORDER BY 1"  # noqa: S608  # a table of ours
        assert await rows(restored_url, query) == await rows(url, query)
