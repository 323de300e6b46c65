"""Own API keys: how they look, how they are made, and who somebody is who shows one.

A key is shown once. What is kept is its SHA-256, which needs no slow hash, since a key has 256 random bits. The checksum in
a key lets secret scanners recognise it and lets us tell a mistyped key without asking the store.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import secrets
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from aftersend.clock import MINUTE, SECOND, Clock, Instant
from aftersend.errors import AftersendError, BadField, NotAllowed, Unauthenticated
from aftersend.store import Store, accounts
from aftersend.store.accounts import Key
from aftersend.store.connection import Connection

KINDS = ("live", "test")
SCOPES = ("send", "read", "admin", "operate")
"""`operate` is for those who run the installation: credits, and whatever else an account must not give to itself."""
EVERYTHING = "*"
"""All scopes; `operate` only for keys of the first account, which is the operator's own."""
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH = 43
_CHECK_LENGTH = 6
_SHOWN = 14
"""So many characters of a key are kept and shown, to tell keys apart."""

REMEMBERED_US = 5 * SECOND
"""For how long a key that was found is not looked up again: so long does a revoked key still work at the most."""
USE_NOTED_US = MINUTE
FAILURES_ALLOWED = 20
"""So many failed tries a minute are answered to one address; then it is told to wait."""


class TooManyTries(AftersendError):
    """Too many wrong keys came from one address."""

    code = "too-many-requests"
    status = 429
    smtp = (454, "4.7.0")


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_LENGTH)


def digest_of(secret: str) -> bytes:
    """Return what is kept of a key."""
    return hashlib.sha256(secret.encode()).digest()


def make_key(kind: str = "live") -> tuple[str, str, bytes]:
    """Make a key: the secret to show once, the beginning by which people know it, and the digest to keep."""
    if kind not in KINDS:
        raise BadField("#/kind", f"A key is {' or '.join(KINDS)}, not {kind[:40]!r}.")
    body = f"as_{kind}_{_base62(int.from_bytes(secrets.token_bytes(32), 'big'), _SECRET_LENGTH)}"
    secret = body + _check(body)
    return secret, secret[:_SHOWN], digest_of(secret)


def looks_like_key(text: str) -> bool:
    """Say whether the text has the form and the checksum of a key."""
    body, check = text[:-_CHECK_LENGTH], text[-_CHECK_LENGTH:]
    kinds = tuple(f"as_{kind}_" for kind in KINDS)
    return (
        body.startswith(kinds)
        and len(body) == len(kinds[0]) + _SECRET_LENGTH
        and text.isascii()
        and _check(body) == check
    )


def checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes in order, each once. Raise BadField that names the one that is not known."""
    known = (*SCOPES, EVERYTHING)
    wanted = list(dict.fromkeys(scopes))
    for i, scope in enumerate(wanted):
        if scope not in known:
            raise BadField(
                f"#/scopes/{i}",
                f"{scope[:40]!r} is not a scope; a key may have {', '.join(known)}.",
                code="unknown-scope",
            )
    if not wanted:
        raise BadField("#/scopes", f"Give the key at least one scope: {', '.join(known)}.", code="unknown-scope")
    return tuple(scope for scope in known if scope in wanted)


def checked_networks(networks: Iterable[str]) -> tuple[str, ...]:
    """Return the networks in their usual form. Raise BadField that names the one that is none."""
    found = []
    for i, text in enumerate(networks):
        try:
            found.append(str(ipaddress.ip_network(text.strip(), strict=False)))
        except ValueError:
            raise BadField(
                f"#/networks/{i}",
                f"{text[:60]!r} is not a network; write 192.0.2.0/24 or 2001:db8::/32.",
                code="invalid-network",
            ) from None
    return tuple(found)


def create(
    connection: Connection,
    account_id: int,
    key_id: int,
    *,
    name: str,
    scopes: Sequence[str],
    networks: Sequence[str] = (),
    kind: str = "live",
    now: Instant,
) -> str:
    """Make and keep a key; return the secret, which cannot be shown again. Raise BadField for what cannot be kept."""
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise BadField("#/name", "A key has a name of 1 to 100 printable characters, such as “web shop”.")
    allowed, places = checked_scopes(scopes), checked_networks(networks)
    secret, prefix, digest = make_key(kind)
    accounts.add_key(
        connection,
        account_id,
        key_id,
        name=name,
        prefix=prefix,
        digest=digest,
        scopes=allowed,
        networks=places,
        now=now,
    )
    return secret


PRACTICE_KEYS_KEPT = 5


async def practice_key(store: Store, now: Instant, key_id: int) -> str:
    """Make a key for the practice world, with every scope; the oldest of many such keys stop working."""
    return await store.run(_practice_key, key_id, now=now)


def _practice_key(connection: Connection, key_id: int, *, now: Instant) -> str:
    account_id = accounts.FIRST_ACCOUNT
    name = "practice"
    standing = [key for key in accounts.keys_of(connection, account_id) if key.name == name and key.revoked_us is None]
    for old in standing[: max(0, len(standing) - PRACTICE_KEYS_KEPT + 1)]:
        accounts.revoke_key(connection, account_id, old.id, now=now)
    return create(connection, account_id, key_id, name=name, scopes=[EVERYTHING], kind="test", now=now)


class Keys:
    """Knows who somebody is by the key they show. One for each process; all faces ask it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._found: dict[bytes, tuple[Instant, Key]] = {}
        self._noted: dict[int, Instant] = {}
        self._failures: dict[str, list[Instant]] = {}
        self._noting: set[asyncio.Task[Any]] = set()

    async def authenticate(self, text: str, peer: str, *, scope: str | None = None) -> Key:
        """Return the key that the text is, if it may be used from `peer` for `scope`.

        Raise Unauthenticated for what is not a key of ours, NotAllowed for one that may not do this, TooManyTries when one
        address shows wrong keys again and again. A right key is never made to wait.
        """
        text = text.strip()
        key = await self._find(text) if looks_like_key(text) else None
        if key is None:
            self._failed(peer)
            raise Unauthenticated(
                "This is not a key of ours, or it was revoked. Make one with “aftersend key create NAME”, and give all of it."
                if text
                else "A key is needed: “Authorization: Bearer as_live_…” over HTTP, or as the password over SMTP."
            )
        self._failures.pop(peer, None)
        if key.networks and not _is_within(peer, key.networks):
            raise NotAllowed(
                f"The key “{key.name}” may not be used from {peer}; it is for {', '.join(key.networks)}.",
                code="network-not-allowed",
            )
        if scope is not None and not may(key, scope):
            raise NotAllowed(
                f"The key “{key.name}” may not do this: it needs the scope “{scope}”, and has {', '.join(key.scopes)}.",
                code="scope-missing",
            )
        self._note_use(key)
        return key

    async def _find(self, text: str) -> Key | None:
        digest = digest_of(text)
        now = self._clock()
        known = self._found.get(digest)
        if known is not None and now < known[0]:
            return known[1]
        key = await self._store.ask(accounts.key_by_digest, digest)
        if key is None:
            self._found.pop(digest, None)
        else:
            if len(self._found) > 10_000:
                self._found.clear()
            self._found[digest] = (now + REMEMBERED_US, key)
        return key

    def forget(self) -> None:
        """Look every key up again at its next use; called when keys were changed here."""
        self._found.clear()

    def delay_after_failure(self, peer: str) -> float:
        """Say how long to wait before answering a failed try, in seconds; longer for whoever fails again and again."""
        return min(0.25 * 2.0 ** len(self._failures.get(peer, ())), 5.0)

    def _failed(self, peer: str) -> None:
        now = self._clock()
        if len(self._failures) > 10_000:
            self._failures.clear()
        recent = self._failures[peer] = [at for at in self._failures.get(peer, ()) if at > now - MINUTE][
            -FAILURES_ALLOWED:
        ]
        if len(recent) >= FAILURES_ALLOWED:
            raise TooManyTries(
                "Too many wrong keys came from your address; wait a minute, then try again with the right one."
            )
        recent.append(now)

    def _note_use(self, key: Key) -> None:
        """Write down that a key is in use, once a minute; nobody waits for it."""
        now = self._clock()
        if now - self._noted.get(key.id, key.used_us or 0) < USE_NOTED_US:
            return
        self._noted[key.id] = now
        task = asyncio.ensure_future(self._store.run(accounts.used_key, [(key.account_id, key.id, now)]))
        self._noting.add(task)
        task.add_done_callback(self._note_done)

    def _note_done(self, task: asyncio.Task[Any]) -> None:
        self._noting.discard(task)
        if not task.cancelled():
            task.exception()


def may(key: Key, scope: str) -> bool:
    """Say whether a key may do what needs this scope."""
    if scope == "operate" and key.account_id != accounts.FIRST_ACCOUNT:
        return scope in key.scopes
    return scope in key.scopes or EVERYTHING in key.scopes


def _is_within(peer: str, networks: Sequence[str]) -> bool:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ipaddress.ip_network(network) for network in networks)
