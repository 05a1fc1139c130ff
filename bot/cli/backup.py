"""`nightword backup`: copy the database while the bot runs, by SQLite's online backup, and verify the copy."""

import argparse
import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.errors import DatabaseUnavailable, UsageError
from bot.settings import read_settings
from bot.storage.database_url import sqlite_file
from bot.storage.schema import NEWER_REMEDY, tables_of, unknown_version

_RIGHT_FILE = "Run this command in the bot's working directory, with the bot's settings."
_RIGHT_USER = "Check that BOT_DATABASE_URL names the bot's file, and run this command as the bot's user or as root."
_DAMAGED = "Use an earlier backup, or save the readable part with the .recover command of the sqlite3 program."
_MARK = "watched_channel"  # a table that only Nightword has, in every version
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True)
class Contents:
    """The schema version of a database, and the number of rows in each table."""

    version: str
    rows: Mapping[str, int]


def run(arguments: argparse.Namespace) -> int:
    """Copy the database to a new file, verify the copy and print a summary."""
    source = sqlite_file(read_settings().database_url.get_secret_value())
    if source is None:
        raise UsageError(
            "BOT_DATABASE_URL names a PostgreSQL database, but this command backs up SQLite. Use PostgreSQL's pg_dump."
        )
    _check_source(source)
    target = Path(arguments.file)
    if os.path.lexists(target):
        raise _exists_error(target)
    with _new_file(target) as new:
        contents = _copy(source, new, target)
        size = new.stat().st_size
        _move(new, target)
    print(
        f"Copied {source} to {target}: {size:,} bytes, schema version {contents.version}, "
        f"{sum(contents.rows.values()):,} rows in {len(contents.rows)} tables. The copy was read back and matches."
    )
    return 0


def _check_source(source: Path) -> None:
    """Raise DatabaseUnavailable if `source` isn't a file or is empty: SQLite would take it for a new database."""
    try:
        size = source.stat().st_size
    except FileNotFoundError:
        raise DatabaseUnavailable(f"{source} does not exist", _RIGHT_FILE) from None
    except OSError as error:
        raise DatabaseUnavailable(f"{source}: {error.strerror}", _RIGHT_USER) from None
    if not source.is_file():
        what = "a folder" if source.is_dir() else "not a regular file"
        raise DatabaseUnavailable(f"{source} is {what}", _RIGHT_FILE)
    if size == 0:
        raise DatabaseUnavailable(f"{source} is empty", _RIGHT_FILE)


@contextlib.contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Yield an empty file that only its owner can read, in a temporary folder next to `target`."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=".nightword-", suffix=".part", dir=target.parent)
    except OSError as error:
        raise _write_error(target, error.strerror or "it can't be created") from None
    with folder as name:
        new = Path(name).absolute() / "copy.db"
        new.touch(mode=0o600)
        yield new


def _copy(source: Path, new: Path, target: Path) -> Contents:
    """Copy a consistent snapshot of `source` into `new`, and compare the two."""
    with _source_errors(source), contextlib.closing(_open(source, "rw")) as origin:
        # One transaction reads the contents and the copy, so neither includes what the bot writes meanwhile.
        origin.execute("BEGIN")
        contents = _contents(origin, source)
        try:
            with contextlib.closing(sqlite3.connect(new)) as copy:
                origin.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            with contextlib.closing(_open(new, "ro")) as copy:
                is_whole = _damage(copy) is None and _contents(copy, new) == contents
        except sqlite3.Error as error:
            if _is_damage(error):
                raise
            room = f" with {source.stat().st_size:,} bytes free"
            raise _write_error(target, str(error), room) from None
        if not is_whole:
            if damage := _damage(origin):
                raise DatabaseUnavailable(f"{source} is damaged: {damage}", _DAMAGED)
            raise _write_error(target, "the data read back differs from the data written")
    return contents


def _open(file: Path, mode: str) -> sqlite3.Connection:
    # "rw" creates no file. "ro" fails if the bot's write-ahead log is missing.
    return sqlite3.connect(f"{file.as_uri()}?mode={mode}", uri=True, isolation_level=None)


@contextlib.contextmanager
def _source_errors(source: Path) -> Iterator[None]:
    """Raise DatabaseUnavailable for SQLite's errors about `source`."""
    try:
        yield
    except sqlite3.Error as error:
        if _is_damage(error) and error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_NOTADB:
            raise DatabaseUnavailable(f"{source} is damaged: {error}", _DAMAGED) from None
        raise DatabaseUnavailable(f"{source}: {error}", _RIGHT_USER) from None


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE  # the low byte is the primary code


def _damage(connection: sqlite3.Connection) -> str | None:
    """Return the first problem that SQLite's integrity check finds, or None."""
    (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return None if result == "ok" else str(result)


def _contents(connection: sqlite3.Connection, file: Path) -> Contents:
    """Return a database's contents. Raises DatabaseUnavailable if it isn't Nightword's or a table is missing."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    tables = sorted(name for (name,) in names)
    if not tables:
        raise DatabaseUnavailable(f"{file} has no tables", _RIGHT_FILE)
    versions = (
        connection.execute("SELECT version_num FROM alembic_version").fetchall() if "alembic_version" in tables else []
    )
    if _MARK not in tables or len(versions) != 1:
        raise DatabaseUnavailable(f"{file} is not a Nightword database", _RIGHT_FILE)
    ((version,),) = versions
    if problem := unknown_version(version):
        raise DatabaseUnavailable(f"{file}: {problem}", NEWER_REMEDY)
    if missing := sorted(tables_of(version) - set(tables)):
        raise DatabaseUnavailable(f"{file} is damaged: the table {missing[0]} is missing", _DAMAGED)
    return Contents(version, {table: _count(connection, table) for table in tables})


def _count(connection: sqlite3.Connection, table: str) -> int:
    quoted = table.replace('"', '""')
    (count,) = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()  # noqa: S608 – quoted
    return int(count)


def _move(new: Path, target: Path) -> None:
    """Rename the finished copy to `target`, without overwriting a file that was created there meanwhile."""
    try:
        os.link(new, target)
    except FileExistsError:
        raise _exists_error(target) from None
    except OSError:  # a file system without links
        try:
            target.touch(mode=0o600, exist_ok=False)  # a rename alone would overwrite an existing file
            new.replace(target)
        except FileExistsError:
            raise _exists_error(target) from None
        except OSError as error:
            raise _write_error(target, error.strerror or "it can't be created") from None


def _exists_error(target: Path) -> UsageError:
    if target.is_dir():
        return UsageError(f"{target} is a folder. Name a file in it.")
    return UsageError(f"{target} already exists and is not overwritten. Name a new file.")


def _write_error(target: Path, problem: str, room: str = "") -> UsageError:
    return UsageError(f"{target} can't be written: {problem}. Name a new file in a writable folder{room}.")
