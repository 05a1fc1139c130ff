"""Places of every kind, labels, cases with their history, and what is due in Discord."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what labels and cases need; what is there stays, and learns where it stands."""
    _extend_watched_channel()
    _make_notice()
    _extend_message()
    _make_case()
    _make_case_event()
    _make_verdict_and_audit()
    _make_what_is_due()


def _extend_watched_channel() -> None:
    for column in (
        sa.Column("label", sa.String(8), server_default="none", nullable=False),
        sa.Column("urgent_below", sa.Float()),
        sa.Column("excerpts", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True)),
        sa.Column("digest_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("watched_channel", column)


def _make_notice() -> None:
    op.create_table(
        "notice",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_notice"),
        sa.ForeignKeyConstraint(
            ["place_id"], ["watched_channel.channel_id"], name="fk_notice_place_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_notice_place_id", "notice", ["place_id"])
    op.execute(
        "INSERT INTO notice (message_id, channel_id, place_id) SELECT notice_message_id, channel_id, channel_id "
        "FROM watched_channel WHERE notice_message_id IS NOT NULL"
    )
    op.drop_column("watched_channel", "notice_message_id")


def _extend_message() -> None:
    # Columns are added, and never a table made anew under its name: SQLite would take every score along with it.
    for column in (
        sa.Column("posted_in", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("acts", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("backfilled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("shown_label", sa.String(8)),
        sa.Column("label_message_id", sa.BigInteger()),
    ):
        op.add_column("message", column)
    op.execute("UPDATE message SET posted_in = channel_id")
    op.create_index("ix_message_acts", "message", ["acts"])
    op.drop_index("ix_message_channel_id", "message")
    op.create_index("ix_message_channel_id", "message", ["channel_id", "posted_at", "message_id"])


def _make_case() -> None:
    op.create_table(
        "case_counter",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", name="pk_case_counter"),
    )
    op.create_table(
        "review_case",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("log_channel_id", sa.BigInteger(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("flag_below", sa.Float(), nullable=False),
        sa.Column("positive_probability", sa.Float(), nullable=False),
        sa.Column("margin", sa.Float(), nullable=False),
        sa.Column("label_mass", sa.Float(), nullable=False),
        sa.Column("model", sa.String(512), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("claimed_by", sa.BigInteger()),
        sa.Column("decided_by", sa.BigInteger()),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("card_message_id", sa.BigInteger()),
        sa.Column("digest_message_id", sa.BigInteger()),
        sa.Column("excerpt_until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_review_case"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.message_id"], name="fk_review_case_message_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["watched_channel.channel_id"], name="fk_review_case_place_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("guild_id", "number", name="uq_review_case_guild_id"),
        sa.UniqueConstraint("message_id", name="uq_review_case_message_id"),
        sqlite_autoincrement=True,
    )
    for column in ("place_id", "card_message_id", "digest_message_id", "excerpt_until"):
        op.create_index(f"ix_review_case_{column}", "review_case", [column])


def _make_case_event() -> None:
    op.create_table(
        "case_event",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("case_id", _COUNTED, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(1000)),
        sa.Column("positive_probability", sa.Float()),
        sa.PrimaryKeyConstraint("id", name="pk_case_event"),
        sa.ForeignKeyConstraint(["case_id"], ["review_case.id"], name="fk_case_event_case_id", ondelete="CASCADE"),
        sa.UniqueConstraint("case_id", "number", name="uq_case_event_case_id"),
    )


def _make_verdict_and_audit() -> None:
    op.create_table(
        "verdict",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("positive_probability", sa.Float(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verdict"),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["watched_channel.channel_id"], name="fk_verdict_channel_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_verdict_channel_id", "verdict", ["channel_id"])
    op.create_table(
        "audit",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger()),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("detail", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    for column in ("guild_id", "at"):
        op.create_index(f"ix_audit_{column}", "audit", [column])


def _make_what_is_due() -> None:
    op.create_table(
        "due_deletion",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "message_id", name="pk_due_deletion"),
    )
    op.create_table(
        "stale_digest",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "message_id", name="pk_stale_digest"),
    )
