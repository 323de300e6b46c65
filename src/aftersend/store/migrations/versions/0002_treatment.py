"""The tables of treatment: credits, moderation, sending plans, and what a person did to many deliveries at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.add_column("queue", sa.Column("lane", sa.SmallInteger(), server_default=sa.text("0"), nullable=False))
    op.drop_index("ix_queue_stage_holder_due_us", "queue")
    op.create_index(
        "ix_queue_stage_holder_lane_account_id_due_us", "queue", ["stage", "holder", "lane", "account_id", "due_us"]
    )
    op.create_table(
        "paces",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("taken_us", sa.BigInteger(), nullable=False),
        sa.Column("ends_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "stream", name="pk_paces"),
        sqlite_with_rowid=False,
    )
