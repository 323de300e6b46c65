"""The tables of tracking: links of messages, single hits, what was read out of them, and who is tracked how."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "links",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "message_id", "number", name=op.f("pk_links")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hits",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("said", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "delivery_id", "id", name=op.f("pk_hits")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_hits_account_id_message_id_ip_at_us"), "hits", ["account_id", "message_id", "ip", "at_us"])
    op.create_index(op.f("ix_hits_at_us"), "hits", ["at_us"])
    op.create_table(
        "labels",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("hit_id", sa.BigInteger(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("rules", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "delivery_id", "hit_id", "made_us", name=op.f("pk_labels")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unlabelled",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "delivery_id", name=op.f("pk_unlabelled")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_unlabelled_due_us"), "unlabelled", ["due_us"])
    op.create_table(
        "readings",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("open", sa.Text(), nullable=False),
        sa.Column("click", sa.Text(), nullable=False),
        sa.Column("read", sa.Text(), nullable=False),
        sa.Column("opened_us", sa.BigInteger(), nullable=True),
        sa.Column("clicked_us", sa.BigInteger(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "message_id", "delivery_id", name=op.f("pk_readings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "read_counts",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("bucket_us", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("open", sa.Text(), nullable=False),
        sa.Column("click", sa.Text(), nullable=False),
        sa.Column("read", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", "by", "bucket_us", "place", "stream", "open", "click", "read", name=op.f("pk_read_counts")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "followed",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "message_id", "number", "delivery_id", name=op.f("pk_followed")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tracking_modes",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "scope", "name", name=op.f("pk_tracking_modes")),
        sqlite_with_rowid=False,
    )
