"""Tell customers by mail what they asked to be told by mail (RFC 3461 NOTIFY): failure, delay, success.

Only whoever said NOTIFY at submission is told, at the envelope sender of that submission, which was authenticated; so a
forged sender gets nothing from us. A report is a message like any other, with an empty return path, and it is handed to
the store in the same breath as the outcome that it reports, so a crash loses neither or both.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aftersend import ids
from aftersend.clock import Clock
from aftersend.errors import AftersendError
from aftersend.intake.accept import FLAG_RET_FULL, Intake, Origin, Recipient, Request
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import meaning
from aftersend.logs import Logger
from aftersend.mail import address, dsn
from aftersend.mail.address import Mailbox
from aftersend.smtp.parameters import from_xtext
from aftersend.store.queue import Claim

log = Logger("intake")

WANTED: dict[Fact, tuple[str, dsn.Action, str]] = {
    Fact.DELIVERED: ("SUCCESS", dsn.Action.DELIVERED, "2.0.0"),
    Fact.RELAYED: ("SUCCESS", dsn.Action.RELAYED, "2.0.0"),
    Fact.DEFERRED: ("DELAY", dsn.Action.DELAYED, "4.0.0"),
    Fact.GAVE_UP: ("FAILURE", dsn.Action.FAILED, "5.4.7"),
    Fact.BOUNCED: ("FAILURE", dsn.Action.FAILED, "5.0.0"),
    Fact.BOUNCED_INVALID: ("FAILURE", dsn.Action.FAILED, "5.1.1"),
    Fact.REJECTED_AS_SPAM: ("FAILURE", dsn.Action.FAILED, "5.7.1"),
    Fact.SUPPRESSED: ("FAILURE", dsn.Action.FAILED, "5.7.1"),
    Fact.BLOCKLISTED: ("FAILURE", dsn.Action.FAILED, "5.7.1"),
}
"""Which word of NOTIFY asks for a report of a fact, what the report calls it, and the status where no server gave one."""
DELAY_TOLD_AT_TRY = 6
"""After so many tries, four hours by the usual plan, a sender who asked for it is told of the delay, once."""


class Notices:
    """Writes the reports. `about` is called with every outcome of a delivery."""

    def __init__(self, intake: Intake, clock: Clock, ids_: ids.IdSource, *, hostname: str) -> None:
        self._intake = intake
        self._clock = clock
        self._ids = ids_
        self._hostname = hostname

    def about(
        self, claim: Claim, fact: Fact, *, status: str, said: str, host: str, reason: str | None, body: bytes
    ) -> None:
        """Report an outcome if the sender asked for that; nothing otherwise."""
        wanted = WANTED.get(fact)
        if not claim.notify or not claim.sender or wanted is None or wanted[0] not in claim.notify:
            return
        if fact is Fact.DEFERRED and claim.tries + 1 != DELAY_TOLD_AT_TRY:
            return
        try:
            content = self._report(claim, wanted, status=status, said=said, host=host, reason=reason, body=body)
            to = address.parse(claim.sender)
            request = Request(
                Origin(claim.account_id, "report", "", self._hostname),
                "",
                [Recipient(claim.sender, to.folded, to.domain)],
                content,
                idempotency_key=f"report/{ids.encode(claim.delivery_id)}/{wanted[1].value}",
            )
            self._intake.accept(request).add_done_callback(_heard)
        except (AftersendError, ValueError) as error:
            log.warning("report_not_written", delivery_id=ids.show("dlv", claim.delivery_id), error=str(error))

    def _report(
        self, claim: Claim, wanted: tuple[str, dsn.Action, str], *, status: str, said: str, host: str, reason: str | None, body: bytes
    ) -> bytes:  # fmt: skip
        _, action, otherwise = wanted
        now = self._clock()
        failed = action in (dsn.Action.FAILED, dsn.Action.DELAYED)
        recipient = dsn.Recipient(
            claim.recipient,
            action,
            status if status.startswith(otherwise[0]) else otherwise,
            meaning(reason).why if reason and failed else said,
            original=from_xtext(claim.orcpt) if claim.orcpt else None,
            reply=said,
            remote=host,
            last_attempt_us=now,
            retry_until_us=claim.expires_us if action is dsn.Action.DELAYED else None,
        )
        report = dsn.Report(
            reporting_mta=self._hostname,
            sender=Mailbox("Mail Delivery", address.parse(f"postmaster@{self._from_domain(claim)}")),
            to=Mailbox("", address.parse(claim.sender)),
            recipients=[recipient],
            arrived_us=claim.received_us,
            original_header=claim.headers,
            original_body=body if claim.flags & FLAG_RET_FULL and action is dsn.Action.FAILED else None,
            envid=from_xtext(claim.envid) if claim.envid else None,
        )
        return dsn.write(report, message_id=f"<{ids.show('dsn', self._ids())}@{self._hostname}>", date_us=now)

    def _from_domain(self, claim: Claim) -> str:
        """Our own name; a machine without a full one borrows the customer's domain."""
        return self._hostname if "." in self._hostname else claim.sender.rpartition("@")[2]


def _heard(done: asyncio.Future[Any]) -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None:
        log.warning("report_not_written", error=str(error))
