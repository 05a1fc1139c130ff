"""Whether an error says that the database is unavailable, or that it refused a value."""

import sqlite3

import asyncpg  # type: ignore[import-untyped]  # it has no types
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from bot.errors import DatabaseUnavailable

# The classes of SQLSTATE that are about values in a statement, not about the server: cardinality, data, integrity,
# check option, trigger and routine exceptions, limits of a row, and errors raised by PL/pgSQL triggers.
_VALUE_CLASSES = ("21", "22", "23", "27", "38", "39", "44", "54", "P0")
_DRIVERS = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError)


class DatabaseClosed(RuntimeError):
    """The database is not open."""


def is_away(error: BaseException) -> bool:
    """Return whether `error` means that the database is unavailable: any other value would fail as well."""
    if isinstance(error, DatabaseClosed | DatabaseUnavailable | OSError):
        return True
    return isinstance(error, (SQLAlchemyError, *_DRIVERS)) and not is_refusal(error)


def is_refusal(error: BaseException) -> bool:
    """Return whether `error` means that the database or its driver refused a value."""
    if isinstance(error, DBAPIError):
        return not error.connection_invalidated and (
            isinstance(error, IntegrityError | DataError) or _is_about_values(error.orig)
        )
    if isinstance(error, StatementError):  # the value did not reach the driver
        return True
    return isinstance(error, ValueError | ArithmeticError | TypeError) or _is_about_values(error)


def _is_about_values(error: BaseException | None) -> bool:
    """Return the same for an error of a driver, or SQLAlchemy's wrapper of one."""
    if error is None:
        return False
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_VALUE_CLASSES)
    # For values, asyncpg and SQLite's driver raise Python's own exceptions.
    return isinstance(error, ValueError | ArithmeticError) or isinstance(error.__cause__, ValueError | ArithmeticError)
