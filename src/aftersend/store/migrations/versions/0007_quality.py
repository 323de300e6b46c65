"""The tables of the quality score: reports before sending, results afterwards, what is known of domains."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "broadcast_scores",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("broadcast_id", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("message_score", sa.SmallInteger(), nullable=False),
        sa.Column("list_score", sa.SmallInteger(), nullable=False),
        sa.Column("mailed", sa.BigInteger(), nullable=False),
        sa.Column("expected_milli", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("learned_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "broadcast_id", name=op.f("pk_broadcast_scores")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "score_days",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("day_us", sa.BigInteger(), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "domain", "day_us", name=op.f("pk_score_days")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "score_outcomes",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("mailed", sa.BigInteger(), nullable=False),
        sa.Column("bounced", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "signal", name=op.f("pk_score_outcomes")),
        sqlite_with_rowid=False,
    )
