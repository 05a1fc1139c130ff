"""Whether the database is away, or refuses what it was given."""

import sqlite3

import asyncpg  # type: ignore[import-untyped]  # it has no types
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from bot.errors import DatabaseUnavailable

# The classes of SQLSTATE that speak of the values in a statement, and not of the server: cardinality, data, integrity,
# check option, trigger and routine exceptions, limits of a row, and what a trigger in PL/pgSQL raises.
_OF_VALUES = ("21", "22", "23", "27", "38", "39", "44", "54", "P0")
_DRIVERS = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError)


class DatabaseClosed(RuntimeError):
    """The database is not open."""


def is_away(error: BaseException) -> bool:
    """Return whether `error` says that the database cannot be used for now: another value would fare no better."""
    if isinstance(error, DatabaseClosed | DatabaseUnavailable | OSError):
        return True
    return isinstance(error, (SQLAlchemyError, *_DRIVERS)) and not is_refusal(error)


def is_refusal(error: BaseException) -> bool:
    """Return whether the database, or its driver, refuses a value that it was given."""
    if isinstance(error, DBAPIError):
        return not error.connection_invalidated and (
            isinstance(error, IntegrityError | DataError) or _is_about_values(error.orig)
        )
    if isinstance(error, StatementError):  # a value that does not even reach the driver
        return True
    return isinstance(error, ValueError | ArithmeticError | TypeError) or _is_about_values(error)


def _is_about_values(error: BaseException | None) -> bool:
    """Return so for an error of a driver, or of SQLAlchemy's own shape around it."""
    if error is None:
        return False
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_OF_VALUES)
    # asyncpg checks values itself, and SQLite's driver has exceptions of Python's own for them.
    return isinstance(error, ValueError | ArithmeticError) or isinstance(error.__cause__, ValueError | ArithmeticError)
