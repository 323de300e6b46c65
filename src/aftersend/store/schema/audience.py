"""The tables of broadcasts: contacts and their addresses, lists, consent, templates, broadcasts and what is said to each recipient."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint

from aftersend.store.schema.columns import integer, table, words

personal = table(
    "personal",
    integer("account_id"),
    integer("delivery_id"),
    integer("contact_id", nullable=True),
    words("data", nullable=False),
    PrimaryKeyConstraint("account_id", "delivery_id"),
    clustered=True,
)
"""What is said to one recipient alone: the data of a delivery of a compiled message, JSON."""
