"""Reasons: each with its pair, its sentence, its actor and its advice."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import (
    DETAILS,
    MEANINGS,
    SENTENCES,
    Actor,
    Category,
    Meaning,
    Pair,
    Reason,
    is_content_or_reputation,
    meaning,
    pair,
)
from aftersend.ledger.vocabularies.bounces import is_bounce, pair_of_event, pairs

from .strategies import event

CORPUS = Path(os.environ.get("AFTERSEND_CORPUS") or Path(__file__).resolve().parents[2].parent / "shared" / "corpus")
EVERY = [*MEANINGS.values(), *DETAILS.values()]


def test_every_reason_has_a_meaning() -> None:
    """No reason is without words."""
    assert set(MEANINGS) == set(Reason)
    assert set(SENTENCES) == {each.reason for each in Pair}
    assert {each.word for each in Category} == {"Hard", "Soft", "Technical", "Other", "None"}


@pytest.mark.parametrize("found", EVERY, ids=lambda found: f"{found.reason}: {found.short}")
def test_the_words_are_short_and_plain(found: Meaning) -> None:
    """A communications officer understands each sentence: short, ended, without codes and protocol names."""
    for sentence in (found.why, found.advice):
        assert sentence.endswith(".")
        assert len(sentence) <= 130
        for jargon in ("SMTP", "MX", "RCPT", "4yz", "5yz", "DSN", "enhanced", "MTA"):
            assert jargon not in sentence
    assert len(found.short) <= 50
    assert not found.short.endswith(".")
    assert found.who_must_act.words
    assert found.category.meaning


def test_only_the_address_is_hard() -> None:
    """A refusal that speaks of the sender, the content or a server is never hard."""
    for found in EVERY:
        if found.category is Category.HARD:
            assert found.who_must_act is Actor.RECIPIENT_ADDRESS
    assert {reason for reason in Reason if reason.category is Category.HARD} == {
        Reason.INVALID_RECIPIENT, Reason.BAD_DOMAIN, Reason.ADDRESS_ERROR, Reason.CLOSED_ACCOUNT,
        Reason.GENERAL_HARD_BOUNCE,
    }  # fmt: skip


def test_a_detail_keeps_its_reasons_hardness() -> None:
    """A finer word never turns a soft reason into a hard one, or the other way about."""
    for (reason, _), found in DETAILS.items():
        assert (found.category is Category.HARD) == (reason.category is Category.HARD)


def test_an_unknown_detail_means_what_its_reason_means() -> None:
    """Details may be new; the reason still explains."""
    assert meaning("mailbox_full", "unheard_of") is MEANINGS[Reason.MAILBOX_FULL]
    assert meaning(Reason.SERVER_BUSY, "message_too_large") is MEANINGS[Reason.SERVER_BUSY]
    assert meaning(Reason.SERVER_BUSY, "greylisted").who_must_act is Actor.NOBODY
    with pytest.raises(ValueError):
        meaning("no_such_reason")


def test_what_is_still_tried_is_never_hard() -> None:
    """`delayed` is never hard, whatever reason was given."""
    for reason in Reason:
        found = pair(reason, is_still_trying=True)
        assert found is None or found.category is not Category.HARD


def test_trouble_of_one_mailbox_is_soft() -> None:
    """002 lists three reasons under two headings: soft if it is the one mailbox's (status x.2.x), else technical."""
    for reason in (Reason.SERVER_BUSY, Reason.NETWORK_ERROR, Reason.OTHER_RECEIVER_ERROR):
        server, mailbox = pair(reason, status="4.4.2"), pair(reason, status="4.2.1")
        assert server is not None
        assert mailbox is not None
        assert (server.category, mailbox.category) == (Category.TECHNICAL, Category.SOFT)
        assert server.reason == mailbox.reason


def test_what_counts_as_a_bounce() -> None:
    """Only what came back for good is counted; a deferral is shown with its pair, and nothing else has one."""
    final = event(Fact.GAVE_UP, 2, Reason.MAILBOX_FULL)
    trying = event(Fact.DEFERRED, 1, Reason.INVALID_RECIPIENT)
    assert [is_bounce(each) for each in (final, trying, event(Fact.DELIVERED, 3))] == [True, False, False]
    assert pairs([final, trying]) == {Pair.MAILBOX_FULL}
    assert pair_of_event(trying) is Pair.GENERAL_ERROR
    assert pair_of_event(event(Fact.DELIVERED, 3)) is None
    assert pair_of_event(event(Fact.BOUNCED, 3)) is Pair.NO_INFORMATION
    assert pair_of_event(event(Fact.BOUNCED, 3, Reason.AUTO_REPLY)) is Pair.NO_INFORMATION


def test_content_and_reputation() -> None:
    """`rejected_as_spam` is for content and reputation, not for authentication, TLS or the recipient's own rules."""
    assert is_content_or_reputation("spam_rejected", "virus_found")
    assert is_content_or_reputation(Reason.POLICY_BLOCKED)
    assert is_content_or_reputation(Reason.POLICY_BLOCKED, "bad_reputation")
    assert not is_content_or_reputation(Reason.POLICY_BLOCKED, "authentication_failed")
    assert not is_content_or_reputation(Reason.MAILBOX_FULL)


@pytest.mark.skipif(not (CORPUS / "bounces").is_dir(), reason="the corpus of bounces is not here (AFTERSEND_CORPUS)")
def test_reasons_and_categories_agree_with_the_corpus() -> None:
    """The identifiers are those of the labelled data, and each has its category there."""
    proposed = json.loads((CORPUS / "bounces" / "categories-proposed.json").read_text())
    known = {reason: categories for reason, categories in proposed.items() if reason in set(Reason)}
    assert len(known) >= 14
    assert {reason: [Reason(reason).category.value] for reason in known} == known
