"""The tables of broadcasts: contacts and their addresses, lists, consent, templates, broadcasts and what is said to each recipient."""

from __future__ import annotations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
