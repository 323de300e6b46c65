"""The tables of the spine: who works, who sends, what was taken in, what happened to it, what is to be done next."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Text

from aftersend.store.schema.columns import integer, partial_index, small, table, words

COMMON_FACTS = (0, 8, 18, 25)
"""Received, treated, relayed, delivered (`ledger.facts`): what most mail comes to, and no more."""
RARE_FACTS = f"(facts & {~sum(1 << fact for fact in COMMON_FACTS)}) <> 0"
"""Deliveries to which anything else happened have an index of their own. The way of most mail does not touch it."""
WITH_REASON = "reason IS NOT NULL"
BOUNCED_DELIVERIES = f"(facts & {sum(1 << fact for fact in (21, 22, 23, 24))}) <> 0"
"""Deliveries with an event that counts as a bounce."""


meta = table(
    "meta",
    Column("name", Text, primary_key=True),
    words("value", nullable=False),
)
"""Facts about the installation: the fingerprint of its secret, how far retention has pruned."""

nodes = table(
    "nodes",
    Column("number", Integer, primary_key=True, autoincrement=False),
    words("name", nullable=False),
    words("incarnation", nullable=False),
    integer("started_us"),
    integer("lease_ends_us"),
    integer("delivers"),
    Index("uq_nodes_name", "name", unique=True),
)
"""Who is working. A node holds its claims for as long as its lease runs; it renews the lease, not the claims.
`delivers` says whether it delivers (1), so that nodes that do can share what a receiving site bears."""

accounts = table(
    "accounts",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    words("name", nullable=False),
    integer("created_us"),
    words("settings", nullable=False),
    Index("uq_accounts_name", "name", unique=True),
)

keys = table(
    "keys",
    integer("account_id"),
    integer("id"),
    words("name", nullable=False),
    words("prefix", nullable=False),
    Column("digest", LargeBinary, nullable=False),
    words("scopes", nullable=False),
    words("networks", nullable=False),
    integer("created_us"),
    integer("used_us", nullable=True),
    integer("revoked_us", nullable=True),
    PrimaryKeyConstraint("account_id", "id"),
    Index("uq_keys_digest", "digest", unique=True),
)

streams = table(
    "streams",
    integer("account_id"),
    words("name", nullable=False),
    words("kind", nullable=False),
    integer("lifetime_s"),
    integer("created_us"),
    words("settings", nullable=False),
    PrimaryKeyConstraint("account_id", "name"),
)

domains = table(
    "domains",
    integer("account_id"),
    words("name", nullable=False),
    integer("created_us"),
    integer("verified_us", nullable=True),
    integer("checked_us", nullable=True),
    words("findings", nullable=False),
    PrimaryKeyConstraint("account_id", "name"),
)

dkim_keys = table(
    "dkim_keys",
    integer("account_id"),
    words("domain", nullable=False),
    words("selector", nullable=False),
    words("algorithm", nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    words("record", nullable=False),
    integer("created_us"),
    integer("active_us", nullable=True),
    integer("retired_us", nullable=True),
    PrimaryKeyConstraint("account_id", "domain", "selector"),
)
"""Private keys are sealed with the installation's secret; `record` is the public TXT value."""

messages = table(
    "messages",
    integer("account_id"),
    integer("id"),
    words("stream", nullable=False),
    words("via", nullable=False),
    words("sender", nullable=False),
    words("header_from", nullable=False),
    words("subject", nullable=False),
    words("rfc_message_id", nullable=False),
    Column("headers", LargeBinary, nullable=True),
    Column("body", LargeBinary, nullable=False),
    integer("size"),
    small("flags"),
    words("envid"),
    words("tags"),
    words("metadata"),
    words("instructions"),
    words("received", nullable=False),
    integer("key_id", nullable=True),
    integer("broadcast_id", nullable=True),
    integer("received_us"),
    integer("scheduled_us", nullable=True),
    PrimaryKeyConstraint("account_id", "id"),
    clustered=True,
)
"""One row a message taken in. `body` is the hash that finds the content in `bodies`; `received` is the evidence of receipt."""

bodies = table(
    "bodies",
    integer("account_id"),
    Column("hash", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    integer("size"),
    integer("used_us"),
    PrimaryKeyConstraint("account_id", "hash"),
    Index(None, "used_us"),
)
"""What stands behind the header, once for each distinct content; `hash` is its SHA-256."""

deliveries = table(
    "deliveries",
    integer("account_id"),
    integer("id"),
    integer("message_id"),
    words("stream", nullable=False),
    words("recipient", nullable=False),
    words("folded", nullable=False),
    words("domain", nullable=False),
    integer("facts"),
    small("result"),
    small("life"),
    words("reason"),
    words("detail"),
    words("said"),
    small("tries", default=0),
    words("notify"),
    words("orcpt"),
    integer("broadcast_id", nullable=True),
    integer("created_us"),
    integer("changed_us"),
    PrimaryKeyConstraint("account_id", "id"),
    Index(None, "account_id", "folded", "id"),
    Index(None, "account_id", "message_id"),
    clustered=True,
)
"""The email log: one row for each recipient of a message, whatever became of it. `facts` is the set of facts as bits."""

partial_index(deliveries, "ix_deliveries_facts", "account_id, facts, id", RARE_FACTS)
partial_index(deliveries, "ix_deliveries_reason", "account_id, reason, id", WITH_REASON)
partial_index(deliveries, "ix_deliveries_bounced", "account_id, domain, id, facts", BOUNCED_DELIVERIES)

events = table(
    "events",
    integer("account_id"),
    integer("delivery_id"),
    integer("key"),
    words("kind", nullable=False),
    small("fact", nullable=True),
    integer("occurred_us"),
    integer("recorded_us"),
    words("reason"),
    words("detail"),
    words("status"),
    words("evidence"),
    PrimaryKeyConstraint("account_id", "delivery_id", "key"),
    clustered=True,
)
"""The ledger. Rows are appended and never changed, except that retention takes `evidence` away."""

BOUNCE_EVENTS = "fact IN (21, 22, 23, 24)"
"""Events that count as bounces (`ledger.vocabularies.bounces`): few, and asked for by themselves."""

partial_index(events, "ix_events_evidence", "recorded_us", "evidence IS NOT NULL")
partial_index(events, "ix_events_bounced", "account_id, delivery_id, fact, reason, detail, status", BOUNCE_EVENTS)

refusals = table(
    "refusals",
    integer("account_id"),
    integer("id"),
    words("via", nullable=False),
    words("peer", nullable=False),
    words("sender"),
    words("recipient"),
    words("code", nullable=False),
    words("said", nullable=False),
    words("evidence"),
    integer("occurred_us"),
    PrimaryKeyConstraint("account_id", "id"),
    Index(None, "occurred_us"),
    clustered=True,
)
"""Submissions that got an error reply (004, first step: Error). No delivery follows from them."""

queue = table(
    "queue",
    integer("account_id"),
    integer("delivery_id"),
    small("stage"),
    small("holder", default=0),
    small("tries", default=0),
    integer("due_us"),
    integer("expires_us"),
    words("site", nullable=False),
    words("waits"),
    small("faults", default=0),
    small("lane", default=0),
    PrimaryKeyConstraint("account_id", "delivery_id"),
    Index(None, "stage", "holder", "lane", "account_id", "due_us"),
    clustered=True,
)
"""What to do next: one row for each delivery that has not ended. `holder` is the node that claimed it, 0 for none. `lane`
is 0 for transactional mail and 1 for bulk; the index lets a claim see who waits in a lane without reading how much."""

sites = table(
    "sites",
    Column("name", Text, primary_key=True),
    integer("node"),
    integer("connections"),
    integer("closed_until_us"),
    words("why", nullable=False),
    integer("changed_us"),
)
"""What a node has learnt of a receiving site that the others should know: it wants fewer connections, or to be left alone."""

doubts = table("doubts", Column("name", Text, primary_key=True), integer("until_us"))
"""Providers that denied far more addresses than they usually do: what is learned of them is provisional until then."""

suppressions = table(
    "suppressions",
    integer("account_id"),
    words("folded", nullable=False),
    words("stream", nullable=False),
    words("cause", nullable=False),
    words("origin", nullable=False),
    integer("created_us"),
    integer("expires_us", nullable=True),
    integer("delivery_id", nullable=True),
    words("evidence"),
    words("reason"),
    words("site"),
    small("tier", default=0),
    small("provisional", default=0),
    integer("probe_id", nullable=True),
    integer("probe_until_us", nullable=True),
    PrimaryKeyConstraint("account_id", "folded", "stream"),
    clustered=True,
)
"""Addresses that are not to be mailed: `origin` is `learned` (Rejected, Dropped) or `configured` (Filtered). Stream '' is all.
When a learned entry has ended, one delivery (`probe_id`) is let through to see how things are."""

streaks = table(
    "streaks",
    integer("account_id"),
    words("folded", nullable=False),
    words("counter", nullable=False),
    integer("number"),
    integer("first_us"),
    integer("last_us"),
    integer("last_delivery"),
    integer("reset_by", nullable=True),
    integer("reset_last", nullable=True),
    PrimaryKeyConstraint("account_id", "folded", "counter"),
    clustered=True,
)
"""What is counted for an address until a delivery comes in between. An address of which nothing bad was heard has no row."""

returned = table(
    "returned",
    integer("account_id"),
    integer("id"),
    words("recipient", nullable=False),
    words("sender", nullable=False),
    words("peer", nullable=False),
    Column("raw", LargeBinary, nullable=False),
    integer("received_us"),
    small("faults", default=0),
    PrimaryKeyConstraint("account_id", "id"),
    clustered=True,
)
"""Mail that came back and has not been read yet; a row goes in the transaction that writes down what follows from it."""

unread_returns = table(
    "unread_returns",
    integer("account_id"),
    integer("id"),
    integer("delivery_id", nullable=True),
    words("recipient", nullable=False),
    words("sender", nullable=False),
    words("subject", nullable=False),
    words("peer", nullable=False),
    words("why", nullable=False),
    Column("raw", LargeBinary, nullable=False),
    integer("received_us"),
    PrimaryKeyConstraint("account_id", "id"),
    clustered=True,
)
"""Mail that came back and that no rule understands, or that is for a person; kept for a while, with the original."""

idempotency = table(
    "idempotency",
    integer("account_id"),
    words("key", nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    integer("message_id"),
    integer("created_us"),
    PrimaryKeyConstraint("account_id", "key"),
    Index(None, "created_us"),
    clustered=True,
)

counts = table(
    "counts",
    integer("account_id"),
    integer("bucket_us"),
    words("stream", nullable=False),
    words("kind", nullable=False),
    words("word", nullable=False),
    small("node"),
    integer("number"),
    PrimaryKeyConstraint("account_id", "bucket_us", "stream", "kind", "word", "node"),
    clustered=True,
)
"""Deliveries by the hour in which they were created and by their set of facts, and bounce events by their word
(`store.counting`). A node counts in rows of its own, so that nodes never wait for each other; readers add them up."""

audit = table(
    "audit",
    integer("account_id"),
    integer("id"),
    words("who", nullable=False),
    words("did", nullable=False),
    words("what", nullable=False),
    integer("occurred_us"),
    PrimaryKeyConstraint("account_id", "id"),
    clustered=True,
)
