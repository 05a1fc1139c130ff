"""Migrating a database's tables to this program's version, and reading their version."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from bot.errors import DatabaseUnavailable

# If two bots open one database at the same time, the second waits until the first has migrated it.
_LOCK = text("SELECT pg_advisory_xact_lock(78, 1)")
NEWER_REMEDY = "Start the newer version of Nightword that created these tables, or restore an older backup."


def migrate(connection: Connection) -> None:
    """Migrate the tables to the newest version, in the transaction of `connection`.

    Raises DatabaseUnavailable if a newer version of the program created them.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    version = MigrationContext.configure(connection).get_current_revision()
    if version is not None and (problem := unknown_version(version)):
        raise DatabaseUnavailable(problem, NEWER_REMEDY)
    command.upgrade(migrations(connection), "head")


def unknown_version(version: str) -> str | None:
    """Return the problem with tables of an unknown `version`, None if this program knows it."""
    scripts = ScriptDirectory.from_config(migrations())
    if version in {script.revision for script in scripts.walk_revisions()}:
        return None
    return f"its tables have version {version}; the newest that this program knows is {scripts.get_current_head()}"


def tables_of(version: str) -> set[str]:
    """Return the names of the tables in a version that this program knows."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            command.upgrade(migrations(connection), version)
            return set(inspect(connection).get_table_names())
    finally:
        engine.dispose()


def migrations(connection: Connection | None = None) -> Config:
    """Return alembic's configuration to run the migrations over `connection`, or to list them."""
    config = Config()
    config.set_main_option("script_location", "bot.storage:migrations")
    config.set_main_option("version_locations", "bot.storage.migrations:versions")
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config
