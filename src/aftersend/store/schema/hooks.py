"""The tables of telling others: the order of the ledger, webhooks, their cursors and attempts."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, PrimaryKeyConstraint, Text

from aftersend.store.schema.columns import integer, small, table, words

feed = table(
    "feed",
    integer("account_id"),
    integer("position"),
    integer("number"),
    integer("at_us"),
    Column("happened", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account_id", "position"),
    Index(None, "account_id", "at_us"),
    clustered=True,
)
"""In which order events were committed: a row for each transaction that wrote some, with the keys of its `number` events
(delivery and key, 8 bytes each). `position` is the sequence of its first event. What it points to may have been pruned."""

marks = table(
    "marks",
    Column("name", Text, primary_key=True),
    words("value", nullable=False),
    integer("changed_us"),
)
"""How far readers that are no webhooks have come: the event file of a node."""

hooks = table(
    "hooks",
    integer("account_id"),
    integer("id"),
    words("name", nullable=False),
    words("url", nullable=False),
    words("wanted", nullable=False),
    small("batch", default=1),
    words("owner"),
    Column("secret", LargeBinary, nullable=False),
    Column("former_secret", LargeBinary, nullable=True),
    integer("former_until_us", nullable=True),
    words("state", nullable=False),
    words("why"),
    integer("position"),
    integer("again_from", nullable=True),
    integer("again_until", nullable=True),
    integer("failures", default=0),
    integer("failing_since_us", nullable=True),
    integer("not_before_us", default=0),
    integer("good_us", nullable=True),
    small("holder", default=0),
    integer("created_us"),
    integer("changed_us"),
    PrimaryKeyConstraint("account_id", "id"),
)
"""Where events are sent to. Everything up to `position` was taken or stands in `hook_waiting`; `wanted` (JSON) says which
events, `holder` is the node that sends. `again_from` to `again_until` is a range that is sent once more. Secrets are sealed."""

hook_waiting = table(
    "hook_waiting",
    integer("account_id"),
    integer("hook_id"),
    integer("sequence"),
    integer("delivery_id"),
    integer("key"),
    words("recipient", nullable=False),
    small("state"),
    small("tries"),
    integer("due_us"),
    integer("changed_us"),
    words("said"),
    PrimaryKeyConstraint("account_id", "hook_id", "sequence"),
    clustered=True,
)
"""Events that a webhook did not take: to be sent again at `due_us` (state 0), or given up after all tries (state 1)."""

hook_attempts = table(
    "hook_attempts",
    integer("account_id"),
    integer("hook_id"),
    integer("id"),
    words("outcome", nullable=False),
    small("status", nullable=True),
    integer("sequence"),
    integer("last"),
    small("number"),
    words("types", nullable=False),
    small("try_number"),
    integer("at_us"),
    integer("took_us"),
    integer("sent_bytes"),
    words("host", nullable=False),
    words("answer"),
    words("request"),
    PrimaryKeyConstraint("account_id", "hook_id", "id"),
    Index(None, "at_us"),
    clustered=True,
)
"""Every request to a webhook and what came of it; `request` is kept of those that failed."""

ALL = (feed, marks, hooks, hook_waiting, hook_attempts)
