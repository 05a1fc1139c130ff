"""Bringing a database's tables to this program's version, and telling which version they have."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from bot.errors import DatabaseUnavailable

# Two bots that open one database at the same time migrate it one after the other.
_LOCK = text("SELECT pg_advisory_xact_lock(78, 1)")
NEWER_REMEDY = "Start the newer Nightword that made them, or take an older backup."


def migrate(connection: Connection) -> None:
    """Bring the tables up to date, in the transaction of `connection`.

    Raises DatabaseUnavailable where a newer program made them.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and (problem := unknown_version(found)):
        raise DatabaseUnavailable(problem, NEWER_REMEDY)
    command.upgrade(migrations(connection), "head")


def unknown_version(version: str) -> str | None:
    """Return what is wrong with tables of `version`, None where this program knows it."""
    scripts = ScriptDirectory.from_config(migrations())
    if version in {script.revision for script in scripts.walk_revisions()}:
        return None
    return f"its tables have version {version}, and this program knows them up to {scripts.get_current_head()}"


def tables_of(version: str) -> set[str]:
    """Return the names of the tables of a version that this program knows."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            command.upgrade(migrations(connection), version)
            return set(inspect(connection).get_table_names())
    finally:
        engine.dispose()


def migrations(connection: Connection | None = None) -> Config:
    """Return what alembic has to know to run the migrations over `connection`, or to list them."""
    config = Config()
    config.set_main_option("script_location", "bot.storage:migrations")
    config.set_main_option("version_locations", "bot.storage.migrations:versions")
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config
