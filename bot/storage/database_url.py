"""Database URLs, always with an asynchronous driver."""

import os
from pathlib import Path
from urllib.parse import unquote

SQLITE = "sqlite+aiosqlite:///"
POSTGRESQL = "postgresql+asyncpg://"
ALLOWED = "sqlite+aiosqlite:///FILE or postgresql://USER:PASSWORD@SERVER/NAME"


def async_url(url: str) -> str:
    """Return `url` with its driver. Raises ValueError, without the URL, unless it is for SQLite or PostgreSQL."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"postgresql", "postgres", "postgresql+asyncpg"} and rest:
        return POSTGRESQL + rest
    if url.startswith(SQLITE) and _is_file(url.removeprefix(SQLITE)):
        return url
    raise ValueError(f"the database must be {ALLOWED}")


def sqlite_file(url: str) -> Path | None:
    """Return the absolute path of the file that SQLAlchemy opens for a SQLite URL, None for a server's URL.

    As in SQLAlchemy, the name is percent-decoded, ``~`` is not expanded, and ``..`` is resolved in the text of the
    path, before links are followed.
    """
    if not url.startswith(SQLITE):
        return None
    # Imported here: it takes a sixth of a second, and every command that reads the settings imports this module.
    from sqlalchemy.engine import make_url

    name = make_url(url).database or ""
    return Path(os.path.abspath(name))  # noqa: PTH100 – resolve() would follow links before ".."


def _is_file(encoded: str) -> bool:
    # SQLite stores nothing without a name or under ":memory:". A path has no null character, and a question mark begins
    # options.
    name = unquote(encoded)
    return name not in {"", ":memory:"} and "\0" not in name and "?" not in encoded
