"""Own what a person may do to webhooks: make, change, pause, resume, replay; and their secrets, which are kept sealed."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from aftersend import ids
from aftersend.clock import DAY, Instant, iso
from aftersend.control.seal import seal, unseal
from aftersend.control.secret import Secret
from aftersend.errors import BadField, Conflict
from aftersend.ledger.wanted import Wanted, types
from aftersend.mail import address
from aftersend.store import feed, hooks
from aftersend.store.connection import Connection
from aftersend.store.hooks import GIVEN_UP, WAITING, Hook

MOST = 50
"""So many webhooks an account may have."""
BATCH_MOST = 100
NAME_MOST = 100
WORDS_MOST = 50
BEHIND_MOST = 100_000
PREFIX = "whsec_"
LENGTH = 32
"""Bytes of a secret that we make; Standard Webhooks takes 24 to 64."""
BOTH_SIGN_US = DAY
"""For so long after a change of secrets both sign, so that a receiver can change over without losing an event."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a webhook is to be. None: as it is, or as is usual."""

    url: str | None = None
    name: str | None = None
    events: Sequence[str] | None = None
    streams: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    batch: int | None = None
    owner: str | None = None
    secret: str | None = None


def create(
    connection: Connection, account_id: int, hook_id: int, wish: Wish, *, secret: Secret, now: Instant
) -> tuple[Hook, str]:
    """Keep a new webhook, whose URL was checked; return it and the secret that signs. It is told what happens from now on.

    Raise BadField for what cannot be, Conflict for one too many.
    """
    if len(hooks.listed(connection, account_id)) >= MOST:
        raise Conflict(f"An account has {MOST} webhooks at the most; remove one, or let one endpoint hand events on.")
    text = wish.secret or new_secret()
    sealed = seal(secret, key_of(text), belongs_to=_place(account_id, hook_id))
    wanted = _wanted(wish, Wanted())
    hook = Hook(
        account_id, hook_id, _name(wish.name or ""), wish.url or "", wanted, _batch(1 if wish.batch is None else wish.batch), _owner(wish.owner),
        sealed, None, None, "active", None, 0, None, None, 0, None, 0, None, 0, now, now,
    )  # fmt: skip
    return hooks.add(connection, hook), text


def change(connection: Connection, account_id: int, hook_id: int, wish: Wish, *, now: Instant) -> Hook:
    """Change a webhook. Raise NotFound, BadField."""
    hook = hooks.one(connection, account_id, hook_id)
    values: dict[str, Any] = {"wanted": _wanted(wish, hook.wanted)}
    if wish.url is not None and wish.url != hook.url:
        values |= {"url": wish.url, "not_before_us": 0}
    if wish.name is not None:
        values["name"] = _name(wish.name)
    if wish.batch is not None:
        values["batch"] = _batch(wish.batch)
    if wish.owner is not None:
        values["owner"] = _owner(wish.owner)
    return hooks.change(connection, account_id, hook_id, now=now, **values)


def rotate(
    connection: Connection, account_id: int, hook_id: int, *, secret: Secret, now: Instant, text: str | None = None
) -> tuple[Hook, str]:
    """Give a webhook a new secret; the former one signs too for a day. Raise NotFound."""
    hook = hooks.one(connection, account_id, hook_id)
    text = text or new_secret()
    sealed = seal(secret, key_of(text), belongs_to=_place(account_id, hook_id))
    changed = hooks.change(
        connection, account_id, hook_id, now=now,
        secret=sealed, former_secret=hook.secret, former_until_us=now + BOTH_SIGN_US,
    )  # fmt: skip
    return changed, text


def pause(connection: Connection, account_id: int, hook_id: int, *, why: str, now: Instant) -> Hook:
    """Stop sending; what happens meanwhile is kept. Raise NotFound."""
    return hooks.change(connection, account_id, hook_id, now=now, state="paused", why=why)


def resume(connection: Connection, account_id: int, hook_id: int, *, now: Instant, skip: bool = False) -> Hook:
    """Go on sending where it was, or, with `skip`, with what happens from now on. Raise NotFound."""
    values: dict[str, Any] = {"state": "active", "why": None, "failures": 0, "failing_since_us": None}
    if skip:
        values["position"] = feed.last(connection, account_id)
        hooks.forget_waiting(connection, account_id, hook_id)
    else:
        hooks.wake_waiting(connection, account_id, hook_id, now=now)
    return hooks.change(connection, account_id, hook_id, now=now, not_before_us=0, **values)


def replay(
    connection: Connection,
    account_id: int,
    hook_id: int,
    *,
    now: Instant,
    sequence: int | None = None,
    since: Instant | None = None,
    until: Instant | None = None,
    failed: bool = False,
) -> int:
    """Send again one event, those of a time, or all that were given up; return how many there may be. Raise NotFound, BadField.

    What is sent again goes beside what is new; nothing is lost by it.
    """
    hook = hooks.one(connection, account_id, hook_id)
    if (sequence is not None) + (since is not None) + failed != 1:
        raise BadField("#/sequence", "Say one of sequence, since (with or without until), failed.")
    if failed:
        return hooks.replay_given_up(connection, account_id, hook_id, now=now)
    if sequence is not None:
        first, last = sequence - 1, sequence
    else:
        assert since is not None
        first = feed.first_at(connection, account_id, since)
        last = hook.position if until is None else feed.first_at(connection, account_id, until)
    last = min(last, hook.position)
    number = feed.behind(connection, account_id, first) - feed.behind(connection, account_id, last)
    if first < last and number > 0:
        hooks.replay_range(connection, account_id, hook_id, first=first, until=last)
        return number
    return 0


# ---- secrets -------------------------------------------------------------------------------------------------------


def new_secret() -> str:
    """Make a secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(LENGTH)).decode()


def key_of(text: str) -> bytes:
    """Return the bytes of a secret. Raise BadField when it is none."""
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise BadField("#/secret", f"A secret is {PREFIX} and 24 to 64 bytes in base64. Leave it out, and we make one.")
    return key


def keys_of(secret: Secret, hook: Hook, now: Instant) -> list[bytes]:
    """Return the keys that sign for a webhook now, the new one first."""
    place = _place(hook.account_id, hook.id)
    keys = [_opened(secret, hook.secret, place)]
    if hook.former_secret is not None and hook.former_until_us is not None and now < hook.former_until_us:
        keys.append(_opened(secret, hook.former_secret, place))
    return keys


@lru_cache(maxsize=1000)
def _opened(secret: Secret, sealed: bytes, place: str) -> bytes:
    return unseal(secret, sealed, belongs_to=place)


def _place(account_id: int, hook_id: int) -> str:
    return f"account {account_id}, webhook {ids.show('whk', hook_id)}"


# ---- words ---------------------------------------------------------------------------------------------------------


def told(connection: Connection, hook: Hook) -> dict[str, Any]:
    """Write a webhook as the API and the command line show it."""
    counted = hooks.how_many_wait(connection, hook.account_id, hook.id)
    behind = feed.behind(connection, hook.account_id, hook.position, at_most=BEHIND_MOST)
    return {
        "id": ids.show("whk", hook.id),
        "name": hook.name,
        "url": hook.url,
        "events": list(hook.wanted.events),
        "streams": list(hook.wanted.streams),
        "tags": list(hook.wanted.tags),
        "batch": hook.batch,
        "owner": hook.owner,
        "state": hook.state,
        "why": hook.why,
        "failures": hook.failures,
        "failing_since": _moment(hook.failing_since_us),
        "next_try_at": _moment(hook.not_before_us or None),
        "good_at": _moment(hook.good_us),
        "sequence": hook.position,
        "behind": behind,
        "behind_is_exact": behind < BEHIND_MOST,
        "waiting": counted.get(WAITING, 0),
        "given_up": counted.get(GIVEN_UP, 0),
        "replaying": hook.again_from is not None,
        "created_at": _moment(hook.created_us),
        "changed_at": _moment(hook.changed_us),
    }


def told_attempt(row: dict[str, Any]) -> dict[str, Any]:
    """Write an attempt."""
    return {
        "id": ids.show("att", row["id"]),
        "at": _moment(row["at_us"]),
        "outcome": row["outcome"],
        "status": row["status"],
        "answer": row["answer"],
        "request": row["request"],
        "events": row["number"],
        "types": [kind for kind in row["types"].split(",") if kind],
        "first_sequence": row["sequence"],
        "last_sequence": row["last"],
        "try": row["try_number"],
        "took_ms": row["took_us"] // 1000,
        "bytes": row["sent_bytes"],
        "ip": row["host"],
    }


def told_waiting(row: dict[str, Any]) -> dict[str, Any]:
    """Write an event that was not taken."""
    return {
        "sequence": row["sequence"],
        "delivery_id": ids.show("dlv", row["delivery_id"]),
        "event_id": ids.show("evt", row["key"]),
        "recipient": row["recipient"],
        "state": "given_up" if row["state"] == GIVEN_UP else "waiting",
        "tries": row["tries"],
        "next_try_at": None if row["state"] == GIVEN_UP else _moment(row["due_us"]),
        "said": row["said"],
    }


def _moment(instant: Instant | None) -> str | None:
    return None if instant is None else iso(instant)


def _wanted(wish: Wish, otherwise: Wanted) -> Wanted:
    wanted = otherwise
    if wish.events is not None:
        wanted = replace(wanted, events=types(wish.events, "#/events"))
    for field, words in (("streams", wish.streams), ("tags", wish.tags)):
        if words is None:
            continue
        if len(words) > WORDS_MOST or any(not word or len(word) > 200 or "\0" in word for word in words):
            raise BadField(f"#/{field}", f"Give {WORDS_MOST} {field} at the most, of 1 to 200 characters each.")
        wanted = replace(wanted, **{field: tuple(dict.fromkeys(words))})
    return wanted


def _name(text: str) -> str:
    if len(text) > NAME_MOST or not text.isprintable():
        raise BadField("#/name", f"A name has {NAME_MOST} characters at the most, and no line breaks.")
    return text


def _batch(number: int) -> int:
    if not 1 <= number <= BATCH_MOST:
        raise BadField("#/batch", f"One request carries 1 to {BATCH_MOST} events, not {number}.")
    return number


def _owner(text: str | None) -> str | None:
    return str(address.parse(text, pointer="#/owner")) if text else None
