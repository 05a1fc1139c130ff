"""Runs alembic's migrations over a given connection, in one transaction."""

from alembic import context

from bot.storage.tables import Base

# SQLite can roll back schema changes too, but alembic doesn't assume that it can.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
