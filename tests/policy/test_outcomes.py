"""What an attempt means: which fact, whether it goes on, and what it says of the site."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.ledger.conservation import is_ended
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.policy import outcomes
from aftersend.policy.diagnosis import diagnose_reply
from aftersend.smtp.reply import Reply, parse

REPLIES = [
    ("550 5.1.1 <ann@example.net>: Recipient address rejected: User unknown", Fact.BOUNCED_INVALID, "invalid_recipient"),
    ("550 5.1.2 Bad destination mailbox address", Fact.BOUNCED_INVALID, None),
    ("550 No such user here", Fact.BOUNCED_INVALID, "invalid_recipient"),
    ("552 5.2.2 Mailbox full", Fact.BOUNCED, "mailbox_full"),
    ("452 4.2.2 Mailbox full", Fact.DEFERRED, "mailbox_full"),
    ("554 5.7.1 Message rejected as spam", Fact.REJECTED_AS_SPAM, "spam_rejected"),
    ("550 5.7.1 Blocked: your IP is listed on a block list", Fact.REJECTED_AS_SPAM, "policy_blocked"),
    ("550 5.7.26 This message does not pass authentication checks (SPF and DKIM)", Fact.BOUNCED, "policy_blocked"),
    ("552 5.3.4 Message too big for system", Fact.BOUNCED, "data_format_error"),
    ("554 5.7.1 <ann@example.net>: Relay access denied", Fact.BOUNCED, None),
    ("451 4.7.1 Greylisted, please try again in 300 seconds", Fact.DEFERRED, "server_busy"),
    ("421 4.7.0 Too many connections from your address", Fact.DEFERRED, None),
    ("450 4.1.1 Unverified address", Fact.DEFERRED, None),
    ("451 4.3.0 Local error in processing", Fact.DEFERRED, None),
    ("554 Transaction failed", Fact.BOUNCED, None),
]  # fmt: skip


@pytest.mark.parametrize(("said", "fact", "reason"), REPLIES)
def test_a_reply_establishes_its_fact(said: str, fact: Fact, reason: str | None) -> None:
    """SMTP's digit decides whether it goes on; whose fault it is decides what the end is called."""
    reply = parse(said.encode())
    diagnosis = diagnose_reply(reply)
    meaning = outcomes.of_refusal(reply.code, Reason(diagnosis.reason), diagnosis.detail)
    assert meaning.fact is fact
    assert meaning.goes_on is (fact is Fact.DEFERRED)
    if reason is not None:
        assert meaning.reason == reason


@given(code=st.integers(400, 599), reason=st.sampled_from(Reason), detail=st.none() | st.text(max_size=12))
def test_only_the_digit_decides_whether_it_goes_on(code: int, reason: Reason, detail: str | None) -> None:
    """Whatever the words say: 4yz is tried again, 5yz is not; and what does not go on has ended."""
    meaning = outcomes.of_refusal(code, reason, detail)
    assert meaning.goes_on is (code < 500)
    assert is_ended(meaning.fact.bit) is not meaning.goes_on


@pytest.mark.parametrize("reason", [r for r in Reason if r.category == "hard"])
def test_only_a_fault_of_the_address_is_called_one(reason: Reason) -> None:
    """A hard reason is the address's fault, but for the one that is not known to be."""
    expected = Fact.BOUNCED if reason is Reason.GENERAL_HARD_BOUNCE else Fact.BOUNCED_INVALID
    assert outcomes.final_fact(reason, None) is expected


@pytest.mark.parametrize(
    "reason",
    [Reason.SPAM_REJECTED, Reason.POLICY_BLOCKED, Reason.MAILBOX_FULL, Reason.DATA_FORMAT_ERROR, Reason.SERVER_BUSY],
)
def test_the_address_is_never_blamed_for_anything_else(reason: Reason) -> None:
    """Content, reputation, size and their server's troubles are not the address's fault."""
    assert outcomes.final_fact(reason, None) is not Fact.BOUNCED_INVALID


def test_a_smart_host_has_not_delivered() -> None:
    """Sent is not Delivered: what a relay took still waits for its last word."""
    relayed, delivered = outcomes.of_acceptance(smart_host=True), outcomes.of_acceptance(smart_host=False)
    assert (relayed.fact, relayed.goes_on) == (Fact.RELAYED, True)
    assert (delivered.fact, delivered.goes_on) == (Fact.DELIVERED, False)


def test_at_most_one_more_copy_after_a_lost_reply() -> None:
    """The first lost reply leads to one more try, slowly; the second to none, and it stays uncertain."""
    first, second = outcomes.of_lost_reply(lost_before=False), outcomes.of_lost_reply(lost_before=True)
    assert (first.fact, first.goes_on, first.hints.uncertain) == (Fact.UNCERTAIN, True, True)
    assert (second.fact, second.goes_on) == (Fact.UNCERTAIN, False)


@pytest.mark.parametrize(
    ("trouble", "seen_before", "fact", "goes_on"),
    [
        ("null_mx", False, Fact.BOUNCED_INVALID, False),
        ("no_such_domain", False, Fact.DEFERRED, True),
        ("no_such_domain", True, Fact.BOUNCED_INVALID, False),
        ("no_address", False, Fact.DEFERRED, True),
        ("no_address", True, Fact.BOUNCED_INVALID, False),
        ("no_answer", False, Fact.DEFERRED, True),
        ("no_answer", True, Fact.DEFERRED, True),
    ],
)
def test_what_the_dns_says(trouble: str, seen_before: bool, fact: Fact, goes_on: bool) -> None:
    """A null MX is a refusal; a missing domain is looked for twice; no answer is never taken for a no."""
    meaning = outcomes.of_names(trouble, seen_before=seen_before)
    assert (meaning.fact, meaning.goes_on) == (fact, goes_on)
    expected = Reason.NETWORK_ERROR if trouble == "no_answer" else Reason.BAD_DOMAIN
    assert meaning.reason is expected


def test_the_last_thing_heard_is_the_reason_for_giving_up() -> None:
    """Who gives up says why: what the server said last, or that there was no connection."""
    assert outcomes.of_expiry(Reason.MAILBOX_FULL, "x").reason is Reason.MAILBOX_FULL
    assert outcomes.of_expiry(None, None).reason is Reason.NETWORK_ERROR
    assert outcomes.of_expiry(None, None).fact is Fact.GAVE_UP


PUSHBACK = [
    ("421 4.7.0 Too many messages, slow down", "mail", True),
    ("421 Service not available", "rcpt", True),
    ("421 4.3.2 Shutting down", "greeting", True),
    ("554 5.7.1 No SMTP service for you here", "greeting", True),
    ("451 4.7.1 Rate limit exceeded, too many messages from your host", "rcpt", True),
    ("451 4.7.1 Greylisted, try again later", "rcpt", False),
    ("452 4.2.2 Mailbox full", "rcpt", False),
    ("450 4.2.1 Mailbox busy", "rcpt", False),
    ("550 5.1.1 User unknown", "rcpt", False),
    ("550 5.7.1 Message rejected as spam", "data", False),
]


@pytest.mark.parametrize(("said", "stage", "is_pushback"), PUSHBACK)
def test_what_speaks_of_us_and_what_of_one_message(said: str, stage: str, is_pushback: bool) -> None:
    """Only what a server says of the sender as a whole makes us slow down; one full mailbox does not."""
    reply: Reply = parse(said.encode())
    diagnosis = diagnose_reply(reply)
    pause = outcomes.pushback_s(reply.code, reply.status, Reason(diagnosis.reason), diagnosis.detail, stage)
    assert (pause is not None) is is_pushback
    assert pause is None or pause > 0
