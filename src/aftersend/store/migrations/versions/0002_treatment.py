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
        "credits",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("available", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("charged", sa.BigInteger(), nullable=False),
        sa.Column("plan_amount", sa.BigInteger(), nullable=True),
        sa.Column("plan_period", sa.Text(), nullable=True),
        sa.Column("plan_mode", sa.Text(), nullable=True),
        sa.Column("renews_us", sa.BigInteger(), nullable=True),
        sa.Column("came_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_credits"),
    )
    op.create_table(
        "credit_entries",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("available", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("occurred_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_credit_entries"),
    )
    op.create_table(
        "credit_days",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("day_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "day_us", "kind", name="pk_credit_days"),
    )
    op.create_table(
        "reservations",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("reserved_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "delivery_id", name="pk_reservations"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "oversight",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_oversight"),
    )
    op.create_table(
        "moderation",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("recipients", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("decided_us", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("moving", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("teach", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "message_id", name="pk_moderation"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_moderation_account_id_state_message_id", "moderation", ["account_id", "state", "message_id"])
    op.create_index("ix_moderation_message_id", "moderation", ["message_id"])
    op.create_index("ix_moderation_moving", "moderation", ["moving"])
    op.create_index("ix_moderation_teach", "moderation", ["teach"])
    op.create_table(
        "throttles",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rate", sa.Text(), nullable=False),
        sa.Column("began_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "scope", "name", name="pk_throttles"),
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
