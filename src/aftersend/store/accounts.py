"""Own accounts and what belongs to one: keys, streams, sending domains with their DKIM keys, and the audit of changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from aftersend import ids
from aftersend.clock import DAY, HOUR, SECOND, Instant
from aftersend.errors import Conflict, NotFound
from aftersend.store.schema import accounts, audit, dkim_keys, domains, keys, streams

FIRST_ACCOUNT = 1
DEFAULT_STREAMS = (("transactional", "transactional", 12 * HOUR), ("general", "general", 3 * DAY), ("broadcast", "broadcast", 3 * DAY))  # fmt: skip
"""Name, kind, and for how long a delivery is tried (features.md §5)."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it is kept: its digest finds it, the secret itself is not stored."""

    account_id: int
    id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    created_us: Instant
    used_us: Instant | None
    revoked_us: Instant | None


@dataclass(frozen=True, slots=True)
class Stream:
    """A kind of mail with its own rules: for how long it is tried, and how it is treated."""

    name: str
    kind: str
    lifetime_s: int
    settings: dict[str, Any]

    @property
    def hours(self) -> str:
        """In which hours its mail may go out, as `policy.windows` reads them; "" for any time."""
        return str(self.settings.get("hours", ""))

    @property
    def rate(self) -> str:
        """How fast its mail may go out, as `policy.pace` reads it; "" for no limit."""
        return str(self.settings.get("rate", ""))


@dataclass(frozen=True, slots=True)
class DkimRow:
    """A signing key as it is kept: sealed private part, public TXT record."""

    account_id: int
    domain: str
    selector: str
    algorithm: str
    sealed: bytes
    record: str
    created_us: Instant
    active_us: Instant | None
    retired_us: Instant | None


def ensure_first(connection: Connection, *, now: Instant) -> bool:
    """Make the first account, with its streams, if there is none; whether it was made."""
    if connection.execute(select(accounts.c.id).limit(1)).first() is not None:
        return False
    create(connection, FIRST_ACCOUNT, "default", now=now)
    return True


def create(connection: Connection, account_id: int, name: str, *, now: Instant) -> None:
    """Make an account with the usual streams. Raise Conflict if the name is taken."""
    if connection.execute(select(accounts.c.id).where(accounts.c.name == name)).first() is not None:
        raise Conflict(f"There is already an account named {name!r}.")
    connection.execute(insert(accounts).values(id=account_id, name=name, created_us=now, settings="{}"))
    for stream, kind, lifetime in DEFAULT_STREAMS:
        add_stream(connection, account_id, stream, kind=kind, lifetime_s=lifetime // SECOND, now=now)


def listed(connection: Connection) -> list[dict[str, Any]]:
    """List the accounts."""
    found = connection.execute(select(accounts).order_by(accounts.c.id))
    return [{"id": row.id, "name": row.name, "created_us": row.created_us} for row in found]


def named(connection: Connection, name: str) -> int:
    """Return the id of the account with this name or number. Raise NotFound."""
    is_number = name.isascii() and name.isdigit() and len(name) <= 19 and int(name) <= ids.MOST
    condition = accounts.c.id == int(name) if is_number else accounts.c.name == name.replace("\0", " ")
    found = connection.execute(select(accounts.c.id).where(condition)).scalar()
    if found is None:
        raise NotFound(f"There is no account {name!r}.")
    return int(found)


def rename(connection: Connection, account_id: int, name: str) -> None:
    """Give an account another name."""
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(name=name))


# ---- streams -------------------------------------------------------------------------------------------------------


def add_stream(
    connection: Connection,
    account_id: int,
    name: str,
    *,
    kind: str,
    lifetime_s: int,
    now: Instant,
    hours: str = "",
    rate: str = "",
) -> None:
    """Make a stream, or change its kind, lifetime, hours (as `policy.windows` reads them) and rate (`policy.pace`)."""
    chosen = {"hours": hours, "rate": rate}
    settings = msgspec.json.encode({key: said for key, said in chosen.items() if said}).decode()
    connection.execute(delete(streams).where(streams.c.account_id == account_id, streams.c.name == name))
    connection.execute(
        insert(streams).values(
            account_id=account_id, name=name, kind=kind, lifetime_s=lifetime_s, created_us=now, settings=settings
        )
    )


def all_streams(connection: Connection) -> dict[tuple[int, str], Stream]:
    """Return every stream of every account, by account and name."""
    return {
        (row.account_id, row.name): Stream(row.name, row.kind, row.lifetime_s, msgspec.json.decode(row.settings))
        for row in connection.execute(select(streams))
    }


def stream_names(connection: Connection, account_id: int) -> list[str]:
    """Return the names of an account's streams, sorted."""
    found = connection.execute(select(streams.c.name).where(streams.c.account_id == account_id))
    return sorted(found.scalars())


# ---- keys ----------------------------------------------------------------------------------------------------------


def add_key(
    connection: Connection,
    account_id: int,
    key_id: int,
    *,
    name: str,
    prefix: str,
    digest: bytes,
    scopes: Sequence[str],
    networks: Sequence[str],
    now: Instant,
) -> None:
    """Keep a new key."""
    connection.execute(
        insert(keys).values(
            account_id=account_id,
            id=key_id,
            name=name,
            prefix=prefix,
            digest=digest,
            scopes=" ".join(scopes),
            networks=" ".join(networks),
            created_us=now,
        )
    )


def _key(row: Any) -> Key:
    return Key(
        row.account_id,
        row.id,
        row.name,
        row.prefix,
        tuple(row.scopes.split()),
        tuple(row.networks.split()),
        row.created_us,
        row.used_us,
        row.revoked_us,
    )


def key_by_digest(connection: Connection, digest: bytes) -> Key | None:
    """Find a key that has not been revoked."""
    row = connection.execute(select(keys).where(keys.c.digest == digest, keys.c.revoked_us.is_(None))).first()
    return None if row is None else _key(row)


def keys_of(connection: Connection, account_id: int) -> list[Key]:
    """List an account's keys, revoked ones too, oldest first."""
    found = connection.execute(select(keys).where(keys.c.account_id == account_id).order_by(keys.c.id))
    return [_key(row) for row in found]


def revoke_key(connection: Connection, account_id: int, key_id: int, *, now: Instant) -> None:
    """Make a key useless from now on. Raise NotFound."""
    done = connection.execute(
        update(keys)
        .where(keys.c.account_id == account_id, keys.c.id == key_id, keys.c.revoked_us.is_(None))
        .values(revoked_us=now)
    )
    if done.rowcount == 0:
        raise NotFound("There is no such key, or it was revoked before.")


def used_key(connection: Connection, used: Sequence[tuple[int, int, Instant]]) -> None:
    """Note when keys were last used: (account, key, when)."""
    for account_id, key_id, when in used:
        connection.execute(
            update(keys).where(keys.c.account_id == account_id, keys.c.id == key_id).values(used_us=when)
        )


# ---- sending domains -----------------------------------------------------------------------------------------------


def add_domain(connection: Connection, account_id: int, name: str, *, now: Instant) -> None:
    """Add a sending domain, not yet verified. Raise Conflict if it is there."""
    if connection.execute(
        select(domains.c.name).where(domains.c.account_id == account_id, domains.c.name == name)
    ).first():
        raise Conflict(f"{name} was added before.")
    connection.execute(insert(domains).values(account_id=account_id, name=name, created_us=now, findings="[]"))


def domains_of(connection: Connection, account_id: int) -> list[dict[str, Any]]:
    """List an account's sending domains with what the last check found, and whether mail from them is signed."""
    found = connection.execute(select(domains).where(domains.c.account_id == account_id).order_by(domains.c.name))
    signing = set(
        connection.execute(
            select(dkim_keys.c.domain).where(
                dkim_keys.c.account_id == account_id,
                dkim_keys.c.active_us.is_not(None),
                dkim_keys.c.retired_us.is_(None),
            )
        ).scalars()
    )
    return [
        {
            "name": row.name,
            "created_us": row.created_us,
            "verified_us": row.verified_us,
            "checked_us": row.checked_us,
            "signs": row.name in signing,
            "findings": msgspec.json.decode(row.findings),
        }
        for row in found
    ]


def all_domains(connection: Connection) -> dict[tuple[int, str], bool]:
    """Return every sending domain of every account, and whether it is verified."""
    found = connection.execute(select(domains.c.account_id, domains.c.name, domains.c.verified_us))
    return {(row.account_id, row.name): row.verified_us is not None for row in found}


def checked_domain(
    connection: Connection, account_id: int, name: str, *, findings: list[dict[str, Any]], verified: bool, now: Instant
) -> None:
    """Keep what a check found; a domain once verified stays so until a check says otherwise."""
    values: dict[str, Any] = {"checked_us": now, "findings": msgspec.json.encode(findings).decode()}
    values["verified_us"] = now if verified else None
    done = connection.execute(
        update(domains).where(domains.c.account_id == account_id, domains.c.name == name).values(**values)
    )
    if done.rowcount == 0:
        raise NotFound(f"{name} is not a sending domain of this account.")


def remove_domain(connection: Connection, account_id: int, name: str) -> None:
    """Remove a sending domain and its keys. Raise NotFound."""
    done = connection.execute(delete(domains).where(domains.c.account_id == account_id, domains.c.name == name))
    if done.rowcount == 0:
        raise NotFound(f"{name} is not a sending domain of this account.")
    connection.execute(delete(dkim_keys).where(dkim_keys.c.account_id == account_id, dkim_keys.c.domain == name))


def add_dkim_key(connection: Connection, key: DkimRow) -> None:
    """Keep a signing key."""
    connection.execute(
        insert(dkim_keys).values(
            account_id=key.account_id,
            domain=key.domain,
            selector=key.selector,
            algorithm=key.algorithm,
            sealed=key.sealed,
            record=key.record,
            created_us=key.created_us,
            active_us=key.active_us,
            retired_us=key.retired_us,
        )
    )


def retire_dkim_key(connection: Connection, account_id: int, domain: str, selector: str, *, now: Instant) -> None:
    """Stop signing with a key; its record may be taken from the DNS a week later."""
    connection.execute(
        update(dkim_keys)
        .where(dkim_keys.c.account_id == account_id, dkim_keys.c.domain == domain, dkim_keys.c.selector == selector)
        .values(retired_us=now)
    )


def dkim_keys_of(connection: Connection, account_id: int | None = None, domain: str | None = None) -> list[DkimRow]:
    """List signing keys: all, of an account, or of one domain; oldest first."""
    wanted = select(dkim_keys).order_by(dkim_keys.c.created_us, dkim_keys.c.selector)
    if account_id is not None:
        wanted = wanted.where(dkim_keys.c.account_id == account_id)
    if domain is not None:
        wanted = wanted.where(dkim_keys.c.domain == domain)
    return [
        DkimRow(
            row.account_id,
            row.domain,
            row.selector,
            row.algorithm,
            bytes(row.sealed),
            row.record,
            row.created_us,
            row.active_us,
            row.retired_us,
        )
        for row in connection.execute(wanted)
    ]


# ---- audit ---------------------------------------------------------------------------------------------------------


def note(
    connection: Connection, account_id: int, audit_id: int, *, who: str, did: str, what: str, now: Instant
) -> None:
    """Write down who changed what."""
    connection.execute(
        insert(audit).values(account_id=account_id, id=audit_id, who=who, did=did, what=what, occurred_us=now)
    )


def noted(
    connection: Connection, account_id: int, *, limit: int = 100, before: int | None = None, part: str = ""
) -> list[dict[str, Any]]:
    """List the latest changes, newest first: those before one of them, those in which a text is part of who, did or what."""
    wanted = select(audit).where(audit.c.account_id == account_id)
    if before is not None:
        wanted = wanted.where(audit.c.id < before)
    if part:
        columns = (audit.c.who, audit.c.did, audit.c.what)
        # Beside the text in small letters as it stands: SQLite makes only ASCII small.
        forms = [(one, part) for one in columns] + [(func.lower(one), part.lower()) for one in columns]
        wanted = wanted.where(or_(*(one.contains(text, autoescape=True) for one, text in forms)))
    found = connection.execute(wanted.order_by(audit.c.id.desc()).limit(limit))
    return [dict(row._mapping) for row in found]
