"""The tables of broadcasts: contacts and their addresses, lists, consent, templates, broadcasts and what is said to each recipient."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, PrimaryKeyConstraint

from aftersend.store.schema.columns import integer, small, table, words

contacts = table(
    "contacts",
    integer("account_id"),
    integer("id"),
    words("name", nullable=False),
    words("attributes", nullable=False),
    integer("created_us"),
    integer("changed_us"),
    PrimaryKeyConstraint("account_id", "id"),
    clustered=True,
)
"""People. `attributes` (JSON) is what merge tags find."""

contact_addresses = table(
    "contact_addresses",
    integer("account_id"),
    words("folded", nullable=False),
    words("address", nullable=False),
    integer("contact_id"),
    integer("place"),
    words("types", nullable=False),
    PrimaryKeyConstraint("account_id", "folded"),
    Index(None, "account_id", "contact_id"),
    clustered=True,
)
"""The addresses of people, in the order of `place`; an address belongs to one person. `types` (a JSON list) are the types
of broadcast that it was chosen for; an empty list is all."""

lists = table(
    "lists",
    integer("account_id"),
    integer("id"),
    words("name", nullable=False),
    words("about", nullable=False),
    integer("created_us"),
    PrimaryKeyConstraint("account_id", "id"),
    Index("uq_lists_name", "account_id", "name", unique=True),
)

list_members = table(
    "list_members",
    integer("account_id"),
    integer("list_id"),
    integer("contact_id"),
    integer("since_us"),
    PrimaryKeyConstraint("account_id", "list_id", "contact_id"),
    Index(None, "account_id", "contact_id"),
    clustered=True,
)

imports = table(
    "imports",
    integer("account_id"),
    integer("id"),
    words("who", nullable=False),
    words("wanted", nullable=False),
    words("state", nullable=False),
    words("why"),
    Column("file", LargeBinary, nullable=True),
    integer("total"),
    integer("rows"),
    integer("wrong"),
    integer("created"),
    integer("changed"),
    integer("holder"),
    integer("look_us", nullable=True),
    integer("created_us"),
    integer("ended_us", nullable=True),
    PrimaryKeyConstraint("account_id", "id"),
    Index(None, "look_us"),
)
"""Files of contacts that are taken in beside everything else. `wanted` (JSON) says how, `file` is there until it was read;
`total` is the number of its lines, `rows` how many were read. `look_us` and `holder` as in `broadcasts`."""

import_rows = table(
    "import_rows",
    integer("account_id"),
    integer("import_id"),
    words("folded", nullable=False),
    words("address", nullable=False),
    integer("contact_id"),
    integer("known_id", nullable=True),
    words("name", nullable=False),
    words("attributes", nullable=False),
    PrimaryKeyConstraint("account_id", "import_id", "folded"),
    clustered=True,
)
"""People of a file that are not contacts yet: all of them become it in one transaction. `known_id` is whose an address is."""

import_faults = table(
    "import_faults",
    integer("account_id"),
    integer("import_id"),
    integer("line"),
    words("row", nullable=False),
    words("why", nullable=False),
    PrimaryKeyConstraint("account_id", "import_id", "line"),
    clustered=True,
)
"""Rows of a file that were left out."""

consents = table(
    "consents",
    integer("account_id"),
    integer("id"),
    integer("contact_id"),
    words("type", nullable=False),
    words("state", nullable=False),
    words("source", nullable=False),
    words("wording", nullable=False),
    words("evidence"),
    integer("occurred_us"),
    PrimaryKeyConstraint("account_id", "id"),
    Index(None, "account_id", "contact_id"),
    clustered=True,
)
"""Who agreed to what, and who took it back: only ever added to; the latest of a person and a type of broadcast counts, type ''
is all. `wording` says which text was shown."""

opt_ins = table(
    "opt_ins",
    Column("digest", LargeBinary, primary_key=True),
    integer("account_id"),
    integer("contact_id"),
    integer("list_id", nullable=True),
    words("folded", nullable=False),
    words("type", nullable=False),
    words("wording", nullable=False),
    integer("message_id"),
    integer("asked_us"),
    integer("expires_us"),
    integer("answered_us", nullable=True),
    Index(None, "account_id", "contact_id"),
    Index(None, "expires_us"),
)
"""Requests to confirm an address. The link in the mail has a secret; its SHA-256 is kept here."""

templates = table(
    "templates",
    integer("account_id"),
    words("name", nullable=False),
    integer("version"),
    words("kind", nullable=False),
    words("subject", nullable=False),
    words("source", nullable=False),
    words("html"),
    words("text"),
    words("who", nullable=False),
    integer("created_us"),
    PrimaryKeyConstraint("account_id", "name", "version"),
)
"""Every version that was saved, and what was made of it: `html` with its styles in the elements, and `text`. The highest
version counts."""

broadcasts = table(
    "broadcasts",
    integer("account_id"),
    integer("id"),
    words("name", nullable=False),
    words("type", nullable=False),
    words("stream", nullable=False),
    words("state", nullable=False),
    words("content", nullable=False),
    words("audience", nullable=False),
    words("who", nullable=False),
    integer("message_id", nullable=True),
    small("part"),
    integer("place"),
    integer("people"),
    small("sweep"),
    integer("holder"),
    integer("look_us", nullable=True),
    integer("created_us"),
    integer("changed_us"),
    integer("scheduled_us", nullable=True),
    integer("started_us", nullable=True),
    integer("ended_us", nullable=True),
    PrimaryKeyConstraint("account_id", "id"),
    Index(None, "look_us"),
)
"""What goes to many. `part` and `place` say how far the audience has been written into `deliveries`, `people` how many that
are; they move in the same transaction. `look_us` is when a node looks at it next, NULL for never; `holder` is the node that
did last. `sweep` is 1 while deliveries that wait are still to follow a change of `state`."""

broadcast_rows = table(
    "broadcast_rows",
    integer("account_id"),
    integer("broadcast_id"),
    integer("number"),
    words("address", nullable=False),
    words("data", nullable=False),
    PrimaryKeyConstraint("account_id", "broadcast_id", "number"),
    clustered=True,
)
"""Recipients that were handed over with a broadcast, in their order, as they were written."""

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
