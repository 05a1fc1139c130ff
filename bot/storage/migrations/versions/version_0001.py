"""Watched channels, their messages and scores, and who does not want to be read."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    _make_setting()
    _make_watched_channel()
    _make_message()
    _make_score()
    _make_opt_out_and_exemption()


def _make_setting() -> None:
    op.create_table(
        "setting",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_setting"),
    )


def _make_watched_channel() -> None:
    op.create_table(
        "watched_channel",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("flag_below", sa.Float()),
        sa.Column("log_channel_id", sa.BigInteger()),
        sa.Column("notice_message_id", sa.BigInteger()),
        sa.Column("last_message_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("watched_by", sa.BigInteger(), nullable=False),
        sa.Column("watched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", name="pk_watched_channel"),
    )
    op.create_index("ix_watched_channel_guild_id", "watched_channel", ["guild_id"])


def _make_message() -> None:
    op.create_table(
        "message",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_message"),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["watched_channel.channel_id"], name="fk_message_channel_id", ondelete="CASCADE"
        ),
    )
    for column in ("channel_id", "guild_id", "author_id", "pending"):
        op.create_index(f"ix_message_{column}", "message", [column])


def _make_score() -> None:
    op.create_table(
        "score",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("model", sa.String(512), nullable=False),
        sa.Column("positive_probability", sa.Float(), nullable=False),
        sa.Column("margin", sa.Float(), nullable=False),
        sa.Column("label_mass", sa.Float(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_score"),
        sa.ForeignKeyConstraint(["message_id"], ["message.message_id"], name="fk_score_message_id", ondelete="CASCADE"),
        sa.UniqueConstraint("message_id", "content_hash", "model", name="uq_score_message_id"),
    )


def _make_opt_out_and_exemption() -> None:
    op.create_table(
        "opt_out",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_opt_out"),
    )
    op.create_table(
        "exemption",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("target_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "kind", "target_id", name="pk_exemption"),
    )
