"""The tables of the quality score: reports before sending, results afterwards, what is known of domains."""

from __future__ import annotations

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
