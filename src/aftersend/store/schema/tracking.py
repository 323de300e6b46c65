"""The tables of tracking: links of messages, single hits, what was read out of them, and who is tracked how."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint

from aftersend.store.schema.columns import integer, small, table, words

links = table(
    "links",
    integer("account_id"),
    integer("message_id"),
    small("number"),
    words("url", nullable=False),
    words("text", nullable=False),
    PrimaryKeyConstraint("account_id", "message_id", "number"),
    clustered=True,
)
"""Where the tracked links of a message lead, and what people see of them. Merge tags stand in `url` as they were written."""

hits = table(
    "hits",
    integer("account_id"),
    integer("delivery_id"),
    integer("id"),
    integer("message_id"),
    words("kind", nullable=False),
    small("number"),
    words("method", nullable=False),
    integer("at_us"),
    words("ip", nullable=False),
    words("agent"),
    words("said"),
    PrimaryKeyConstraint("account_id", "delivery_id", "id"),
    Index(None, "account_id", "message_id", "ip", "at_us"),
    Index(None, "at_us"),
    clustered=True,
)
"""Every request that named a delivery. `said` (JSON) are the few headers that tell something. Rows are only added."""

labels = table(
    "labels",
    integer("account_id"),
    integer("delivery_id"),
    integer("hit_id"),
    integer("made_us"),
    words("verdict", nullable=False),
    words("reasons", nullable=False),
    small("rules"),
    PrimaryKeyConstraint("account_id", "delivery_id", "hit_id", "made_us"),
    clustered=True,
)
"""Who made a hit, and why we think so; the latest row of a hit counts, the others say what was thought before."""

unlabelled = table(
    "unlabelled",
    integer("account_id"),
    integer("delivery_id"),
    integer("due_us"),
    integer("last_id"),
    PrimaryKeyConstraint("account_id", "delivery_id"),
    Index(None, "due_us"),
    clustered=True,
)
"""Deliveries whose hits are to be looked at. `last_id` is their latest hit: whoever looked at an older one looks again."""

readings = table(
    "readings",
    integer("account_id"),
    integer("message_id"),
    integer("delivery_id"),
    words("stream", nullable=False),
    words("domain", nullable=False),
    words("open", nullable=False),
    words("click", nullable=False),
    words("read", nullable=False),
    integer("opened_us", nullable=True),
    integer("clicked_us", nullable=True),
    integer("created_us"),
    PrimaryKeyConstraint("account_id", "message_id", "delivery_id"),
    clustered=True,
)
"""What follows from all hits of a delivery: the strongest verdict on its opens and on its clicks, whether it was read.
`created_us` is when the delivery was made."""

read_counts = table(
    "read_counts",
    integer("account_id"),
    words("by", nullable=False),
    integer("bucket_us"),
    words("place", nullable=False),
    words("stream", nullable=False),
    words("open", nullable=False),
    words("click", nullable=False),
    words("read", nullable=False),
    integer("number"),
    PrimaryKeyConstraint("account_id", "by", "bucket_us", "place", "stream", "open", "click", "read"),
    clustered=True,
)
"""How many rows of `readings` say what, by the hour in which their deliveries were made: all of them, by domain, by the hour of
the day of the first opening, and by message (by the hour of the message). All but those by domain and message stay when
`readings` are forgotten."""

followed = table(
    "followed",
    integer("account_id"),
    integer("message_id"),
    small("number"),
    integer("delivery_id"),
    words("verdict", nullable=False),
    integer("first_us"),
    PrimaryKeyConstraint("account_id", "message_id", "number", "delivery_id"),
    clustered=True,
)
"""Which recipients followed which link: the strongest verdict on it, and when first."""

tracking_modes = table(
    "tracking_modes",
    integer("account_id"),
    words("scope", nullable=False),
    words("name", nullable=False),
    words("mode", nullable=False),
    words("source", nullable=False),
    integer("changed_us"),
    PrimaryKeyConstraint("account_id", "scope", "name"),
    clustered=True,
)
"""How much is tracked: of an account (name ''), of a stream, of a recipient (the folded address), and who said so."""
