"""Own sending again what came to nothing: the same content to the same recipient, as a new message with a history of its own.

What failed stays failed in the ledger. Each delivery is sent again once at the most, however often it is asked for, so a run
that was cut short is simply begun anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from aftersend.clock import Instant
from aftersend.control.queue_verbs import Actor, Done
from aftersend.errors import BadField
from aftersend.ids import IdSource, show
from aftersend.ledger.events import key_of
from aftersend.ledger.facts import Fact, bits_of
from aftersend.store import again, record
from aftersend.store.again import Past
from aftersend.store.connection import Connection
from aftersend.store.record import Entry

RESEND = "resend"
VIA = "resend"
"""By which way such a message came."""
FAILED = bits_of(
    (
        Fact.GAVE_UP, Fact.BOUNCED, Fact.BOUNCED_INVALID, Fact.REJECTED_AS_SPAM, Fact.EXPIRED, Fact.SUPPRESSED,
        Fact.BLOCKLISTED, Fact.INVALID_ADDRESS,
    )
)  # fmt: skip
"""What has come to nothing, and might not the next time."""
SKIPPED_BECAUSE = {
    "not_ended": "It has not ended; try it now instead (retry).",
    "not_failed": "It did not fail: it arrived, was stopped by a person, or never had an address.",
    "sent_again": "It was sent again before.",
    "malformed": "The message cannot be sent as it is; mend it, and send a new one.",
    "listed": "The address is on a list of those that are not mailed; take it off first.",
    "content_gone": "Its content is no longer kept.",
    "stream_gone": "Its stream is gone.",
}
"""Why a delivery was not sent again, in plain words."""

Enter = Callable[[int, str, Sequence[tuple[str, str, str, str | None, str | None]]], tuple[list[Entry], int, int]]
"""Lets recipients (address, folded, domain, NOTIFY, ORCPT) of an account's stream in: entries, lifetime in µs, lane."""


def resend(
    connection: Connection,
    account_id: int,
    delivery_ids: Sequence[int],
    *,
    by: Actor,
    enter: Enter,
    ids: IdSource,
    now: Instant,
    preview: bool = False,
) -> Done:
    """Send again those of the deliveries that failed, in one transaction; with `preview` only say which that would be."""
    found = again.past(connection, account_id, delivery_ids)
    listed = again.stopped(connection, account_id, {(p.folded, p.domain, p.stream) for p in found}, now=now)
    told = Done()
    wanted: dict[int, list[Past]] = {}
    for each in found:
        why_not = _why_not(each) or ("listed" if (each.folded, each.stream) in listed else "")
        if why_not:
            told.skipped[each.delivery_id] = why_not
        else:
            wanted.setdefault(each.message_id, []).append(each)
    steps: list[record.Step] = []
    for message_id, theirs in wanted.items():
        try:
            recipients = [(p.recipient, p.folded, p.domain, p.notify, p.orcpt) for p in theirs]
            entries, lifetime, lane = enter(account_id, theirs[0].stream, recipients)
        except BadField:
            told.skipped |= {p.delivery_id: "stream_gone" for p in theirs}
            continue
        told.done += [p.delivery_id for p in theirs]
        if preview:
            continue
        pairs = list(zip((p.delivery_id for p in theirs), entries, strict=True))
        received = {"via": VIA, "peer": "", "hello": "", "tls": "", "user": by.name}
        again.write(
            connection, account_id, message_id, ids(), pairs, said={"via": VIA, "key_id": None}, received=_json(received),
            now=now, expires_us=now + lifetime, lane=lane,
        )  # fmt: skip
        for before, entry in pairs:
            steps += _noted(account_id, before, entry.id, by, now)
    record.steps(connection, steps)
    return told


def _why_not(each: Past) -> str:
    if each.is_waiting:
        return "not_ended"
    if _key(each.delivery_id, "as") in each.notes:
        return "sent_again"
    if each.facts & Fact.MALFORMED.bit:
        return "malformed"
    if not each.facts & FAILED:
        return "not_failed"
    return "" if each.has_content else "content_gone"


def _noted(account_id: int, before: int, after: int, by: Actor, now: Instant) -> list[record.Step]:
    """Say in both histories what follows what."""
    who = {"kind": "person", "by": by.name} | ({"why": by.why} if by.why else {})
    return [
        _note(account_id, before, "as", {**who, "as": show("dlv", after)}, now),
        _note(account_id, after, "of", {**who, "of": show("dlv", before)}, now),
    ]


def _note(account_id: int, delivery_id: int, side: str, evidence: Mapping[str, Any], now: Instant) -> record.Step:
    key = _key(delivery_id, side)
    row = record.event_row(
        account_id, delivery_id, key, again.SENT_AGAIN, None, now, now, evidence=_json(evidence)
    )  # fmt: skip
    return record.Step(account_id, delivery_id, [row], 0, now, is_note=True)


def _key(delivery_id: int, side: str) -> int:
    """The key of the note: a delivery is sent again as one other, and is at most one other sent again."""
    return key_of(again.SENT_AGAIN, delivery_id, side)


def _json(said: Mapping[str, Any]) -> str:
    return msgspec.json.encode(said).decode()
