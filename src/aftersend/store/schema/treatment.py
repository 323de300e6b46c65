"""The tables of treatment: credits, moderation, sending plans, and what a person did to many deliveries at once."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint

from aftersend.store.schema.columns import integer, small, table, words

credits = table(
    "credits",
    integer("account_id"),
    integer("available"),
    integer("reserved"),
    integer("charged"),
    integer("plan_amount", nullable=True),
    words("plan_period"),
    words("plan_mode"),
    integer("renews_us", nullable=True),
    integer("came_us"),
    integer("changed_us"),
    PrimaryKeyConstraint("account_id"),
)
"""The purse of an account whose mail is counted; an account without a row is not. `came_us` is when credits came last."""

credit_entries = table(
    "credit_entries",
    integer("account_id"),
    integer("id"),
    words("kind", nullable=False),
    integer("amount"),
    integer("available"),
    words("who", nullable=False),
    words("why", nullable=False),
    integer("occurred_us"),
    PrimaryKeyConstraint("account_id", "id"),
)
"""What people and plans did to a purse, each with what was available then."""

credit_days = table(
    "credit_days",
    integer("account_id"),
    integer("day_us"),
    words("kind", nullable=False),
    integer("number"),
    PrimaryKeyConstraint("account_id", "day_us", "kind"),
)
"""What mail did to a purse, by day: reserved, charged, released. The mail itself says which."""

reservations = table(
    "reservations",
    integer("account_id"),
    integer("delivery_id"),
    integer("reserved_us"),
    PrimaryKeyConstraint("account_id", "delivery_id"),
    clustered=True,
)
"""Credits that are set aside for mail under way: one row each, until it has come to an end."""

oversight = table(
    "oversight",
    integer("account_id"),
    words("mode", nullable=False),
    integer("first"),
    integer("changed_us"),
    PrimaryKeyConstraint("account_id"),
)
"""How an account's mail is moderated; the row of account 0 holds for all that have none of their own."""

moderation = table(
    "moderation",
    integer("account_id"),
    integer("message_id"),
    words("state", nullable=False),
    words("why", nullable=False),
    words("findings", nullable=False),
    integer("recipients"),
    integer("created_us"),
    integer("decided_us", nullable=True),
    words("decided_by"),
    words("reason"),
    small("moving", default=0),
    small("teach", default=0),
    PrimaryKeyConstraint("account_id", "message_id"),
    Index(None, "account_id", "state", "message_id"),
    Index(None, "message_id"),
    Index(None, "moving"),
    Index(None, "teach"),
    clustered=True,
)
"""What was judged of a message, and what a moderator decided. `moving` while deliveries that waited for it are woken, `teach`
while the engines are still to learn from it."""

throttles = table(
    "throttles",
    integer("account_id"),
    words("scope", nullable=False),
    words("name", nullable=False),
    words("rate", nullable=False),
    integer("began_us"),
    PrimaryKeyConstraint("account_id", "scope", "name"),
)
"""Rates beside those of streams; account 0 is for all that have none of their own."""

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
