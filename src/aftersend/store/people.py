"""Own the people who use the console: users, what they may do in which account, sessions, links that work once.

Knows nothing of passwords but their hashes, nothing of sessions and links but their digests, and does not know what a
role allows (`control.people`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from aftersend.clock import Instant
from aftersend.errors import Conflict, NotFound
from aftersend.store.schema import accounts
from aftersend.store.schema.people import links, memberships, sessions, users


@dataclass(frozen=True, slots=True)
class User:
    """A person who may sign in."""

    id: int
    email: str
    name: str
    password: str | None
    totp: bytes | None
    totp_step: int
    preferences: dict[str, Any]
    created_us: Instant
    signed_in_us: Instant | None
    disabled_us: Instant | None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, and the account that they look at."""

    user: User
    account_id: int
    account: str
    role: str
    digest: bytes
    peer: str
    agent: str
    created_us: Instant
    seen_us: Instant
    ends_us: Instant


@dataclass(frozen=True, slots=True)
class Link:
    """A link that works once: for one user, or, without one, for whoever comes first."""

    digest: bytes
    account_id: int
    user_id: int | None
    role: str
    ends_us: Instant


def _user(row: Row[Any]) -> User:
    return User(
        row.id,
        row.email,
        row.name,
        row.password,
        None if row.totp is None else bytes(row.totp),
        row.totp_step,
        msgspec.json.decode(row.preferences),
        row.created_us,
        row.signed_in_us,
        row.disabled_us,
    )


def is_anybody_there(connection: Connection) -> bool:
    """Say whether there is a user who has chosen a password."""
    return connection.execute(select(users.c.id).where(users.c.password.is_not(None)).limit(1)).first() is not None


def add(connection: Connection, user_id: int, *, email: str, name: str, password: str | None, now: Instant) -> None:
    """Make a user. Raise Conflict if there is one with this address."""
    if connection.execute(select(users.c.id).where(users.c.email == email)).first() is not None:
        raise Conflict(f"There is a user {email} already.")
    connection.execute(
        insert(users).values(
            id=user_id, email=email, name=name, password=password, preferences="{}", created_us=now, totp_step=0
        )
    )


def join(connection: Connection, account_id: int, user_id: int, role: str, *, now: Instant) -> None:
    """Give a user a role in an account, in place of any that they had there."""
    _leave(connection, account_id, user_id)
    connection.execute(insert(memberships).values(account_id=account_id, user_id=user_id, role=role, created_us=now))


def leave(connection: Connection, account_id: int, user_id: int) -> None:
    """Take a user out of an account and end their sessions there. Raise NotFound."""
    if not _leave(connection, account_id, user_id):
        raise NotFound("There is no such user in this account.")
    connection.execute(delete(sessions).where(sessions.c.account_id == account_id, sessions.c.user_id == user_id))


def _leave(connection: Connection, account_id: int, user_id: int) -> int:
    gone = delete(memberships).where(memberships.c.account_id == account_id, memberships.c.user_id == user_id)
    return connection.execute(gone).rowcount


def by_email(connection: Connection, email: str) -> User | None:
    """Find a user by their folded address."""
    row = connection.execute(select(users).where(users.c.email == email)).first()
    return None if row is None else _user(row)


def one(connection: Connection, user_id: int) -> User:
    """Return a user. Raise NotFound."""
    row = connection.execute(select(users).where(users.c.id == user_id)).first()
    if row is None:
        raise NotFound("There is no such user.")
    return _user(row)


def of_account(connection: Connection, account_id: int) -> list[tuple[User, str]]:
    """List the users of an account with their roles, by address."""
    found = connection.execute(
        select(users, memberships.c.role)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.account_id == account_id)
        .order_by(users.c.email)
    )
    return [(_user(row), row.role) for row in found]


def role_in(connection: Connection, account_id: int, user_id: int) -> str | None:
    """Return a user's role in an account."""
    found = connection.execute(
        select(memberships.c.role).where(memberships.c.account_id == account_id, memberships.c.user_id == user_id)
    ).scalar()
    return None if found is None else str(found)


def accounts_of(connection: Connection, user_id: int) -> list[tuple[int, str, str]]:
    """List the accounts that a user may look at, by name: id, name, role."""
    found = connection.execute(
        select(accounts.c.id, accounts.c.name, memberships.c.role)
        .join(memberships, memberships.c.account_id == accounts.c.id)
        .where(memberships.c.user_id == user_id)
        .order_by(accounts.c.name)
    )
    return [(row.id, row.name, row.role) for row in found]


def set_password(connection: Connection, user_id: int, password: str) -> None:
    """Keep another password's hash, and end all sessions of the user."""
    connection.execute(update(users).where(users.c.id == user_id).values(password=password))
    connection.execute(delete(sessions).where(sessions.c.user_id == user_id))


def set_totp(connection: Connection, user_id: int, sealed: bytes | None) -> None:
    """Keep the sealed secret of an authenticator, or none."""
    connection.execute(update(users).where(users.c.id == user_id).values(totp=sealed, totp_step=0))


def use_step(connection: Connection, user_id: int, step: int) -> bool:
    """Use up a code of an authenticator; whether it, and no later one, had been used before is told by False."""
    done = connection.execute(
        update(users).where(users.c.id == user_id, users.c.totp_step < step).values(totp_step=step)
    )
    return done.rowcount == 1


def prefer(connection: Connection, user_id: int, name: str, preferences: dict[str, Any]) -> None:
    """Keep how a user is called and wants to see things."""
    kept = msgspec.json.encode(preferences).decode()
    connection.execute(update(users).where(users.c.id == user_id).values(name=name, preferences=kept))


# ---- sessions ------------------------------------------------------------------------------------------------------


def begin(
    connection: Connection,
    digest: bytes,
    *,
    user_id: int,
    account_id: int,
    peer: str,
    agent: str,
    now: Instant,
    ends_us: Instant,
) -> None:
    """Keep a new session; those that have ended go."""
    connection.execute(delete(sessions).where(sessions.c.ends_us <= now))
    connection.execute(
        insert(sessions).values(
            digest=digest, user_id=user_id, account_id=account_id, peer=peer, agent=agent,
            created_us=now, seen_us=now, ends_us=ends_us,
        )
    )  # fmt: skip
    connection.execute(update(users).where(users.c.id == user_id).values(signed_in_us=now))


_SESSIONS = (
    select(
        users,
        memberships.c.role,
        accounts.c.name.label("account"),
        sessions.c.account_id,
        sessions.c.digest,
        sessions.c.peer,
        sessions.c.agent,
        sessions.c.created_us.label("begun_us"),
        sessions.c.seen_us,
        sessions.c.ends_us,
    )
    .select_from(sessions)
    .join(users, users.c.id == sessions.c.user_id)
    .join(
        memberships,
        (memberships.c.user_id == sessions.c.user_id) & (memberships.c.account_id == sessions.c.account_id),
    )
    .join(accounts, accounts.c.id == sessions.c.account_id)
    .where(users.c.disabled_us.is_(None))
)


def _session(row: Row[Any]) -> Session:
    return Session(
        _user(row), row.account_id, row.account, row.role, bytes(row.digest),
        row.peer, row.agent, row.begun_us, row.seen_us, row.ends_us,
    )  # fmt: skip


def session(connection: Connection, digest: bytes, *, now: Instant) -> Session | None:
    """Find a session that has not ended, of a user who may still look at its account."""
    row = connection.execute(_SESSIONS.where(sessions.c.digest == digest, sessions.c.ends_us > now)).first()
    return None if row is None else _session(row)


def sessions_of(connection: Connection, user_id: int, *, now: Instant) -> list[Session]:
    """List where a user is signed in, the latest first."""
    wanted = _SESSIONS.where(sessions.c.user_id == user_id, sessions.c.ends_us > now)
    return [_session(row) for row in connection.execute(wanted.order_by(sessions.c.seen_us.desc()))]


def seen(connection: Connection, digest: bytes, *, now: Instant, ends_us: Instant) -> None:
    """Note that a session is in use, and let it last longer."""
    connection.execute(update(sessions).where(sessions.c.digest == digest).values(seen_us=now, ends_us=ends_us))


def look_at(connection: Connection, digest: bytes, account_id: int) -> None:
    """Let a session look at another account."""
    connection.execute(update(sessions).where(sessions.c.digest == digest).values(account_id=account_id))


def end(connection: Connection, digest: bytes) -> None:
    """End a session."""
    connection.execute(delete(sessions).where(sessions.c.digest == digest))


def end_others(connection: Connection, user_id: int, digest: bytes) -> int:
    """End all sessions of a user but one; return how many."""
    gone = delete(sessions).where(sessions.c.user_id == user_id, sessions.c.digest != digest)
    return connection.execute(gone).rowcount


# ---- links that work once ------------------------------------------------------------------------------------------


def add_link(connection: Connection, link: Link, *, now: Instant) -> None:
    """Keep a link, in place of earlier ones for the same user (or for the first one), and of those that are over."""
    same = links.c.user_id.is_(None) if link.user_id is None else links.c.user_id == link.user_id
    connection.execute(delete(links).where(or_(same, links.c.ends_us <= now)))
    connection.execute(
        insert(links).values(
            digest=link.digest,
            account_id=link.account_id,
            user_id=link.user_id,
            role=link.role,
            created_us=now,
            ends_us=link.ends_us,
        )
    )


def end_links(connection: Connection, user_id: int) -> None:
    """Make the links of a user useless."""
    connection.execute(delete(links).where(links.c.user_id == user_id))


def link(connection: Connection, digest: bytes, *, now: Instant) -> Link:
    """Return a link that still works. Raise NotFound."""
    row = connection.execute(select(links).where(links.c.digest == digest, links.c.ends_us > now)).first()
    if row is None:
        raise NotFound("This link has been used or is too old; ask for another one.")
    return Link(bytes(row.digest), row.account_id, row.user_id, row.role, row.ends_us)


def use_link(connection: Connection, digest: bytes, *, now: Instant) -> Link:
    """Return a link and make it useless. Raise NotFound if it was used before."""
    found = link(connection, digest, now=now)
    if connection.execute(delete(links).where(links.c.digest == digest)).rowcount != 1:
        raise NotFound("This link has been used; ask for another one.")
    return found
