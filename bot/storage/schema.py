"""Bringing a database's tables to this program's version."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bot.errors import DatabaseUnavailable

# Two bots that open one database at the same time migrate it one after the other.
_LOCK = text("SELECT pg_advisory_xact_lock(78, 1)")


def migrate(connection: Connection) -> None:
    """Bring the tables up to date, in the transaction of `connection`.

    Raises DatabaseUnavailable where a newer program made them.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    config = migrations(connection)
    found = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(config)
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise DatabaseUnavailable(
            f"its tables have version {found}, and this program knows them up to {scripts.get_current_head()}",
            "Start the newer Nightword that made them, or take an older backup.",
        )
    command.upgrade(config, "head")


def migrations(connection: Connection) -> Config:
    """Return what alembic has to know to run the migrations over `connection`."""
    config = Config()
    config.set_main_option("script_location", "bot.storage:migrations")
    config.set_main_option("version_locations", "bot.storage.migrations:versions")
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config
