"""The tables of people who use the console: users, what they may do where, sessions, one-time links, saved searches."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, PrimaryKeyConstraint

from aftersend.store.schema.columns import integer, table, words

users = table(
    "users",
    integer("id"),
    words("email", nullable=False),
    words("name", nullable=False),
    words("password"),
    Column("totp", LargeBinary, nullable=True),
    integer("totp_step", default=0),
    words("preferences", nullable=False),
    integer("created_us"),
    integer("signed_in_us", nullable=True),
    integer("disabled_us", nullable=True),
    PrimaryKeyConstraint("id"),
    Index("uq_users_email", "email", unique=True),
)
"""People. `email` is folded; `password` is an Argon2id hash in PHC form, NULL until one is chosen; `totp` the sealed secret
of an authenticator, `totp_step` the last of its codes that was used; `preferences` is JSON."""

memberships = table(
    "memberships",
    integer("account_id"),
    integer("user_id"),
    words("role", nullable=False),
    integer("created_us"),
    PrimaryKeyConstraint("account_id", "user_id"),
    Index(None, "user_id"),
    clustered=True,
)

sessions = table(
    "sessions",
    Column("digest", LargeBinary, nullable=False),
    integer("user_id"),
    integer("account_id"),
    words("peer", nullable=False),
    words("agent", nullable=False),
    integer("created_us"),
    integer("seen_us"),
    integer("ends_us"),
    PrimaryKeyConstraint("digest"),
    Index(None, "user_id"),
)
"""Who is signed in. Only the SHA-256 of what the browser holds is kept."""

links = table(
    "user_links",
    Column("digest", LargeBinary, nullable=False),
    integer("account_id"),
    integer("user_id", nullable=True),
    words("role", nullable=False),
    integer("created_us"),
    integer("ends_us"),
    PrimaryKeyConstraint("digest"),
)
"""Links that work once: to choose a password, or, without a user, to make the first one."""

saved_searches = table(
    "saved_searches",
    integer("account_id"),
    integer("user_id"),
    words("name", nullable=False),
    words("query", nullable=False),
    integer("created_us"),
    PrimaryKeyConstraint("account_id", "user_id", "name"),
    clustered=True,
)
