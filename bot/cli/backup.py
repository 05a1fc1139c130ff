"""A copy of the database while the bot goes on: SQLite's own online backup, which is then read back and compared."""

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

_RIGHT_FILE = "Start this where the bot is started, with its settings."
_RIGHT_USER = "Name the file that the bot keeps, as its user or as root."
_DAMAGED = "Take an earlier backup, or save what can still be read with the .recover command of the program sqlite3."
_MARK = "watched_channel"  # the table of Nightword, in every version, that no other program has
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds: the version of its tables, and how many rows each of them has."""

    version: str
    rows: Mapping[str, int]


def run(arguments: argparse.Namespace) -> int:
    """Copy the database into a new file, and say what was proved of the copy."""
    source = sqlite_file(read_settings().database_url.get_secret_value())
    if source is None:
        raise UsageError(
            "BOT_DATABASE_URL is PostgreSQL, which is not copied from here: use pg_dump, which comes with it."
        )
    _look_at(source)
    target = Path(arguments.file)
    if os.path.lexists(target):
        raise _taken(target)
    with _new_file(target) as new:
        contents = _copy(source, new, target)
        size = new.stat().st_size
        _move(new, target)
    print(
        f"{source} is copied to {target}: {size:,} bytes, schema version {contents.version}, "
        f"{sum(contents.rows.values()):,} rows in {len(contents.rows)} tables, read back and compared"
    )
    return 0


def _look_at(source: Path) -> None:
    """Raise DatabaseUnavailable for what is no file with something in it: SQLite would take it for a new database."""
    try:
        size = source.stat().st_size
    except FileNotFoundError:
        raise DatabaseUnavailable(f"{source} is not there", _RIGHT_FILE) from None
    except OSError as error:
        raise DatabaseUnavailable(f"{source}: {error.strerror}", _RIGHT_USER) from None
    if not source.is_file():
        what = "a folder" if source.is_dir() else "no file"
        raise DatabaseUnavailable(f"{source} is {what}", _RIGHT_FILE)
    if size == 0:
        raise DatabaseUnavailable(f"{source} is empty", _RIGHT_FILE)


@contextlib.contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Yield an empty file that its owner alone may read, in a folder beside `target` that is gone in the end."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=".nightword-", suffix=".part", dir=target.parent)
    except OSError as error:
        raise _unwritable(target, error.strerror or "it cannot be made") from None
    with folder as name:
        new = Path(name).absolute() / "copy.db"
        new.touch(mode=0o600)
        yield new


def _copy(source: Path, new: Path, target: Path) -> Contents:
    """Copy `source` as it is at one moment into `new`, and hold the two against each other."""
    with _reading(source), contextlib.closing(_opened(source, "rw")) as origin:
        # All that is read of it is read in one transaction: what the bot writes meanwhile is in neither.
        origin.execute("BEGIN")
        contents = _contents(origin, source)
        try:
            with contextlib.closing(sqlite3.connect(new)) as copy:
                origin.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, which can be carried away alone
            with contextlib.closing(_opened(new, "ro")) as copy:
                is_whole = _damage(copy) is None and _contents(copy, new) == contents
        except sqlite3.Error as error:
            if _is_damage(error):
                raise
            room = f" and has room for {source.stat().st_size:,} bytes"
            raise _unwritable(target, str(error), room) from None
        if not is_whole:
            if damage := _damage(origin):
                raise DatabaseUnavailable(f"{source} is damaged: {damage}", _DAMAGED)
            raise _unwritable(target, "what was written there is not what can be read there")
    return contents


def _opened(file: Path, mode: str) -> sqlite3.Connection:
    # "rw" makes no file; "ro" would need the bot's own log of the database beside it.
    return sqlite3.connect(f"{file.as_uri()}?mode={mode}", uri=True, isolation_level=None)


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[None]:
    """Raise DatabaseUnavailable for what SQLite says against `source`."""
    try:
        yield
    except sqlite3.Error as error:
        if _is_damage(error) and error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_NOTADB:
            raise DatabaseUnavailable(f"{source} is damaged: {error}", _DAMAGED) from None
        raise DatabaseUnavailable(f"{source}: {error}", _RIGHT_USER) from None


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE  # the rest of the code is its variety


def _damage(connection: sqlite3.Connection) -> str | None:
    """Return what SQLite's own check of the whole file finds first, None where it finds nothing."""
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return None if found == "ok" else str(found)


def _contents(connection: sqlite3.Connection, file: Path) -> Contents:
    """Return what a database holds. Raises DatabaseUnavailable for one that is not Nightword's, or not whole."""
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    tables = sorted(name for (name,) in found)
    if not tables:
        raise DatabaseUnavailable(f"{file} has no tables", _RIGHT_FILE)
    versions = (
        connection.execute("SELECT version_num FROM alembic_version").fetchall() if "alembic_version" in tables else []
    )
    if _MARK not in tables or len(versions) != 1:
        raise DatabaseUnavailable(f"{file} is not a database of Nightword", _RIGHT_FILE)
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
    """Give the whole copy its name; what came into being there meanwhile is not overwritten."""
    try:
        os.link(new, target)
    except FileExistsError:
        raise _taken(target) from None
    except OSError:  # a file system without links
        try:
            target.touch(mode=0o600, exist_ok=False)  # a rename alone would take the place of what is there
            new.replace(target)
        except FileExistsError:
            raise _taken(target) from None
        except OSError as error:
            raise _unwritable(target, error.strerror or "it cannot be made") from None


def _taken(target: Path) -> UsageError:
    if target.is_dir():
        return UsageError(f"{target} is a folder. Name a file in it.")
    return UsageError(f"{target} is there already, and is not overwritten. Name a new file.")


def _unwritable(target: Path, problem: str, room: str = "") -> UsageError:
    return UsageError(
        f"{target} cannot be written: {problem}. Name a new file in a folder that may be written to{room}."
    )
