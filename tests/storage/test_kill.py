"""Acknowledged steps survive a kill of the program while it writes, and unfinished steps are done once."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.storage.database import Database
from bot.storage.database_url import sqlite_file
from bot.storage.store import ReviewStore
from bot.storage.tables import CaseEvent, CaseOutcome, Message, ReviewCase, Score
from tests.storage.people import FIRST
from tests.storage.writer import AT_ONCE, settle

ROOT = Path(__file__).parents[2]
KILLS = 50
STEPS = ("recorded", "scored", "opened", "decided")

Steps = dict[str, set[int]]


@pytest.fixture
def writer() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.storage.writer"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 – our own
        yield process
        process.kill()


def write_until_killed(writer: subprocess.Popen[str], url: str, first: int, steps: int) -> Iterator[tuple[str, int]]:
    """Yield the steps that were acknowledged, each with its message."""
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(f"{url} {first}\n")
    writer.stdin.flush()
    life = int(writer.stdout.readline())
    lines = [writer.stdout.readline() for _ in range(steps)]
    os.kill(life, signal.SIGKILL)
    while (line := writer.stdout.readline()) != "gone\n":
        lines.append(line)
    for line in lines:
        step, message = line.split()
        yield step, int(message)


async def stored_steps(database: Database) -> Steps:
    """Return the messages that have reached each step, and check that nothing is stored twice or in part."""
    async with database.session() as session:
        scored = (await session.scalars(select(Score.message_id))).all()
        cases = (await session.execute(select(ReviewCase.message_id, ReviewCase.state, ReviewCase.number))).all()
        number, events = CaseEvent.number, func.count()
        histories = select(func.min(number), func.max(number), events).group_by(CaseEvent.case_id)
        spans = (await session.execute(histories)).all()
        outcomes = await session.scalar(select(func.count()).select_from(CaseOutcome))
        recorded = set((await session.scalars(select(Message.message_id))).all())
    assert len(scored) == len(set(scored)), "scored once"
    assert sorted(case.number for case in cases) == list(range(1, len(cases) + 1))
    assert len(spans) == len(cases)
    assert all((first, last) == (1, count) for first, last, count in spans), "a history without gaps"
    decided = {case.message_id for case in cases if case.state == "confirmed"}
    assert sum(count for *_, count in spans) == len(cases) + len(decided)
    assert outcomes == len(decided)
    opened = {case.message_id for case in cases}
    return dict(zip(STEPS, (recorded, set(scored), opened, decided), strict=True))


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_or_done_twice_by_a_kill(url: str, writer: subprocess.Popen[str]) -> None:
    drawn = random.Random(3)
    acknowledged: Steps = {step: set() for step in STEPS}
    database = Database(url)
    for life in range(KILLS):
        for step, message in write_until_killed(writer, url, FIRST + life * 1000, drawn.randint(0, 24)):
            acknowledged[step].add(message)
        if file := sqlite_file(url):
            with sqlite3.connect(file) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        await database.open()
        stored = await stored_steps(database)
        await database.close()
        for step in STEPS:
            assert acknowledged[step] <= stored[step]
            # Other stored steps were being written: in this life, or in the one before if the server was still writing
            # when this test looked. A step that is done is not acknowledged again.
            assert len(stored[step] - acknowledged[step]) <= 2 * AT_ONCE
            acknowledged[step] = stored[step]
    await database.open()
    await settle(ReviewStore(database))
    stored = await stored_steps(database)
    await database.close()
    assert stored["recorded"] == stored["scored"] == stored["opened"] == stored["decided"]
    assert len(stored["recorded"]) > KILLS
