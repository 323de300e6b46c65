"""Own what moderators do: decide about messages, one or many, say why, and say how an account's mail is moderated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aftersend.clock import Instant
from aftersend.errors import BadField, NotFound
from aftersend.ids import IdSource, show
from aftersend.ledger.moments import iso
from aftersend.policy import moderation as policy
from aftersend.store import accounts, moderation
from aftersend.store.connection import Connection
from aftersend.store.moderation import ACCEPTED, PASSED, PENDING, PLATFORM, QUARANTINED, STATES

ACCEPT, QUARANTINE = ACTIONS = ("accept", "quarantine")
REASON_MOST = 500
AT_ONCE = 1000
"""So many messages are decided about in one transaction."""
LEFT_ALONE = {
    ACCEPTED: "It was accepted before.",
    QUARANTINED: "A moderator said no before.",
    PASSED: "Nothing speaks against it; it needs no decision.",
    "unknown": "There is no such message before the moderator.",
}
"""Why a message was left alone, in plain words."""


def decide(
    connection: Connection,
    action: str,
    message_ids: Sequence[int],
    *,
    account_id: int | None,
    reason: str,
    teach: bool,
    who: str,
    ids: IdSource,
    now: Instant,
) -> dict[str, Any]:
    """Say yes or no to messages of an account, or of all (None); their deliveries follow at once, however many.

    A no needs a reason, which the sender sees. A no can still become a yes; a yes is not taken back, since mail may be on
    its way. With `teach`, the anti-spam engines learn from it. Raise BadField.
    """
    if action not in ACTIONS:
        raise BadField(
            "#/action", f"{action[:40]!r} cannot be done; choose {' or '.join(ACTIONS)}.", code="unknown-action"
        )
    if len(message_ids) > AT_ONCE:
        raise BadField("#/ids", f"{AT_ONCE} messages can be decided about at once; there are {len(message_ids)}.")
    reason = checked_reason(reason, is_needed=action == QUARANTINE)
    done: list[int] = []
    for owner, theirs in sorted(moderation.owners(connection, message_ids).items()):
        if account_id is not None and owner != account_id:
            continue
        changed = moderation.decide(
            connection, owner, theirs, accept=action == ACCEPT, by=who, reason=reason, teach=teach, now=now
        )
        done += changed
        if changed:
            what = ", ".join(show("msg", message) for message in changed[:20])
            what += f" and {len(changed) - 20} more" if len(changed) > 20 else ""
            did = "accepted mail" if action == ACCEPT else "quarantined mail"
            accounts.note(
                connection,
                owner,
                audit_id=ids(),
                who=who,
                did=did,
                what=f"{what}: {reason}" if reason else what,
                now=now,
            )
    return {"done": len(done), "skipped": _skipped(connection, message_ids, done, account_id)}


def _skipped(
    connection: Connection, wanted: Sequence[int], done: Sequence[int], account_id: int | None
) -> dict[str, int]:
    rest = set(wanted) - set(done)
    told: dict[str, int] = {}
    for owner, theirs in moderation.owners(connection, sorted(rest)).items():
        for (_, message), case in moderation.cases(connection, [(owner, each) for each in theirs]).items():
            if account_id in (None, owner):
                rest.discard(message)
                told[case.state] = told.get(case.state, 0) + 1
    return told | ({"unknown": len(rest)} if rest else {})


def checked_reason(reason: str, *, is_needed: bool) -> str:
    """Return the reason as it is kept. Raise BadField."""
    reason = " ".join(reason.split())
    if is_needed and not reason:
        raise BadField("#/reason", "Say why, for the sender: what is against the rules, and what to mend.")
    if len(reason) > REASON_MOST or not reason.isprintable():
        raise BadField("#/reason", f"A reason has {REASON_MOST} characters at the most.")
    return reason


def listed(
    connection: Connection,
    *,
    account_id: int | None,
    state: str | None = None,
    text: str | None = None,
    rule: str | None = None,
    limit: int,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """List messages that were judged, newest first. Raise BadField for a state or a rule that there is not."""
    _check(state, rule)
    found = moderation.page(
        connection, account_id=account_id, states=(state,) if state else (), text=text, rule=rule, limit=limit,
        before=before,
    )  # fmt: skip
    names = {row["id"]: row["name"] for row in accounts.listed(connection)} if found else {}
    return [_told(row, names) for row in found]


def _check(state: str | None, rule: str | None) -> None:
    if state is not None and state not in STATES:
        raise BadField("#/state", f"{state[:40]!r} is no state; choose {', '.join(STATES)}.")
    if rule is not None and rule not in policy.RULES:
        raise BadField("#/rule", f"{rule[:40]!r} is no rule; choose {', '.join(policy.RULES)}.")


def found_by(
    connection: Connection,
    *,
    account_id: int | None,
    state: str | None,
    text: str | None,
    rule: str | None,
    limit: int,
    before: int | None = None,
) -> list[int]:
    """Return messages that a filter finds, newest first, for a decision about many: a page of them. Raise BadField."""
    _check(state, rule)
    return moderation.numbers(
        connection, account_id=account_id, states=(state,) if state else (), text=text, rule=rule, limit=limit,
        before=before,
    )  # fmt: skip


def how_many(
    connection: Connection, *, account_id: int | None, state: str | None, text: str | None, rule: str | None
) -> int:
    """Count the messages that a filter finds, up to 100,000. Raise BadField."""
    _check(state, rule)
    return moderation.how_many(
        connection, account_id=account_id, states=(state,) if state else (), text=text, rule=rule
    )


def whole(connection: Connection, account_id: int | None, message_id: int) -> dict[str, Any]:
    """Return one message before the moderator, with its first recipients. Raise NotFound."""
    for owner in moderation.owners(connection, [message_id]):
        if account_id not in (None, owner):
            break
        row, *_ = moderation.page(connection, account_id=owner, limit=1, before=message_id + 1)
        names = {each["id"]: each["name"] for each in accounts.listed(connection)}
        _, first = moderation.recipients_of(connection, owner, message_id)
        return {**_told(row, names), "first_recipients": first, "account_id": owner}
    raise NotFound("There is no such message before the moderator.")


def _told(row: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    return {
        "id": show("msg", row["message_id"]),
        "account": names.get(row["account_id"], str(row["account_id"])),
        "state": row["state"],
        "why": row["why"],
        "subject": row["subject"],
        "from": row["header_from"],
        "sender": row["sender"],
        "stream": row["stream"],
        "via": row["via"],
        "recipients": row["recipients"],
        "findings": row["findings"]["findings"],
        "engines": row["findings"]["engines"],
        "received_at": iso(row["created_us"]),
        "decided_at": None if row["decided_us"] is None else iso(row["decided_us"]),
        "decided_by": row["decided_by"],
        "reason": row["reason"],
    }


def oversee(connection: Connection, account_id: int, *, mode: str, first: int, now: Instant) -> dict[str, Any]:
    """Say how an account's mail is moderated, or that of all without a rule of their own (0). Raise BadField."""
    checked = policy.oversight(mode, first)
    moderation.oversee(connection, account_id, mode=checked.mode, first=checked.first, now=now)
    return rule_of(connection, account_id)


def rule_of(connection: Connection, account_id: int) -> dict[str, Any]:
    """Say how an account's mail is moderated, and how much awaits a moderator."""
    found = moderation.overseen(connection)
    mode, first = found.get(account_id) or found.get(PLATFORM) or (policy.OFF, policy.Oversight().first)
    return {
        "mode": mode,
        "first": first,
        "is_own": account_id in found,
        "pending": moderation.waiting(connection, None if account_id == PLATFORM else account_id),
    }


__all__ = [
    "ACTIONS", "LEFT_ALONE", "PENDING", "decide", "found_by", "how_many", "listed", "oversee", "rule_of", "whole",
]  # fmt: skip
