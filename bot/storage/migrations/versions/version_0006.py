"""Questions of servers and places, their scores, labels and measurements, and a case for each question."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CASE_COLUMNS = (
    "id, guild_id, number, message_id, place_id, log_channel_id, urgent, flag_below, positive_probability, margin, "
    "label_mass, model, state, claimed_by, decided_by, opened_at, card_message_id, card_behind, digest_message_id, "
    "excerpt_until"
)


def upgrade() -> None:
    """Add the tables. Each case so far belongs to the notebook's question, which is 0."""
    _make_question()
    _make_place_question()
    _make_question_score()
    _make_case_label()
    _make_measurement()
    op.add_column("verdict", sa.Column("place_question_id", sa.BigInteger(), server_default="0", nullable=False))
    if op.get_bind().dialect.name == "sqlite":
        _remake_cases()
    else:
        _extend_cases()


def _make_question() -> None:
    op.create_table(
        "question",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_question"),
        sa.UniqueConstraint("guild_id", "name", name="uq_question_guild_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "question_version",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("question_id", _COUNTED, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("written_by", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_question_version"),
        sa.ForeignKeyConstraint(
            ["question_id"], ["question.id"], name="fk_question_version_question_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("question_id", "number", name="uq_question_version_question_id"),
        sqlite_autoincrement=True,
    )


def _make_place_question() -> None:
    op.create_table(
        "place_question",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("question_id", _COUNTED, nullable=False),
        sa.Column("version_id", _COUNTED, nullable=False),
        *_rule(),
        sa.Column("log_channel_id", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True)),
        sa.Column("digest_at", sa.DateTime(timezone=True)),
        sa.Column("told", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_place_question"),
        sa.ForeignKeyConstraint(
            ["place_id"], ["watched_channel.channel_id"], name="fk_place_question_place_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["question.id"], name="fk_place_question_question_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["question_version.id"], name="fk_place_question_version_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("place_id", "question_id", name="uq_place_question_place_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_place_question_question_id", "place_question", ["question_id"])


def _rule() -> list[sa.Column[object]]:
    return [
        sa.Column("flag_label", sa.String(100), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("direction", sa.String(5), nullable=False),
        sa.Column("calibration", sa.String(16), nullable=False),
        sa.Column("prior", sa.Text(), nullable=False),
    ]


def _make_question_score() -> None:
    op.create_table(
        "question_score",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("place_question_id", _COUNTED, nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.String(512), nullable=False),
        sa.Column("computed_by", sa.String(64), nullable=False),
        sa.Column("probabilities", sa.Text()),
        sa.Column("label_mass", sa.Float()),
        sa.Column("verdict", sa.String(100)),
        sa.Column("margin", sa.Float()),
        sa.Column("fault", sa.String(16)),
        sa.Column("acts", sa.Boolean(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_question_score"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.message_id"], name="fk_question_score_message_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_question_id"],
            ["place_question.id"],
            name="fk_question_score_place_question_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "message_id",
            "content_hash",
            "place_question_id",
            "version_id",
            "computed_by",
            name="uq_question_score_message_id",
        ),
    )
    op.create_index("ix_question_score_place_question_id", "question_score", ["place_question_id", "acts"])


def _make_case_label() -> None:
    op.create_table(
        "case_label",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("place_question_id", _COUNTED, nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("labelled_by", sa.BigInteger(), nullable=False),
        sa.Column("labelled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_case_label"),
        sa.ForeignKeyConstraint(
            ["place_question_id"], ["place_question.id"], name="fk_case_label_place_question_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.message_id"], name="fk_case_label_message_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("place_question_id", "message_id", name="uq_case_label_place_question_id"),
    )
    op.create_index("ix_case_label_message_id", "case_label", ["message_id"])


def _make_measurement() -> None:
    op.create_table(
        "measurement",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("place_question_id", _COUNTED, nullable=False),
        sa.Column("version_id", _COUNTED, nullable=False),
        *_rule(),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("model", sa.String(512), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("held_out", sa.BigInteger(), nullable=False),
        sa.Column("flagging", sa.BigInteger(), nullable=False),
        sa.Column("measured_by", sa.BigInteger(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True)),
        sa.Column("confirmed_by", sa.BigInteger()),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("partly_deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_measurement"),
        sa.ForeignKeyConstraint(
            ["place_question_id"], ["place_question.id"], name="fk_measurement_place_question_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["question_version.id"], name="fk_measurement_version_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_measurement_place_question_id", "measurement", ["place_question_id"])
    op.create_table(
        "measurement_case",
        sa.Column("measurement_id", _COUNTED, nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("measurement_id", "message_id", name="pk_measurement_case"),
        sa.ForeignKeyConstraint(
            ["measurement_id"], ["measurement.id"], name="fk_measurement_case_measurement_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.message_id"], name="fk_measurement_case_message_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_measurement_case_message_id", "measurement_case", ["message_id"])


def _case_additions() -> list[sa.Column[object]]:
    return [
        sa.Column("place_question_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("question", sa.String(32)),
        sa.Column("version", sa.BigInteger()),
        sa.Column("flag_label", sa.String(100)),
        sa.Column("direction", sa.String(5)),
        sa.Column("measurement_id", sa.BigInteger()),
        sa.Column("content_hash", sa.String(64)),
    ]


def _extend_cases() -> None:
    for column in _case_additions():
        op.add_column("review_case", column)
    op.drop_constraint("uq_review_case_message_id", "review_case", type_="unique")
    op.create_unique_constraint("uq_review_case_message_id", "review_case", ["message_id", "place_question_id"])


def _remake_cases() -> None:
    """Make the table of cases again, because SQLite can't drop its constraint of one case for each message.

    Dropping a table deletes the rows that refer to it, so the history of the cases is copied before.
    """
    op.create_table(
        "review_case_new",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        *_case_additions(),
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
        sa.Column("card_behind", sa.Boolean(), server_default=sa.false(), nullable=False),
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
        sa.UniqueConstraint("message_id", "place_question_id", name="uq_review_case_message_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "case_event_new",
        sa.Column("id", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("case_id", _COUNTED, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(1000)),
        sa.Column("positive_probability", sa.Float()),
        sa.PrimaryKeyConstraint("id", name="pk_case_event"),
        sa.ForeignKeyConstraint(["case_id"], ["review_case_new.id"], name="fk_case_event_case_id", ondelete="CASCADE"),
        sa.UniqueConstraint("case_id", "number", name="uq_case_event_case_id"),
    )
    events = "id, case_id, number, kind, user_id, at, note, positive_probability"
    for statement in (
        f"INSERT INTO review_case_new ({_CASE_COLUMNS}) SELECT {_CASE_COLUMNS} FROM review_case",  # noqa: S608  # constants
        f"INSERT INTO case_event_new ({events}) SELECT {events} FROM case_event",  # noqa: S608  # the same
        # The ids of deleted cases stay used: buttons in Discord contain them.
        "DELETE FROM sqlite_sequence WHERE name = 'review_case_new'",
        "INSERT INTO sqlite_sequence (name, seq) "
        "SELECT 'review_case_new', seq FROM sqlite_sequence WHERE name = 'review_case'",
        "DROP TABLE case_event",
        "DROP TABLE review_case",
        "ALTER TABLE review_case_new RENAME TO review_case",
        "ALTER TABLE case_event_new RENAME TO case_event",
    ):
        op.execute(statement)
    for column in ("place_id", "card_message_id", "card_behind", "digest_message_id", "excerpt_until"):
        op.create_index(f"ix_review_case_{column}", "review_case", [column])
