"""Where the database is, as one address of a driver that does not block."""

import os
from pathlib import Path

SQLITE = "sqlite+aiosqlite:///"
POSTGRESQL = "postgresql+asyncpg://"
ALLOWED = "sqlite+aiosqlite:///FILE or postgresql://USER:PASSWORD@SERVER/NAME"


def async_url(url: str) -> str:
    """Return `url` with its driver; raise ValueError, which never holds the URL, for any but the two kinds."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"postgresql", "postgres", "postgresql+asyncpg"} and rest:
        return POSTGRESQL + rest
    if url.startswith(SQLITE) and "?" not in url and _is_file(_database(url)):  # after a question mark stand options
        return url
    raise ValueError(f"the database must be {ALLOWED}")


def sqlite_file(url: str) -> Path | None:
    """Return the absolute path of the file that SQLAlchemy opens for a URL of SQLite, None for a server's URL.

    As there, the name in the URL is percent-decoded, ``~`` is a name like any other, and ``..`` is resolved in the
    text of the path, before any link is followed.
    """
    if not url.startswith(SQLITE):
        return None
    return Path(os.path.abspath(_database(url)))  # noqa: PTH100 – resolve() would follow links before ".."


def _database(url: str) -> str:
    # Here, for it takes a sixth of a second to import, and whoever reads the settings imports this module.
    from sqlalchemy.engine import make_url

    return make_url(url).database or ""


def _is_file(name: str) -> bool:
    # Without a name, and under the second one, SQLite keeps nothing; no path has a null character.
    return name not in {"", ":memory:"} and "\0" not in name
