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
