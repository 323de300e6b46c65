"""Read the fields of a delivery status notification (RFC 3464, RFC 6533), as they are and not as they should be."""

from __future__ import annotations

import re
from typing import NamedTuple

from aftersend.policy.diagnosis.findings import Action
from aftersend.policy.diagnosis.prose import ADDRESS, RECIPIENT_LIMIT

_FIELD = re.compile(r"\n[ \t>]*([A-Za-z][A-Za-z-]{1,60})[ \t]*:[ \t]*(.*(?:\n[ \t]+(?![A-Za-z-]{3,40}:).*)*)")
_ADDRESS = re.compile(ADDRESS)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_KIND = re.compile(r"^\s*[\w.-]{1,30}\s*;\s*")
_BLANK = re.compile(r"\n[ \t]*\n")
_NAMES_RECIPIENT = frozenset({"final-recipient", "original-recipient"})
_OPENS_GROUP = _NAMES_RECIPIENT | {"action"}
_WORD = re.compile(r"\s*([a-z]+)")
_ACTIONS = {
    "failed": Action.FAILED,
    "fail": Action.FAILED,
    "failure": Action.FAILED,
    "error": Action.FAILED,
    "delayed": Action.DELAYED,
    "deferred": Action.DELAYED,
    "delivered": Action.DELIVERED,
    "deliverable": Action.DELIVERED,
    "delivery": Action.DELIVERED,
    "success": Action.DELIVERED,
    "relayed": Action.DELIVERED,
    "expanded": Action.DELIVERED,
}


class RecipientReport(NamedTuple):
    """What the report says of one recipient. `said_action` is its own word: relayed and expanded are kept apart there."""

    recipient: str
    final: str
    action: Action
    said_action: str
    status: str
    diagnostic: str


class StatusReport(NamedTuple):
    """A report: the fields about the message, by lower-case name, and one entry for each recipient."""

    fields: dict[str, str]
    recipients: tuple[RecipientReport, ...]


def read_report(text: str) -> StatusReport:
    """Read the fields of a report; groups are parted by blank lines, or by a recipient named again."""
    about_message: dict[str, str] = {}
    groups: list[dict[str, str]] = []
    for block in _BLANK.split(text):
        fields = _FIELD.findall("\n" + block)
        group = {name.lower(): value for name, value in reversed(fields)}
        if _OPENS_GROUP.isdisjoint(group):
            about_message |= {
                name: _unfolded(value) for name, value in reversed(group.items()) if name not in about_message
            }
        elif len(group) == len(fields):
            groups.append(group)
        else:
            groups += _parted(fields)
    reports = [_recipient(group) for group in groups[:RECIPIENT_LIMIT]]
    return StatusReport(about_message, tuple(report for report in reports if report))


def _parted(fields: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Part the fields of a block in which a recipient may be named again; of any other field the first counts."""
    groups: list[dict[str, str]] = [{}]
    for name, value in fields:
        name = name.lower()
        if name in groups[-1] and name in _NAMES_RECIPIENT:
            groups.append({})
        groups[-1].setdefault(name, value)
    return [group for group in groups if not _OPENS_GROUP.isdisjoint(group)]


def _unfolded(value: str) -> str:
    """Return a value with one space wherever it has several, or a fold."""
    return " ".join(value.split()) if "\n" in value or "  " in value or "\t" in value else value.strip()


def _recipient(group: dict[str, str]) -> RecipientReport | None:
    status_field = group.get("status", "")
    status = _STATUS.search(status_field)
    word = _WORD.match(group.get("action", "").lower())
    said = word[1] if word else ""
    if said in _ACTIONS:
        action = _ACTIONS[said]
    elif status:
        action = {"2": Action.DELIVERED, "4": Action.DELAYED}.get(status[0][0], Action.FAILED)
    elif "final-recipient" in group:
        action = Action.FAILED
    else:
        return None
    final = address_of(group.get("final-recipient", ""))
    original = address_of(group.get("original-recipient", "")) or address_of(group.get("x-original-to", ""))
    recipient = original or final or address_of(group.get("x-actual-recipient", ""))
    diagnostic = _unfolded(group.get("diagnostic-code", ""))
    return RecipientReport(recipient, final, action, said, status[0] if status else "", diagnostic)


def address_of(value: str) -> str:
    """Return the address in a recipient field, lower case, or "": typed or not, xtext (RFC 3461 §4), UTF-8 (RFC 6533)."""
    if not value:
        return ""
    kind = _KIND.match(value)
    text = value[kind.end() :] if kind else value
    if "\\x{" in text:
        text = _UNITEXT.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)), text)
    if "+2B" in text or "+3D" in text:
        text = _XTEXT.sub(lambda found: chr(int(found[1], 16)), text)
    found = _ADDRESS.search(text)
    return found[0].rstrip(".").lower() if found else ""


def words_of(diagnostic: str) -> str:
    """Return a diagnostic without the name of its kind (smtp; X-Postfix; …)."""
    kind = _KIND.match(diagnostic)
    return diagnostic[kind.end() :] if kind else diagnostic
