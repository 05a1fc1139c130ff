"""The server of each message that the bot has to delete or rewrite, because each process does its own servers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns. Rows that are there keep 0, which is on shard 0."""
    for table in ("due_deletion", "stale_digest"):
        op.add_column(table, sa.Column("guild_id", sa.BigInteger(), server_default="0", nullable=False))
