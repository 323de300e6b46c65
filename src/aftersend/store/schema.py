"""Own the tables. Every table that grows with mail has `account_id` as the first column of its key, so that the schema
can be spread over machines by tenant. Times are microseconds UTC; free data is JSON text, read whole.

Three kinds of table: what has happened (messages, bodies, deliveries, events; only ever added to, the cached reading of
the facts in `deliveries` may only rise), what to do next (queue; small, rows go when their work is done), and what was
counted (counts; survives retention).
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    event,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

COMMON_RESULTS = (0, 20, 90)
RESULTS_WORTH_AN_INDEX = " AND ".join(f"result <> {rank}" for rank in COMMON_RESULTS)
"""Rare outcomes are looked for; Unsent, Sent and Delivered are what a plain scan finds at once. Not as NOT IN, for which
SQLite builds a table of its own at every statement."""


def _table(name: str, *columns: Column[object] | Index | PrimaryKeyConstraint, clustered: bool = False) -> Table:
    return Table(name, metadata, *columns, sqlite_with_rowid=not clustered)


def _int(name: str, *, default: int | None = None, nullable: bool = False) -> Column[object]:
    standing = None if default is None else text(str(default))
    return Column(name, BigInteger, nullable=nullable, server_default=standing)


def _small(name: str, *, default: int | None = None, nullable: bool = False) -> Column[object]:
    standing = None if default is None else text(str(default))
    return Column(name, SmallInteger, nullable=nullable, server_default=standing)


def _text(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, Text, nullable=nullable)


meta = _table(
    "meta",
    Column("name", Text, primary_key=True),
    _text("value", nullable=False),
)
"""Facts about the installation: the fingerprint of its secret, how far retention has pruned."""

nodes = _table(
    "nodes",
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("name", nullable=False),
    _text("incarnation", nullable=False),
    _int("started_us"),
    _int("lease_ends_us"),
    Index("uq_nodes_name", "name", unique=True),
)
"""Who is working. A node holds its claims for as long as its lease runs; it renews the lease, not the claims."""

accounts = _table(
    "accounts",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _text("name", nullable=False),
    _int("created_us"),
    _text("settings", nullable=False),
    Index("uq_accounts_name", "name", unique=True),
)

keys = _table(
    "keys",
    _int("account_id"),
    _int("id"),
    _text("name", nullable=False),
    _text("prefix", nullable=False),
    Column("digest", LargeBinary, nullable=False),
    _text("scopes", nullable=False),
    _text("networks", nullable=False),
    _int("created_us"),
    _int("used_us", nullable=True),
    _int("revoked_us", nullable=True),
    PrimaryKeyConstraint("account_id", "id"),
    Index("uq_keys_digest", "digest", unique=True),
)

streams = _table(
    "streams",
    _int("account_id"),
    _text("name", nullable=False),
    _text("kind", nullable=False),
    _int("lifetime_s"),
    _int("created_us"),
    _text("settings", nullable=False),
    PrimaryKeyConstraint("account_id", "name"),
)

domains = _table(
    "domains",
    _int("account_id"),
    _text("name", nullable=False),
    _int("created_us"),
    _int("verified_us", nullable=True),
    _int("checked_us", nullable=True),
    _text("findings", nullable=False),
    PrimaryKeyConstraint("account_id", "name"),
)

dkim_keys = _table(
    "dkim_keys",
    _int("account_id"),
    _text("domain", nullable=False),
    _text("selector", nullable=False),
    _text("algorithm", nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    _text("record", nullable=False),
    _int("created_us"),
    _int("active_us", nullable=True),
    _int("retired_us", nullable=True),
    PrimaryKeyConstraint("account_id", "domain", "selector"),
)
"""Private keys are sealed with the installation's secret; `record` is the public TXT value."""

messages = _table(
    "messages",
    _int("account_id"),
    _int("id"),
    _text("stream", nullable=False),
    _text("via", nullable=False),
    _text("sender", nullable=False),
    _text("header_from", nullable=False),
    _text("subject", nullable=False),
    _text("rfc_message_id", nullable=False),
    Column("headers", LargeBinary, nullable=True),
    Column("body", LargeBinary, nullable=False),
    _int("size"),
    _small("flags"),
    _text("envid"),
    _text("tags"),
    _text("metadata"),
    _text("instructions"),
    _text("received", nullable=False),
    _int("key_id", nullable=True),
    _int("broadcast_id", nullable=True),
    _int("received_us"),
    _int("scheduled_us", nullable=True),
    PrimaryKeyConstraint("account_id", "id"),
    clustered=True,
)
"""One row a message taken in. `body` is the hash that finds the content in `bodies`; `received` is the evidence of receipt."""

bodies = _table(
    "bodies",
    _int("account_id"),
    Column("hash", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    _int("size"),
    _int("used_us"),
    PrimaryKeyConstraint("account_id", "hash"),
    Index(None, "used_us"),
)
"""What stands behind the header, once for each distinct content; `hash` is its SHA-256."""

deliveries = _table(
    "deliveries",
    _int("account_id"),
    _int("id"),
    _int("message_id"),
    _text("stream", nullable=False),
    _text("recipient", nullable=False),
    _text("folded", nullable=False),
    _text("domain", nullable=False),
    _int("facts"),
    _small("result"),
    _small("life"),
    _text("reason"),
    _text("detail"),
    _text("said"),
    _small("tries", default=0),
    _text("notify"),
    _text("orcpt"),
    _int("broadcast_id", nullable=True),
    _int("created_us"),
    _int("changed_us"),
    PrimaryKeyConstraint("account_id", "id"),
    Index(None, "account_id", "folded", "id"),
    Index(None, "account_id", "message_id"),
    clustered=True,
)
"""The email log: one row for each recipient of a message, whatever became of it. `facts` is the set of facts as bits."""


def _partial_index(table: Table, name: str, columns: str, condition: str) -> None:
    """Make an index of some rows with its table. As plain SQL, which both engines understand: SQLAlchemy would load both of
    its dialects to check the words."""
    statement = f"CREATE INDEX {name} ON {table.name} ({columns}) WHERE {condition}"
    event.listen(table, "after_create", DDL(statement))  # type: ignore[no-untyped-call]


_partial_index(deliveries, "ix_deliveries_rare", "account_id, result, id", RESULTS_WORTH_AN_INDEX)

events = _table(
    "events",
    _int("account_id"),
    _int("delivery_id"),
    _int("key"),
    _text("kind", nullable=False),
    _small("fact", nullable=True),
    _int("occurred_us"),
    _int("recorded_us"),
    _text("reason"),
    _text("detail"),
    _text("status"),
    _text("evidence"),
    PrimaryKeyConstraint("account_id", "delivery_id", "key"),
    clustered=True,
)
"""The ledger. Rows are appended and never changed, except that retention takes `evidence` away."""

_partial_index(events, "ix_events_evidence", "recorded_us", "evidence IS NOT NULL")

refusals = _table(
    "refusals",
    _int("account_id"),
    _int("id"),
    _text("via", nullable=False),
    _text("peer", nullable=False),
    _text("sender"),
    _text("recipient"),
    _text("code", nullable=False),
    _text("said", nullable=False),
    _text("evidence"),
    _int("occurred_us"),
    PrimaryKeyConstraint("account_id", "id"),
    Index(None, "occurred_us"),
    clustered=True,
)
"""Submissions that got an error reply (004, first step: Error). No delivery follows from them."""

queue = _table(
    "queue",
    _int("account_id"),
    _int("delivery_id"),
    _small("stage"),
    _small("holder", default=0),
    _small("tries", default=0),
    _int("due_us"),
    _int("expires_us"),
    _text("site", nullable=False),
    _text("waits"),
    _small("faults", default=0),
    PrimaryKeyConstraint("account_id", "delivery_id"),
    Index(None, "stage", "holder", "due_us"),
    clustered=True,
)
"""What to do next: one row for each delivery that has not ended. `holder` is the node that claimed it, 0 for none."""

sites = _table(
    "sites",
    Column("name", Text, primary_key=True),
    _int("node"),
    _int("connections"),
    _int("closed_until_us"),
    _text("why", nullable=False),
    _int("changed_us"),
)
"""What a node has learnt of a receiving site that the others should know: it wants fewer connections, or to be left alone."""

suppressions = _table(
    "suppressions",
    _int("account_id"),
    _text("folded", nullable=False),
    _text("stream", nullable=False),
    _text("cause", nullable=False),
    _text("origin", nullable=False),
    _int("created_us"),
    _int("expires_us", nullable=True),
    _int("delivery_id", nullable=True),
    _text("evidence"),
    _text("reason"),
    _text("site"),
    _small("tier", default=0),
    _small("provisional", default=0),
    _int("probe_id", nullable=True),
    _int("probe_until_us", nullable=True),
    PrimaryKeyConstraint("account_id", "folded", "stream"),
    clustered=True,
)
"""Addresses that are not to be mailed: `origin` is `learned` (Rejected, Dropped) or `configured` (Filtered). Stream '' is all.
When a learned entry has ended, one delivery (`probe_id`) is let through to see how things are."""

streaks = _table(
    "streaks",
    _int("account_id"),
    _text("folded", nullable=False),
    _text("counter", nullable=False),
    _int("number"),
    _int("first_us"),
    _int("last_us"),
    _int("last_delivery"),
    _int("reset_by", nullable=True),
    _int("reset_last", nullable=True),
    PrimaryKeyConstraint("account_id", "folded", "counter"),
    clustered=True,
)
"""What is counted for an address until a delivery comes in between. An address of which nothing bad was heard has no row."""

returned = _table(
    "returned",
    _int("account_id"),
    _int("id"),
    _text("recipient", nullable=False),
    _text("sender", nullable=False),
    _text("peer", nullable=False),
    Column("raw", LargeBinary, nullable=False),
    _int("received_us"),
    _small("faults", default=0),
    PrimaryKeyConstraint("account_id", "id"),
    clustered=True,
)
"""Mail that came back and has not been read yet; a row goes in the transaction that writes down what follows from it."""

unread_returns = _table(
    "unread_returns",
    _int("account_id"),
    _int("id"),
    _int("delivery_id", nullable=True),
    _text("recipient", nullable=False),
    _text("sender", nullable=False),
    _text("subject", nullable=False),
    _text("peer", nullable=False),
    _text("why", nullable=False),
    Column("raw", LargeBinary, nullable=False),
    _int("received_us"),
    PrimaryKeyConstraint("account_id", "id"),
    clustered=True,
)
"""Mail that came back and that no rule understands, or that is for a person; kept for a while, with the original."""

idempotency = _table(
    "idempotency",
    _int("account_id"),
    _text("key", nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    _int("message_id"),
    _int("created_us"),
    PrimaryKeyConstraint("account_id", "key"),
    Index(None, "created_us"),
    clustered=True,
)

counts = _table(
    "counts",
    _int("account_id"),
    _int("bucket_us"),
    _text("stream", nullable=False),
    _text("kind", nullable=False),
    _text("word", nullable=False),
    _small("node"),
    _int("number"),
    PrimaryKeyConstraint("account_id", "bucket_us", "stream", "kind", "word", "node"),
    clustered=True,
)
"""Deliveries by the hour in which they were created and by the word that a vocabulary gives them. A node counts in rows of
its own, so that nodes never wait for each other; readers add them up."""

audit = _table(
    "audit",
    _int("account_id"),
    _int("id"),
    _text("who", nullable=False),
    _text("did", nullable=False),
    _text("what", nullable=False),
    _int("occurred_us"),
    PrimaryKeyConstraint("account_id", "id"),
    clustered=True,
)
