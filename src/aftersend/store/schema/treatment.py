"""The tables of treatment: credits, moderation, sending plans, and what a person did to many deliveries at once."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint

from aftersend.store.schema.columns import integer, table, words

paces = table(
    "paces",
    integer("account_id"),
    words("stream", nullable=False),
    integer("taken_us"),
    integer("ends_us"),
    PrimaryKeyConstraint("account_id", "stream"),
    clustered=True,
)
"""How far the rate of a stream is used up, for all nodes together, and until when the line before it reaches."""
