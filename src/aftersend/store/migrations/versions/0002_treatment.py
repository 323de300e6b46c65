"""The tables of treatment: credits, moderation, sending plans, and what a person did to many deliveries at once."""

from __future__ import annotations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
