"""The tables of broadcasts: contacts and their addresses, lists, consent, templates, broadcasts and what is said to each recipient."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "personal",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "delivery_id", name=op.f("pk_personal")),
        sqlite_with_rowid=False,
    )
