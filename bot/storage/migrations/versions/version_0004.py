"""Tries that failed to score a message, why, and when the next is due."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns; no message has failed so far."""
    for column in (
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fault", sa.String(16)),
        sa.Column("next_try_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("message", column)
