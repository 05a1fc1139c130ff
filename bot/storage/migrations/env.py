"""Runs alembic's migrations over a given connection, in one transaction."""

from alembic import context

from bot.storage.tables import Base

# SQLite can roll back changes of tables, too, but alembic does not assume it.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
