"""Where the database is, as one address of a driver that does not block."""

from pathlib import Path

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
    """Return the file of a URL of SQLite, None for a server's."""
    return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None


def _is_file(name: str) -> bool:
    # Without a name, and under the second one, SQLite keeps nothing; after a question mark stand options.
    return name not in {"", ":memory:"} and "?" not in name
