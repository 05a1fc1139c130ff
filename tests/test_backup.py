"""`nightword backup`: a whole copy while the bot goes on, or one line that says why there is none."""

import sqlite3
from pathlib import Path

import pytest

from bot.cli import run
from bot.storage.database import Database
from bot.storage.review_store import ReviewStore
from tests.storage.people import CHANNEL, FIRST, watch, write

URL = "sqlite+aiosqlite:///{}"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> str:
    assert run(["backup", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


async def test_a_database_is_copied_while_it_is_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(URL.format("nightword.db"))
    await database.open()
    store = ReviewStore(database)
    await watch(store)
    await write(store)
    assert run(["backup", "copy.db"]) == 0
    await write(store, FIRST + 1)
    await database.close()
    assert capsys.readouterr().out.startswith("nightword.db is copied to copy.db: ")
    assert [file.name for file in sorted(tmp_path.glob("copy*"))] == ["copy.db"], "one file, to be carried away alone"
    assert Path("copy.db").stat().st_mode & 0o077 == 0

    with sqlite3.connect("copy.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    copy = Database(URL.format("copy.db"))
    await copy.open()
    assert [waiting.message_id for waiting in await ReviewStore(copy).pending(10)] == [FIRST]
    assert copy.content_hash("Good.") == (await ReviewStore(copy).pending(1))[0].content_hash
    assert (await ReviewStore(copy).watched(CHANNEL)) is not None
    await copy.close()


async def test_no_file_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(URL.format("nightword.db"))
    await database.open()
    await database.close()
    Path("copy.db").write_text("mine")
    assert "copy.db is there already, and is not overwritten" in refused(capsys, "copy.db", code=2)
    assert Path("copy.db").read_text() == "mine"
    assert "nightword.db is there already" in refused(capsys, "nightword.db", code=2)


async def test_a_target_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(URL.format("nightword.db"))
    await database.open()
    await database.close()
    error = refused(capsys, "nowhere/copy.db", code=2)
    assert "nowhere/copy.db cannot be written: No such file or directory. Name a new file" in error


def test_without_a_database_there_is_no_copy(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nightword.db is not there. Start this where" in refused(capsys, "copy.db", code=78)
    assert not Path("copy.db").exists()
    assert not Path("nightword.db").exists()


def test_half_a_copy_is_not_left(capsys: pytest.CaptureFixture[str]) -> None:
    Path("nightword.db").write_text("Dear diary, " * 100)
    assert "file is not a database" in refused(capsys, "copy.db", code=78)
    assert not Path("copy.db").exists()


def test_a_server_is_copied_by_its_own_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", "postgresql://bot:planted-password@server/reviews")
    error = refused(capsys, "copy.db", code=2)
    assert "use pg_dump" in error
    assert "planted-password" not in error
