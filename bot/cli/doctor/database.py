"""The database of review channels."""

from bot.cli.doctor.finding import Finding
from bot.errors import DatabaseUnavailable
from bot.settings import Settings
from bot.storage.database import Database
from bot.storage.database_url import sqlite_file


async def look_at_database(settings: Settings) -> list[Finding]:
    """Open it, which brings its tables up to date; nothing is looked at where review channels are off."""
    if not settings.reviews:
        return []
    url = settings.database_url.get_secret_value()
    database = Database(url)
    try:
        await database.open()
    except DatabaseUnavailable as error:
        return [Finding.bad("database", str(error))]
    await database.close()
    file = sqlite_file(url)
    return [Finding.good("database", f"SQLite, {file}" if file is not None else "PostgreSQL")]
