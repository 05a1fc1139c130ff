"""Where the database is, as one address of a driver that does not block."""

import os
from pathlib import Path
from urllib.parse import unquote

SQLITE = "sqlite+aiosqlite:///"
POSTGRESQL = "postgresql+asyncpg://"
ALLOWED = "sqlite+aiosqlite:///FILE or postgresql://USER:PASSWORD@SERVER/NAME"


def async_url(url: str) -> str:
    """Return `url` with its driver; raise ValueError, which never holds the URL, for any but the two kinds."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"postgresql", "postgres", "postgresql+asyncpg"} and rest:
        return POSTGRESQL + rest
    if url.startswith(SQLITE) and _is_file(url.removeprefix(SQLITE)):
        return url
    raise ValueError(f"the database must be {ALLOWED}")


def sqlite_file(url: str) -> Path | None:
    """Return the absolute path of the file that SQLAlchemy opens for a URL of SQLite, None for a server's URL.

    As there, the name in the URL is percent-decoded, ``~`` is a name like any other, and ``..`` is resolved in the
    text of the path, before any link is followed.
    """
    if not url.startswith(SQLITE):
        return None
    # Here, for it takes a sixth of a second to import, and every command that reads the settings imports this module.
    from sqlalchemy.engine import make_url

    name = make_url(url).database or ""
    return Path(os.path.abspath(name))  # noqa: PTH100 – resolve() would follow links before ".."


def _is_file(written: str) -> bool:
    # Without a name, and under the second one, SQLite keeps nothing; no path has a null character; after a question
    # mark stand options.
    name = unquote(written)
    return name not in {"", ":memory:"} and "\0" not in name and "?" not in written
