"""How alembic runs the migrations: over the connection that it is handed, all of them or none."""

from alembic import context

from bot.storage.tables import Base

# SQLite too can take back a change of its tables; alembic asks to be told.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
