"""The five documents that the product must satisfy: every word of theirs, and the facts that give it."""

from __future__ import annotations

import pytest

from aftersend.ledger.facts import ALL, Fact, Facts
from aftersend.ledger.reasons import Pair, Reason, pair
from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.ledger.vocabularies.bounces import pair_of_event
from aftersend.ledger.vocabularies.delivery_results import RESULT_OF, DeliveryResult, delivery_result
from aftersend.ledger.vocabularies.email_activity import boxes
from aftersend.ledger.vocabularies.icons import icon
from aftersend.ledger.vocabularies.life_cycle import STATUS_OF, LifeCycle, life_cycle, words_of

from .strategies import event

F = Fact
SENT_ON = (F.RECEIVED, F.TREATED)

DELIVERY_RESULTS = {
    "Unsent": [(F.RECEIVED,), (F.RECEIVED, F.SCHEDULED), SENT_ON, (*SENT_ON, F.HELD_AT_SENDING), (F.RECEIVED, F.QUARANTINED),
               (F.RECEIVED, F.CANCELLED), (F.RECEIVED, F.EXPIRED), (F.RECEIVED, F.MALFORMED), (F.RECEIVED, F.DEPLETED)],
    "Soft Bounced": [(*SENT_ON, F.DEFERRED), (*SENT_ON, F.RELAYED, F.DELAYED)],
    "Sent": [(*SENT_ON, F.RELAYED), (*SENT_ON, F.DEFERRED, F.RELAYED), (*SENT_ON, F.UNCERTAIN)],
    "No Email Selected": [(F.RECEIVED, F.NOT_SELECTED)],
    "Duplicate": [(F.RECEIVED, F.DUPLICATE)],
    "Blocked": [(F.RECEIVED, F.SUPPRESSED), (F.RECEIVED, F.BLOCKLISTED)],
    "Bounced": [(*SENT_ON, F.BOUNCED), (*SENT_ON, F.DEFERRED, F.GAVE_UP), (*SENT_ON, F.REJECTED_AS_SPAM)],
    "Failed": [(*SENT_ON, F.BOUNCED_INVALID), (F.RECEIVED, F.INVALID_ADDRESS)],
    "Delivered": [(*SENT_ON, F.DELIVERED), (*SENT_ON, F.DELIVERED, F.BOUNCED), (*SENT_ON, F.DELIVERED, F.DELAYED),
                  (*SENT_ON, F.RELAYED, F.UNSUBSCRIBED), (*SENT_ON, F.DELIVERED, F.COMPLAINED),
                  (*SENT_ON, F.DELIVERED, F.OPENED_BY_MACHINE), (*SENT_ON, F.DELIVERED, F.AUTO_REPLIED)],
    "Opened": [(*SENT_ON, F.DELIVERED, F.OPENED), (*SENT_ON, F.DELIVERED, F.CLICKED), (*SENT_ON, F.RELAYED, F.READ)],
}  # fmt: skip
LIFE_CYCLE = {
    "Error": [(F.REFUSED,), (F.RECEIVED, F.MALFORMED), (F.RECEIVED, F.INVALID_ADDRESS)],
    "Pending": [(F.RECEIVED,)],
    "Treated": [SENT_ON, (F.RECEIVED, F.THROTTLED, F.TREATED),
                (F.RECEIVED, F.QUARANTINED, F.MODERATION_ACCEPTED, F.TREATED)],
    "Rejected": [(F.RECEIVED, F.SUPPRESSED), (F.RECEIVED, F.NOT_SELECTED), (F.RECEIVED, F.DUPLICATE),
                 (F.RECEIVED, F.SCHEDULED, F.CANCELLED), (F.RECEIVED, F.DEPLETED, F.EXPIRED)],
    "Deferred": [(F.RECEIVED, F.THROTTLED), (*SENT_ON, F.HELD_AT_SENDING),
                 (F.RECEIVED, F.THROTTLED, F.TREATED, F.HELD_AT_SENDING)],
    "Accepted": [(F.RECEIVED, F.MODERATION_PENDING, F.MODERATION_ACCEPTED),
                 (F.RECEIVED, F.MODERATION_PENDING, F.QUARANTINED, F.MODERATION_ACCEPTED)],
    "Depleted": [(F.RECEIVED, F.DEPLETED)],
    "Pending moderation": [(F.RECEIVED, F.MODERATION_PENDING)],
    "Filtered": [(F.RECEIVED, F.BLOCKLISTED)],
    "Scheduled": [(F.RECEIVED, F.SCHEDULED)],
    "Quarantine": [(F.RECEIVED, F.MODERATION_PENDING, F.QUARANTINED)],
    "Delivered": [(*SENT_ON, F.DELIVERED), (*SENT_ON, F.RELAYED), (*SENT_ON, F.DEFERRED, F.DELIVERED),
                  (*SENT_ON, F.RELAYED, F.DELAYED, F.DELIVERED)],
    "Bounce": [(*SENT_ON, F.BOUNCED), (*SENT_ON, F.DELIVERED, F.BOUNCED_INVALID)],
    "Hardbounce": [(*SENT_ON, F.BOUNCED_INVALID), (*SENT_ON, F.DELIVERED, F.BOUNCED_INVALID)],
    "Softbounce": [(*SENT_ON, F.DEFERRED), (*SENT_ON, F.BOUNCED), (*SENT_ON, F.RELAYED, F.DELAYED),
                   (*SENT_ON, F.GAVE_UP), (*SENT_ON, F.REJECTED_AS_SPAM), (*SENT_ON, F.DELIVERED, F.BOUNCED)],
    "Opened": [(*SENT_ON, F.DELIVERED, F.OPENED), (*SENT_ON, F.DELIVERED, F.BOUNCED, F.OPENED)],
    "Clicked": [(*SENT_ON, F.DELIVERED, F.OPENED, F.CLICKED)],
    "Unsubscribed": [(*SENT_ON, F.DELIVERED, F.OPENED, F.UNSUBSCRIBED)],
    "Read": [(*SENT_ON, F.DELIVERED, F.OPENED, F.READ)],
    "Complaint": [(*SENT_ON, F.DELIVERED, F.UNSUBSCRIBED, F.COMPLAINED)],
}  # fmt: skip
EMAIL_ACTIVITY = {
    "Requests": [(F.RECEIVED,), (F.RECEIVED, F.SUPPRESSED), (*SENT_ON, F.DELIVERED)],
    "Delivered": [(*SENT_ON, F.DELIVERED), (*SENT_ON, F.DELIVERED, F.BOUNCED), (*SENT_ON, F.RELAYED, F.OPENED)],
    "Opened": [(*SENT_ON, F.DELIVERED, F.OPENED), (*SENT_ON, F.DELIVERED, F.CLICKED)],
    "Unopened": [(*SENT_ON, F.DELIVERED), (*SENT_ON, F.DELIVERED, F.OPENED_BY_MACHINE)],
    "Bounced": [(*SENT_ON, F.BOUNCED), (*SENT_ON, F.BOUNCED_INVALID), (*SENT_ON, F.GAVE_UP)],
    "Spam": [(*SENT_ON, F.REJECTED_AS_SPAM), (*SENT_ON, F.DELIVERED, F.COMPLAINED)],
    "Dropped": [(F.RECEIVED, fact) for fact in
                 (F.SUPPRESSED, F.BLOCKLISTED, F.MALFORMED, F.INVALID_ADDRESS, F.NOT_SELECTED, F.CANCELLED)],
    "Deferred": [(*SENT_ON, F.DEFERRED), (*SENT_ON, F.DEFERRED, F.DELIVERED), (*SENT_ON, F.RELAYED, F.DELAYED)],
    "Links Clicked": [(*SENT_ON, F.DELIVERED, F.CLICKED)],
}  # fmt: skip
ICONS = {
    "Sent": [(*SENT_ON, F.RELAYED), (*SENT_ON, F.DELIVERED), (*SENT_ON, F.DELIVERED, F.BOUNCED),
             (*SENT_ON, F.UNCERTAIN)],
    "Opened": [(*SENT_ON, F.DELIVERED, F.OPENED), (*SENT_ON, F.DELIVERED, F.OPENED_BY_MACHINE, F.OPENED)],
    "Opened by a machine": [(*SENT_ON, F.DELIVERED, F.OPENED_BY_MACHINE),
                            (*SENT_ON, F.DELIVERED, F.CLICKED_BY_MACHINE)],
    "No icon": [(F.RECEIVED,), (*SENT_ON, F.DEFERRED), (*SENT_ON, F.BOUNCED_INVALID)],
}  # fmt: skip
BOUNCES = {
    "Hard": ["General hard bounce", "Invalid recipient", "Bad domain", "Address error", "Closed account"],
    "Soft": ["Mailbox is full", "Server is currently too busy", "Account is inactive", "General error",
             "Data format error", "Network error", "Other receiver error"],
    "Technical": ["Server is currently too busy", "Network error", "Other receiver error"],
    "Other": ["No information came back"],
}  # fmt: skip
GIVES = {
    ("Hard", "General hard bounce"): (Reason.GENERAL_HARD_BOUNCE, None, ""),
    ("Hard", "Invalid recipient"): (Reason.INVALID_RECIPIENT, None, "5.1.1"),
    ("Hard", "Bad domain"): (Reason.BAD_DOMAIN, "null_mx", ""),
    ("Hard", "Address error"): (Reason.ADDRESS_ERROR, None, ""),
    ("Hard", "Closed account"): (Reason.CLOSED_ACCOUNT, "address_moved", ""),
    ("Soft", "Mailbox is full"): (Reason.MAILBOX_FULL, None, "5.2.2"),
    ("Soft", "Server is currently too busy"): (Reason.SERVER_BUSY, None, "4.2.1"),
    ("Soft", "Account is inactive"): (Reason.ACCOUNT_INACTIVE, None, ""),
    ("Soft", "General error"): (Reason.POLICY_BLOCKED, "authentication_failed", ""),
    ("Soft", "Data format error"): (Reason.DATA_FORMAT_ERROR, "message_too_large", ""),
    ("Soft", "Network error"): (Reason.NETWORK_ERROR, "mailbox_loop", ""),
    ("Soft", "Other receiver error"): (Reason.SPAM_REJECTED, "rejected_as_spam", ""),
    ("Technical", "Server is currently too busy"): (Reason.SERVER_BUSY, "greylisted", "4.7.1"),
    ("Technical", "Network error"): (Reason.NETWORK_ERROR, None, ""),
    ("Technical", "Other receiver error"): (Reason.OTHER_RECEIVER_ERROR, "server_full", ""),
    ("Other", "No information came back"): (Reason.GENERAL_ERROR, None, ""),
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("delivery_results", DELIVERY_RESULTS),
        ("life_cycle", LIFE_CYCLE),
        ("email_activity", EMAIL_ACTIVITY),
        ("icons", ICONS),
    ],
)
def test_every_word_is_reached(name: str, expected: dict[str, list[tuple[Fact, ...]]]) -> None:
    """Each word of the document is in the vocabulary, and these facts give it."""
    vocabulary = VOCABULARIES[name]
    assert {word for word, _ in vocabulary.words} == set(expected)
    for word, histories in expected.items():
        for facts in histories:
            assert word in {found.word for found in vocabulary.words_of(Facts.of(*facts))}, (word, facts)


def test_every_pair_is_reached() -> None:
    """Each category and reason of 002 is there, and a bounce with this reason counts under it."""
    assert {found.words for found in Pair} == {
        (word, reason) for word, reasons in BOUNCES.items() for reason in reasons
    }
    assert set(GIVES) == {found.words for found in Pair}
    for words, (reason, detail, status) in GIVES.items():
        found = pair_of_event(event(Fact.BOUNCED, 1, reason, detail, status=status))
        assert found is pair(reason, detail, status=status)
        assert found is not None
        assert found.words == words
        assert found.word == "/".join(words)


def test_order_of_the_delivery_results() -> None:
    """Unsent < Soft Bounced (deferred) < Sent < Soft Bounced (delayed) < … < Delivered < Opened."""
    facts = [F.RECEIVED, F.DEFERRED, F.RELAYED, F.DELAYED, F.NOT_SELECTED, F.DUPLICATE, F.SUPPRESSED, F.BOUNCED,
             F.BOUNCED_INVALID, F.DELIVERED, F.OPENED]  # fmt: skip
    assert [RESULT_OF[fact] for fact in facts] == list(DeliveryResult)
    assert [result.word for result in DeliveryResult] == [
        "Unsent", "Soft Bounced", "Sent", "Soft Bounced", "No Email Selected", "Duplicate", "Blocked", "Bounced",
        "Failed", "Delivered", "Opened",
    ]  # fmt: skip


def test_a_soft_bounce_before_and_after_sending() -> None:
    """A deferral ranks below Sent, since the relay then took it; a delay above, since the relay then reported it."""
    assert delivery_result(Facts.of(F.RELAYED, F.DEFERRED)) is DeliveryResult.SENT
    assert delivery_result(Facts.of(F.RELAYED, F.DELAYED)).word == "Soft Bounced"
    assert delivery_result(Facts.of(F.RELAYED, F.DELAYED, F.DELIVERED)) is DeliveryResult.DELIVERED


def test_who_opts_out_or_complains_need_not_have_opened() -> None:
    """`unsubscribed` and `complained` alone say Delivered, never Opened."""
    for fact in (F.UNSUBSCRIBED, F.COMPLAINED):
        assert delivery_result(Facts.of(*SENT_ON, F.DELIVERED, fact)) is DeliveryResult.DELIVERED
        assert delivery_result(Facts.of(*SENT_ON, fact)) is DeliveryResult.DELIVERED
        assert delivery_result(Facts.of(*SENT_ON, F.OPENED, fact)) is DeliveryResult.OPENED


def test_a_late_bounce_in_two_vocabularies() -> None:
    """The results stay at Delivered (001's rule); the life cycle says Bounce, since bad news came back (004's)."""
    late = Facts.of(*SENT_ON, F.DELIVERED, F.BOUNCED)
    assert delivery_result(late) is DeliveryResult.DELIVERED
    assert life_cycle(late) is LifeCycle.SOFTBOUNCE
    assert life_cycle(late).label == "Bounce (Softbounce)"
    assert words_of(late) == (LifeCycle.BOUNCE, LifeCycle.SOFTBOUNCE)
    assert life_cycle(Facts.of(F.DELIVERED, F.DEFERRED)) is LifeCycle.DELIVERED
    assert life_cycle(Facts.of(F.DELIVERED)).label == "Delivered"


@pytest.mark.parametrize(
    ("hold", "release"),
    [
        (F.SCHEDULED, F.TREATED),
        (F.MODERATION_PENDING, F.MODERATION_ACCEPTED),
        (F.MODERATION_PENDING, F.QUARANTINED),
        (F.QUARANTINED, F.MODERATION_ACCEPTED),
        (F.DEPLETED, F.TREATED),
        (F.THROTTLED, F.TREATED),
        (F.TREATED, F.HELD_AT_SENDING),
        (F.HELD_AT_SENDING, F.DEFERRED),
        (F.HELD_AT_SENDING, F.RELAYED),
        (F.HELD_AT_SENDING, F.DELIVERED),
        (F.HELD_AT_SENDING, F.CANCELLED),
        (F.DEPLETED, F.EXPIRED),
    ],
)
def test_a_hold_ranks_below_its_release(hold: Fact, release: Fact) -> None:
    """A released quarantine moves forward, and so does every other hold."""
    assert STATUS_OF[hold] < STATUS_OF[release]  # type: ignore[operator]


def test_the_four_steps() -> None:
    """A fact's status never belongs to a later step than the fact, and each status knows its step."""
    for fact in ALL:
        status = STATUS_OF[fact]
        assert status is None or status.step <= fact.step
    assert {status.step for status in LifeCycle} == {1, 2, 3, 4}


def test_the_third_soft_bounce_in_a_row_is_spam() -> None:
    """003: three soft bounces in a row to one recipient can put it under Spam."""
    facts = Facts.of(*SENT_ON, F.BOUNCED)
    assert "Spam" not in {box.word for box in boxes(facts)}
    assert "Spam" in {box.word for box in boxes(facts, is_third_soft_bounce=True)}


def test_icons_are_honest() -> None:
    """Sent does not claim arrival, and a scanner's opening looks different from a person's."""
    assert "not promise" in icon(Facts.of(F.RELAYED)).meaning
    assert icon(Facts.of(F.DELIVERED, F.OPENED_BY_MACHINE)) is not icon(Facts.of(F.DELIVERED, F.OPENED))
    assert "scanner" in icon(Facts.of(F.OPENED)).meaning
