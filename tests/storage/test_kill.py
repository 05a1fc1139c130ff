"""What was acknowledged outlives a program that is killed while it writes."""

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

from bot.storage.database import Database
from bot.storage.database_url import sqlite_file
from bot.storage.review_store import ReviewStore
from tests.storage.people import CHANNEL, FIRST

ROOT = Path(__file__).parents[2]
KILLS = 10


def write_until_killed(url: str, first: int, lines: int) -> list[int]:
    """Return the messages that were acknowledged."""
    command = [sys.executable, "-m", "tests.storage.writer", url, str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 – our own
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        acknowledged += process.stdout.readlines()
    return [int(line) for line in acknowledged if line.endswith("\n")]


async def test_nothing_acknowledged_is_lost_by_a_kill(url: str) -> None:
    drawn = random.Random(3)
    kept: list[int] = []
    for attempt in range(KILLS):
        kept += write_until_killed(url, FIRST + attempt * 100_000, lines=drawn.randint(1, 60))
        if file := sqlite_file(url):
            with sqlite3.connect(file) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database = Database(url)
        await database.open()
        found = {scored.message_id for scored in await ReviewStore(database).latest_scores(CHANNEL)}
        await database.close()
        assert set(kept) <= found
        assert len(found) <= len(kept) + attempt + 1, "only what was being written may be there besides"
