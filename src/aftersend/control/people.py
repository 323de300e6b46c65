"""Own who may use the console: roles and what they allow, passwords, sessions, links that work once.

Passwords are kept as Argon2id (RFC 9106) with the parameters that OWASP names for servers. What a browser or a link holds
has 256 random bits, so its SHA-256 is enough to keep.
"""

from __future__ import annotations

import hashlib
import os
import secrets

from aftersend.clock import DAY, HOUR, Instant
from aftersend.errors import BadField, Conflict
from aftersend.mail import address
from aftersend.store import people
from aftersend.store.connection import Connection
from aftersend.store.people import Link, User

ROLES: dict[str, str] = {
    "owner": "May do everything, and say who else may.",
    "admin": "May change domains, keys, streams, suppressions and the queue.",
    "sender": "May send mail and keep templates, contacts and lists.",
    "moderator": "May decide about mail that waits for a person, and hold or release it.",
    "analyst": "May look at everything and change nothing.",
}
ALLOWED: dict[str, frozenset[str]] = {
    "owner": frozenset({"read", "send", "moderate", "admin", "people"}),
    "admin": frozenset({"read", "send", "moderate", "admin"}),
    "sender": frozenset({"read", "send"}),
    "moderator": frozenset({"read", "moderate"}),
    "analyst": frozenset({"read"}),
}
"""What each role may do."""

SESSION_US = 12 * HOUR
"""A session that nobody uses ends after this."""
SESSION_MOST_US = 30 * DAY
LINK_US = DAY
PASSWORD_LEAST, PASSWORD_MOST = 10, 256
_COMMON = frozenset({"1234567890", "password123", "qwertyuiop", "passwordpassword", "0123456789", "aftersend123"})


def checked_role(role: str) -> str:
    """Return a role that exists. Raise BadField."""
    if role not in ROLES:
        raise BadField("#/role", f"A role is {', '.join(ROLES)}, not {role[:40]!r}.")
    return role


def checked_email(text: str) -> str:
    """Return the folded address by which a person signs in. Raise BadField."""
    return address.parse(text.strip(), pointer="#/email").folded


def checked_name(text: str) -> str:
    """Return what a person is called. Raise BadField."""
    name = " ".join(text.split())
    if not name or len(name) > 100 or not name.isprintable():
        raise BadField("#/name", "Give a name of 1 to 100 characters.")
    return name


def checked_password(password: str) -> str:
    """Return a password that is good enough: long, and not one that everybody tries first. Raise BadField."""
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        raise BadField("#/password", f"A password has {PASSWORD_LEAST} to {PASSWORD_MOST} characters.")
    if password.lower() in _COMMON or len(set(password)) < 4:
        raise BadField("#/password", "This password is among the first that anybody would try; choose another.")
    return password


def hashed(password: str) -> str:
    """Return the Argon2id hash of a password in PHC form. Takes some 40 ms and 19 MiB."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    return Argon2id(salt=os.urandom(16), length=32, iterations=2, lanes=1, memory_cost=19 * 1024).derive_phc_encoded(
        password.encode()
    )


def is_password(password: str, kept: str) -> bool:
    """Say whether a password is the one of which this hash was kept."""
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        Argon2id.verify_phc_encoded(password.encode(), kept)
    except InvalidKey:
        return False
    return True


def fresh_token() -> tuple[str, bytes]:
    """Return a token to hand out, and the digest to keep."""
    token = secrets.token_urlsafe(32)
    return token, digest_of(token)


def digest_of(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def ends(begun_us: Instant, now: Instant) -> Instant:
    """Say when a session that is used now ends if it is not used again."""
    return min(now + SESSION_US, begun_us + SESSION_MOST_US)


def invite(
    connection: Connection, account_id: int, user_id: int, *, email: str, name: str, role: str, now: Instant
) -> str | None:
    """Give a person a role in an account, making the user if need be; return the link's token, or None when that person
    has a password already. Raise BadField.
    """
    email, role = checked_email(email), checked_role(role)
    known = people.by_email(connection, email)
    if known is None:
        people.add(connection, user_id, email=email, name=checked_name(name or email), password=None, now=now)
    else:
        user_id = known.id
        _check_invited(connection, account_id, known, role)
    people.join(connection, account_id, user_id, role, now=now)
    return None if known is not None and known.password else link(connection, account_id, user_id, role, now=now)


def _check_invited(connection: Connection, account_id: int, known: User, role: str) -> None:
    """A link opens all accounts of its user: those made for one account must not open another. Raise Conflict."""
    if role != "owner":
        keep_an_owner(connection, account_id, known.id)
    is_elsewhere = any(number != account_id for number, _, _ in people.accounts_of(connection, known.id))
    if is_elsewhere and known.password is None:
        raise Conflict(
            f"{known.email} has been invited to another account and has not chosen a password yet; invite them when they "
            "have. Whoever runs this service can make them another link: aftersend user link EMAIL"
        )
    people.end_links(connection, known.id)


def keep_an_owner(connection: Connection, account_id: int, leaving: int) -> None:
    """Raise Conflict if an account would have no owner without this user."""
    owners = [user.id for user, role in people.of_account(connection, account_id) if role == "owner"]
    if owners == [leaving]:
        raise Conflict("This is the only owner; make somebody else owner first.")


def link(connection: Connection, account_id: int, user_id: int | None, role: str, *, now: Instant) -> str:
    """Make a link that works once, for a day: for a user to choose a password, or for the first user; return its token."""
    token, digest = fresh_token()
    people.add_link(connection, Link(digest, account_id, user_id, role, now + LINK_US), now=now)
    return token


def accept(
    connection: Connection, token: str, user_id: int, *, email: str, name: str, password: str, now: Instant
) -> tuple[int, int]:
    """Use a link: keep the password (a hash) of its user, or make the first user; return (user, account). Raise NotFound if
    the link is used or too old.
    """
    used = people.use_link(connection, digest_of(token), now=now)
    if used.user_id is not None:
        people.set_password(connection, used.user_id, password)
        return used.user_id, used.account_id
    people.add(connection, user_id, email=email, name=name, password=password, now=now)
    people.join(connection, used.account_id, user_id, used.role, now=now)
    return user_id, used.account_id
