"""Whether the card of a case is still to show what happened last."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Take the cards that are there for up to date."""
    op.add_column("review_case", sa.Column("card_behind", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_review_case_card_behind", "review_case", ["card_behind"])
