"""Read complaints: feedback reports (RFC 5965) and the plain copies that some providers send instead."""

from __future__ import annotations

import re
from functools import cache

from aftersend.ledger.reasons import Reason
from aftersend.policy.diagnosis.findings import Action
from aftersend.policy.diagnosis.prose import addresses
from aftersend.policy.diagnosis.reports import address_of
from aftersend.policy.diagnosis.tables import uses

_AUTHENTICATION = ("auth-failure", "dmarc", "dkim", "spf", "xarf")
_NO_COMPLAINT = ("not-spam", "not_spam")
_REDACTED = re.compile(r"redacted|xxxx|\*{3}|removed|hidden|undisclosed", re.IGNORECASE)


@cache
def _names() -> tuple[str, ...]:
    """Return the header fields by which plain copies name who complained."""
    return tuple(uses("signs.tsv", "|")["complaint"])


def meaning_of(fields: dict[str, str]) -> tuple[Action, Reason, str | None]:
    """Return what a feedback report is: a complaint, a report about authentication, or the taking back of a complaint."""
    kind = fields.get("feedback-type", "abuse").lower().strip()
    if kind.startswith(_AUTHENTICATION):
        return Action.NOT_A_BOUNCE, Reason.NOT_A_BOUNCE, "auth_failure_report"
    if kind.startswith(_NO_COMPLAINT):
        return Action.NOT_A_BOUNCE, Reason.NOT_A_BOUNCE, "not_spam"
    return Action.FEEDBACK, Reason.COMPLAINT, kind[:40] or None


def recipients_of(fields: dict[str, str], quoted: dict[str, str]) -> tuple[str, ...]:
    """Return who complained, as far as the report tells: none for one that was redacted."""
    for name in ("original-rcpt-to", "removal-recipient", "original-recipient"):
        if (found := address_of(fields.get(name, ""))) and not _REDACTED.search(found):
            return (found,)
    for name in (*_names(), "to"):
        if (found := address_of(quoted.get(name, ""))) and not _REDACTED.search(found):
            return (found,)
    return ()


def plain_copy_of(headers: dict[str, str], quoted: dict[str, str]) -> str:
    """Return who complained by a plain copy with a header that names them, or ""."""
    for name in _names():
        value = quoted.get(name) or headers.get(name)
        if value and (found := addresses(value)):
            return found[0]
    return ""
