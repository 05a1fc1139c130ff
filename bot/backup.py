"""A copy of the database while the bot goes on: SQLite's own online backup."""

import argparse
import contextlib
import sqlite3
from pathlib import Path

from bot.errors import DatabaseUnavailable, UsageError
from bot.settings import read_settings
from bot.storage.database_url import sqlite_file


def run(arguments: argparse.Namespace) -> int:
    """Copy the database into a new file."""
    source = sqlite_file(read_settings().database_url.get_secret_value())
    if source is None:
        raise UsageError(
            "BOT_DATABASE_URL is PostgreSQL, which is not copied from here: use pg_dump, which comes with it."
        )
    if not source.is_file():
        raise DatabaseUnavailable(f"{source} is not there", "Start this where the bot is started, with its settings.")
    target = Path(arguments.file)
    _reserve(target)
    try:
        _copy(source, target)
    except BaseException:
        target.unlink(missing_ok=True)  # half a copy would look like one
        raise
    print(f"{source} is copied to {target}: {target.stat().st_size:,} bytes")
    return 0


def _reserve(target: Path) -> None:
    """Make an empty file that its owner alone may read; never one that is there already."""
    try:
        target.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise UsageError(f"{target} is there already, and is not overwritten. Name a new file.") from None
    except OSError as error:
        raise _unwritable(target, error.strerror or "it cannot be made") from None


def _copy(source: Path, target: Path) -> None:
    with contextlib.ExitStack() as opened:
        try:
            # "rw" makes no file; "ro" would need the bot's own log of the database beside it.
            origin = sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)
            opened.enter_context(contextlib.closing(origin))
            origin.execute("PRAGMA schema_version")
        except sqlite3.Error as error:
            raise DatabaseUnavailable(str(error), "Name the file that the bot keeps, as its user or as root.") from None
        try:
            copy = opened.enter_context(contextlib.closing(sqlite3.connect(target)))
            origin.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, which can be carried away alone
        except sqlite3.Error as error:
            raise _unwritable(target, str(error)) from None


def _unwritable(target: Path, problem: str) -> UsageError:
    return UsageError(f"{target} cannot be written: {problem}. Name a new file in a folder that may be written to.")
