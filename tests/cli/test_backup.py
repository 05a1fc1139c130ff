"""`nightword backup`: a complete copy while the bot keeps running, or one line that says why there is none."""

import asyncio
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from bot.cli.main import run
from bot.storage.database import Database
from bot.storage.schema import migrations
from bot.storage.store import ReviewStore
from tests.storage.people import CHANNEL, FIRST, watch, write

URL = "sqlite+aiosqlite:///{}"
PROJECT = Path(__file__).parents[2]
NEWEST = ScriptDirectory.from_config(migrations()).get_current_head()

# The path as written in the URL, and the file that SQLAlchemy opens for it.
PATHS = [
    ("nightword.db", "nightword.db"),
    ("night%20word.db", "night word.db"),
    ("night word.db", "night word.db"),
    ("night%2520word.db", "night%20word.db"),
    ("100%.db", "100%.db"),
    ("a%3Fb%23c.db", "a?b#c.db"),
    ("a#b&c=d;e.db", "a#b&c=d;e.db"),
    ("n%C3%A4chte/w%C3%B6rter.db", "nächte/wörter.db"),
    ("夜の言葉.db", "夜の言葉.db"),
    ("file:night.db", "file:night.db"),
    ("C:\\bot\\night.db", "C:\\bot\\night.db"),
    ("user:pass@server/night.db", "user:pass@server/night.db"),
    ("night.db/", "night.db"),
    ("here/../night.db", "night.db"),
    ("linked/../night.db", "night.db"),
    ("here%2Fnight.db", "here/night.db"),
    ("./here//night.db", "here/night.db"),
    ("~/night.db", "~/night.db"),
]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> str:
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
    assert capsys.readouterr().out.startswith(f"Copied {tmp_path}/nightword.db to copy.db: ")
    assert [file.name for file in sorted(tmp_path.glob("copy*"))] == ["copy.db"], "the copy is a single file"
    assert Path("copy.db").stat().st_mode & 0o077 == 0

    with sqlite3.connect("copy.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    copy = Database(URL.format("copy.db"))
    await copy.open()
    assert [waiting.message_id for waiting in await ReviewStore(copy).messages.pending(10)] == [FIRST]
    assert copy.content_hash("Good.") == (await ReviewStore(copy).messages.pending(1))[0].content_hash
    assert (await ReviewStore(copy).places.get(CHANNEL)) is not None
    await copy.close()


async def test_no_file_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(URL.format("nightword.db"))
    await database.open()
    await database.close()
    Path("copy.db").write_text("mine")
    assert "copy.db already exists and is not overwritten" in refusal(capsys, "copy.db", code=2)
    assert Path("copy.db").read_text() == "mine"
    assert "nightword.db already exists" in refusal(capsys, "nightword.db", code=2)


async def test_a_target_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(URL.format("nightword.db"))
    await database.open()
    await database.close()
    error = refusal(capsys, "nowhere/copy.db", code=2)
    assert "nowhere/copy.db can't be written: No such file or directory. Name a new file" in error


def test_without_a_database_there_is_no_copy(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nightword.db does not exist. Run this command in" in refusal(capsys, "copy.db", code=78)
    assert not Path("copy.db").exists()
    assert not Path("nightword.db").exists()


def test_no_partial_copy_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    Path("nightword.db").write_text("Dear diary, " * 100)
    assert "file is not a database" in refusal(capsys, "copy.db", code=78)
    assert not Path("copy.db").exists()


def test_a_postgresql_database_is_left_to_pg_dump(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", "postgresql://bot:planted-password@server/reviews")
    error = refusal(capsys, "copy.db", code=2)
    assert "Use PostgreSQL's pg_dump" in error
    assert "planted-password" not in error


async def fill_database(url: str, messages: int = 3) -> None:
    """Make a database with some rows, as the bot does."""
    database = Database(url)
    await database.open()
    store = ReviewStore(database)
    await watch(store)
    for number in range(messages):
        await write(store, FIRST + number)
    await database.close()


def rows(file: Path | str) -> dict[str, int]:
    with closing(sqlite3.connect(Path(file).absolute())) as connection:  # some SQLites read a URI from "file:night.db"
        cursor = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        tables = [name for (name,) in cursor]
        return {
            table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608 – our own names
            for table in tables
        }


def files(folder: Path) -> set[str]:
    """Return all files in the folder, except those that SQLite keeps beside an open database."""
    names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    return {name for name in names if not name.endswith(("-wal", "-shm", "-journal"))}


def make_folders(folder: Path) -> None:
    for name in ("here", "nächte", "~", "user:pass@server", "elsewhere/deep"):
        (folder / name).mkdir(parents=True)
    (folder / "linked").symlink_to(folder / "elsewhere/deep")


@pytest.mark.parametrize("is_absolute", [False, True], ids=["relative", "absolute"])
@pytest.mark.parametrize(("written", "name"), PATHS)
async def test_bot_doctor_and_backup_use_the_same_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    written: str,
    name: str,
    is_absolute: bool,
) -> None:
    make_folders(tmp_path)
    url = URL.format(f"{tmp_path}/{written}" if is_absolute else written)
    await fill_database(url)
    assert files(tmp_path) == {name}
    monkeypatch.setenv("BOT_DATABASE_URL", url)
    monkeypatch.setenv("BOT_REVIEWS", "true")

    assert await asyncio.to_thread(run, ["doctor", "--model", "demo"]) == 78  # there is no token
    assert f"✓ database      SQLite, {tmp_path / name}\n" in capsys.readouterr().out
    assert await asyncio.to_thread(run, ["backup", "copy of it.db"]) == 0
    assert capsys.readouterr().out.startswith(f"Copied {tmp_path / name} to copy of it.db: ")
    assert rows("copy of it.db") == rows(name)
    assert rows("copy of it.db")["message"] == 3
    assert files(tmp_path) == {name, "copy of it.db"}


async def test_a_file_named_like_the_encoded_path_is_not_copied_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = URL.format(f"{tmp_path}/night%20word.db")
    await fill_database(url)
    Path("night%20word.db").touch()
    monkeypatch.setenv("BOT_DATABASE_URL", url)
    assert run(["backup", "copy.db"]) == 0
    assert rows("copy.db")["message"] == 3


async def test_the_success_line_has_size_version_and_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await fill_database(URL.format("nightword.db"))
    assert run(["backup", "copy.db"]) == 0
    size, count = Path("copy.db").stat().st_size, sum(rows("copy.db").values())
    assert capsys.readouterr().out == (
        f"Copied {tmp_path}/nightword.db to copy.db: {size:,} bytes, schema version {NEWEST}, {count} rows in "
        f"{len(rows('copy.db'))} tables. The copy was read back and matches.\n"
    )
    assert stat_mode("copy.db") == 0o600


def stat_mode(file: str) -> int:
    return Path(file).stat().st_mode & 0o777


async def test_a_database_behind_a_link_is_copied(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    await fill_database(URL.format("disk/reviews.db"))
    Path("nightword.db").symlink_to("disk/reviews.db")
    assert run(["backup", "copy.db"]) == 0
    assert not Path("copy.db").is_symlink()
    assert rows("copy.db") == rows("disk/reviews.db")


def make_earlier_version(file: str, revision: str) -> None:
    """Make a database with the tables of an earlier version."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        command.upgrade(migrations(connection), revision)
    engine.dispose()


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005"])
def test_a_database_of_an_earlier_version_is_copied_as_it_is(revision: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_earlier_version("nightword.db", revision)
    assert run(["backup", "copy.db"]) == 0
    assert f"schema version {revision}, " in capsys.readouterr().out
    assert rows("copy.db") == rows("nightword.db")


def empty() -> None:
    Path("nightword.db").touch()


def without_tables() -> None:
    with closing(sqlite3.connect("nightword.db")) as connection:
        connection.execute("VACUUM")


def text() -> None:
    Path("nightword.db").write_text("Dear diary, " * 100)


def short_text() -> None:
    Path("nightword.db").write_text("Dear")


def folder() -> None:
    Path("nightword.db").mkdir()


def of_another_program() -> None:
    with closing(sqlite3.connect("nightword.db")) as connection:
        connection.executescript("CREATE TABLE recipe (name TEXT); INSERT INTO recipe VALUES ('bread');")


def of_another_program_with_alembic() -> None:
    of_another_program()
    with closing(sqlite3.connect("nightword.db")) as connection:
        connection.executescript(
            "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('0003');"
        )


def of_a_newer_version() -> None:
    make_earlier_version("nightword.db", "0003")
    with closing(sqlite3.connect("nightword.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def half_made() -> None:
    make_earlier_version("nightword.db", "0003")
    with closing(sqlite3.connect("nightword.db")) as connection, connection:
        connection.execute("DELETE FROM alembic_version")


def without_a_table() -> None:
    make_earlier_version("nightword.db", "0003")
    with closing(sqlite3.connect("nightword.db")) as connection, connection:
        connection.execute("DROP TABLE verdict")


def cut_off() -> None:
    asyncio.run(fill_database(URL.format("nightword.db"), 300))
    size = Path("nightword.db").stat().st_size
    os.truncate("nightword.db", size // 2)


def damaged() -> None:
    asyncio.run(fill_database(URL.format("nightword.db"), 300))
    with closing(sqlite3.connect("nightword.db")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name LIKE 'ix%' LIMIT 1").fetchone()
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    with Path("nightword.db").open("r+b") as file:
        file.seek((page - 1) * page_size)
        file.write(b"\x55" * page_size)


WITHOUT_A_COPY = {
    empty: "nightword.db is empty.",
    without_tables: "nightword.db has no tables.",
    text: "nightword.db: file is not a database.",
    short_text: "nightword.db: file is not a database.",
    folder: "nightword.db is a folder.",
    of_another_program: "nightword.db is not a Nightword database.",
    of_another_program_with_alembic: "nightword.db is not a Nightword database.",
    of_a_newer_version: f"nightword.db: its tables have version 9999; the newest that this program knows is {NEWEST}.",
    half_made: "nightword.db is not a Nightword database.",
    without_a_table: "nightword.db is damaged: the table verdict is missing.",
    cut_off: "nightword.db",
    damaged: "nightword.db is damaged: ",
}


@pytest.mark.parametrize(("make", "problem"), WITHOUT_A_COPY.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_file_that_is_not_a_whole_nightword_database_is_not_copied(
    make: Callable[[], None], problem: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make()
    before = files(tmp_path)
    error = refusal(capsys, "copy.db", code=78)
    assert error.startswith("nightword: The database of BOT_DATABASE_URL cannot be used: ")
    assert f"{tmp_path}/{problem}" in error
    assert files(tmp_path) == before, "no copy, not even a partial one"


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("here", "here is a folder. Name a file in it."),
        ("", ". is a folder. Name a file in it."),
        ("mine.txt/copy.db", "mine.txt/copy.db can't be written: Not a directory. Name a new file"),
        ("nowhere/copy.db", "nowhere/copy.db can't be written: No such file or directory. Name a new file"),
        ("/proc/copy.db", "/proc/copy.db can't be written: "),
        ("mine.txt", "mine.txt already exists and is not overwritten. Name a new file."),
        ("dangling", "dangling already exists and is not overwritten. Name a new file."),
        ("nightword.db", "nightword.db already exists and is not overwritten. Name a new file."),
        ("./here/../nightword.db", "here/../nightword.db already exists and is not overwritten."),
        ("x" * 300, "can't be written: File name too long. Name a new file"),
    ],
)
async def test_an_impossible_target_is_named_and_nothing_is_left(
    target: str, problem: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    await fill_database(URL.format("nightword.db"))
    Path("here").mkdir()
    Path("mine.txt").write_text("mine")
    Path("dangling").symlink_to("nowhere")
    before = files(tmp_path)
    assert problem in refusal(capsys, target, code=2)
    assert files(tmp_path) == before
    assert Path("mine.txt").read_text() == "mine"
    assert rows("nightword.db")["message"] == 3


async def test_the_longest_possible_target_name_works(tmp_path: Path) -> None:
    await fill_database(URL.format("nightword.db"))
    assert run(["backup", "x" * 255]) == 0
    assert rows("x" * 255)["message"] == 3


def run_limited(*arguments: str, size: int) -> subprocess.CompletedProcess[str]:
    """Run the command with file sizes limited to `size` bytes, which acts like a full disk."""
    return subprocess.run(  # noqa: S603 – our own command
        [sys.executable, "-m", "bot", *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip


async def test_a_full_disk_leaves_no_partial_copy(tmp_path: Path) -> None:
    await fill_database(URL.format("nightword.db"), 300)
    size = Path("nightword.db").stat().st_size
    ended = await asyncio.to_thread(run_limited, "backup", "copy.db", size=size // 2)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(r"nightword: copy\.db can't be written: [^.]+\. Name a new file .*\n", ended.stderr)
    assert files(tmp_path) == {"nightword.db"}


async def test_a_copy_made_during_writes_is_consistent(tmp_path: Path) -> None:
    """Each transaction writes two rows: a copy with only one of them would mix two moments."""
    await fill_database(URL.format("nightword.db"), 1)
    ends = threading.Event()

    def keep_writing() -> None:
        with closing(sqlite3.connect("nightword.db", timeout=30, isolation_level=None)) as connection:
            number = 0
            while not ends.is_set():
                number += 1
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO setting VALUES (?, '')", (f"a{number}",))
                connection.execute("INSERT INTO opt_out VALUES (?, '2026-11-22 12:00:00.000000')", (number,))
                connection.execute("COMMIT")

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        for number in range(10):
            assert await asyncio.to_thread(run, ["backup", f"copy{number}.db"]) == 0
    finally:
        ends.set()
        writer.join()
    counted = [rows(f"copy{number}.db") for number in range(10)]
    assert all(counts["setting"] == counts["opt_out"] + 1 for counts in counted), "1 for the salt"
    assert counted[-1]["opt_out"] > counted[0]["opt_out"], "rows were written between the copies"


def test_backup_gives_up_on_a_locked_database(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_earlier_version("nightword.db", "0003")
    with closing(sqlite3.connect("nightword.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert "nightword.db: database is locked. " in refusal(capsys, "copy.db", code=78)
    assert not Path("copy.db").exists()


def test_a_file_created_meanwhile_is_not_overwritten(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_earlier_version("nightword.db", "0003")
    link = os.link

    def late(source: Path, target: Path) -> None:
        Path(target).write_text("mine")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert "copy.db already exists and is not overwritten" in refusal(capsys, "copy.db", code=2)
    assert Path("copy.db").read_text() == "mine"


@pytest.mark.parametrize("problem", [PermissionError(1, "Operation not permitted"), OSError(95, "Not supported")])
def test_backup_works_on_a_file_system_without_links(
    monkeypatch: pytest.MonkeyPatch, problem: OSError, tmp_path: Path
) -> None:
    make_earlier_version("nightword.db", "0003")

    def refuse(source: Path, target: Path) -> None:
        raise problem

    monkeypatch.setattr(os, "link", refuse)
    assert run(["backup", "copy.db"]) == 0
    assert rows("copy.db") == rows("nightword.db")
    assert files(tmp_path) == {"nightword.db", "copy.db"}


async def test_a_copy_can_replace_the_database(tmp_path: Path) -> None:
    await fill_database(URL.format("nightword.db"))
    assert run(["backup", "copy.db"]) == 0
    shutil.move("copy.db", "nightword.db")
    assert run(["backup", "copy of the copy.db"]) == 0
    assert rows("copy of the copy.db")["message"] == 3


@pytest.mark.parametrize(
    "name", ["%3Amemory%3A", ":memory:", "", "?", "a%00b.db", "a.db?mode=ro", "file:a.db?uri=true"]
)
def test_a_url_that_names_no_file_is_refused(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", URL.format(name))
    assert "BOT_DATABASE_URL has an invalid value" in refusal(capsys, "copy.db", code=78)
