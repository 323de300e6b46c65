"""What a returned mail changes, and what it does not."""

from __future__ import annotations

import pytest
from comeback import FULL, NO_SUCH_USER, Post, arf, dsn

from aftersend.ledger.facts import Fact
from aftersend.returns.applying import Came
from aftersend.store import accounts, counting, rebuild, returned
from given import ACCOUNT

ANN, BOB = "ann@example.net", "bob@example.net"


def test_a_late_bounce_stands_beside_delivered(post: Post) -> None:
    """Both facts are there, the reason with them; the address is listed with the delivery and the event as evidence."""
    (delivery,) = post.sent(ANN)
    assert post.comes(post.path(delivery), dsn((ANN, *NO_SUCH_USER))) is Came.APPLIED
    assert post.facts(delivery) == {Fact.DELIVERED, Fact.BOUNCED_INVALID}
    assert post.row(delivery)["reason"] == "invalid_recipient"
    (entry,) = post.listed(ANN)
    assert (entry["cause"], entry["delivery_id"], entry["reason"]) == ("bounced", delivery, "invalid_recipient")


def test_the_same_news_twice_is_one_event(post: Post) -> None:
    """A replay, with other headers or without, changes no event, no number and no entry."""
    (delivery,) = post.sent(ANN)
    for _ in range(3):
        post.comes(post.path(delivery), dsn((ANN, *NO_SUCH_USER)))
        post.comes(post.path(delivery), dsn((ANN, *NO_SUCH_USER), own_id="same"))
    assert [event["kind"] for event in post.events(delivery)].count("bounced_invalid") == 1
    assert post.run(counting.counted, ACCOUNT, kind="bounce") == {"Hard/Invalid recipient": 1}
    assert not post.run(rebuild.rebuild, write=False)


def test_a_subject_that_hides_control_characters_is_kept_as_one_line(post: Post) -> None:
    """An encoded NUL or line end would be taken by no PostgreSQL and would part the lines of a list."""
    (delivery,) = post.sent(ANN)
    raw = b"From: =?utf-8?q?Ann=00?= <ann@example.net>\nSubject: =?utf-8?q?one=0Atwo=00_=1B[31mthree?=\n\nHello\n"
    assert post.comes(post.path(delivery), raw) is Came.UNREAD
    (row,) = post.run(returned.unread, ACCOUNT, limit=10)
    assert row["subject"] == "one two [31mthree"


def test_delay_notices_are_notes(post: Post) -> None:
    """Each that differs is kept; nothing is counted as a bounce, and nothing is listed."""
    (delivery,) = post.sent(ANN)
    for own_id in ("one", "two", "two"):
        post.comes(post.path(delivery), dsn((ANN, "delayed", "4.4.1", "450 5.1.1 no such user"), own_id=own_id))
    assert [event["kind"] for event in post.events(delivery)].count("delayed") == 2
    assert post.facts(delivery) == {Fact.DELIVERED, Fact.DELAYED}
    assert post.run(counting.counted, ACCOUNT, kind="bounce") == {}
    assert post.listed(ANN) == []


@pytest.mark.parametrize(
    ("action", "expected"), [("delivered", Fact.DELIVERED), ("expanded", Fact.DELIVERED), ("relayed", Fact.RELAYED)]
)
def test_success(post: Post, action: str, expected: Fact) -> None:
    """A relay's report says that it arrived; relayed only says that it went further."""
    (delivery,) = post.sent(ANN, facts=(Fact.RELAYED,))
    post.comes(post.path(delivery), dsn((ANN, action, "2.0.0", "250 ok")))
    assert post.facts(delivery) == {Fact.RELAYED, expected}


@pytest.mark.parametrize("purpose", ["b", "f"])
def test_a_complaint_lists_for_ever(post: Post, purpose: str) -> None:
    """Redacted or not: the return path says who it was."""
    (delivery,) = post.sent(ANN)
    assert post.comes(post.path(delivery, purpose=purpose), arf()) is Came.APPLIED
    assert Fact.COMPLAINED in post.facts(delivery)
    (entry,) = post.listed(ANN)
    assert (entry["cause"], entry["expires_us"], entry["stream"]) == ("complained", None, "")
    assert post.row(delivery)["reason"] is None


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_what_is_no_complaint_is_left_to_a_person(post: Post, kind: str) -> None:
    """A complaint taken back, and a report about authentication, list nobody."""
    (delivery,) = post.sent(ANN)
    assert post.comes(post.path(delivery), arf(kind)) is Came.UNREAD
    assert post.facts(delivery) == {Fact.DELIVERED}
    assert post.listed(ANN) == []


def test_an_address_for_complaints_takes_nothing_else(post: Post) -> None:
    """A bounce at such an address is kept for a person."""
    (delivery,) = post.sent(ANN)
    assert post.comes(post.path(delivery, purpose="f"), dsn((ANN, *NO_SUCH_USER))) is Came.UNREAD
    assert post.facts(delivery) == {Fact.DELIVERED}


def test_of_two_causes_the_milder(post: Post) -> None:
    """Behind one address stood several: full is milder than unknown, and delivered is milder than both."""
    (delivery,) = post.sent(ANN)
    post.comes(post.path(delivery), dsn(("x@list.example", *NO_SUCH_USER), ("y@list.example", *FULL)))
    assert post.facts(delivery) == {Fact.DELIVERED, Fact.BOUNCED}
    (other,) = post.sent(BOB)
    post.comes(
        post.path(other), dsn(("x@list.example", *NO_SUCH_USER), ("y@list.example", "delivered", "2.0.0", "250 ok"))
    )
    assert post.facts(other) == {Fact.DELIVERED}


def test_each_recipient_to_its_own_delivery(post: Post) -> None:
    """Another recipient of the same message at the same domain gets the fact, and no entry; a stranger gets nothing."""
    ann, bob, carl = post.sent(ANN, BOB, "carl@elsewhere.example")
    fates = [(name, *NO_SUCH_USER) for name in (ANN, BOB, "carl@elsewhere.example", "dora@example.net")]
    post.comes(post.path(ann), dsn(*fates))
    assert post.facts(ann) == post.facts(bob) == {Fact.DELIVERED, Fact.BOUNCED_INVALID}
    assert post.facts(carl) == {Fact.DELIVERED}
    assert post.listed(ANN)
    assert post.listed(BOB) == post.listed("carl@elsewhere.example") == post.listed("dora@example.net") == []


def test_a_report_that_fits_nothing(post: Post) -> None:
    """Another message and another recipient: the return path was found somewhere; kept for a person."""
    (delivery,) = post.sent(ANN)
    assert post.comes(post.path(delivery), dsn((BOB, *NO_SUCH_USER), message_id="<other@example.com>")) is Came.UNREAD
    assert post.facts(delivery) == {Fact.DELIVERED}


@pytest.mark.parametrize("what", ["altered", "expired", "forged", "other purpose"])
def test_a_bad_return_path_changes_nothing(post: Post, what: str) -> None:
    """Altered, too old, made elsewhere, made for something else."""
    (delivery,) = post.sent(ANN)
    good = post.path(delivery)
    bad = {
        "altered": good.replace(good[5], "0" if good[5] != "0" else "1", 1),
        "expired": post.path(delivery, age=31),
        "forged": post.path(delivery, secret=b"another secret"),
        "other purpose": "f" + good[1:],
    }[what]
    assert post.comes(bad, dsn((ANN, *NO_SUCH_USER))) is Came.REFUSED
    assert post.facts(delivery) == {Fact.DELIVERED}
    assert post.listed(ANN) == []


def test_found_in_a_mailbox_the_quoted_return_path_proves_it(post: Post) -> None:
    """Without an envelope: whoever quotes our return path had the message; a Message-ID and a name prove nothing."""
    (delivery,) = post.sent(ANN)
    known = f"<{post.row(delivery)['message_id']}@example.com>"
    assert post.comes("", dsn((ANN, *NO_SUCH_USER), message_id=known)) is Came.NOT_OURS
    quoted = f"Return-Path: <{post.path(delivery)}>\n"
    assert post.comes("", dsn((ANN, *NO_SUCH_USER), message_id=known, quotes=quoted)) is Came.APPLIED
    assert Fact.BOUNCED_INVALID in post.facts(delivery)
    assert post.comes("", b"Subject: Lunch?\n\nSee you at one.\n") is Came.NOT_OURS


def test_complaints_at_abuse_count_by_what_they_quote(post: Post) -> None:
    """Feedback loops are registered for one fixed address; the message they quote says which delivery it was."""
    (delivery,) = post.sent(ANN)
    quoted = f"Return-Path: <{post.path(delivery)}>\n"
    assert post.comes("abuse@mail.example.com", arf(quotes=quoted)) is Came.APPLIED
    assert Fact.COMPLAINED in post.facts(delivery)
    assert post.comes("abuse@mail.example.com", b"Subject: Stop\n\nStop it.\n") is Came.UNREAD


def test_accounts_are_kept_apart(post: Post) -> None:
    """A bounce of one account's mail lists the address in that account only."""
    post.run(accounts.create, 7, "seven", now=post.clock())
    (delivery,) = post.sent(ANN, account=7)
    post.comes(post.path(delivery), dsn((ANN, *NO_SUCH_USER)))
    assert post.facts(delivery, 7) == {Fact.DELIVERED, Fact.BOUNCED_INVALID}
    assert post.listed(ANN, 7)
    assert post.listed(ANN) == []


def test_what_is_no_longer_kept(post: Post) -> None:
    """The return path holds, the delivery was pruned: for a person."""
    assert post.comes(post.path(post.ids()), dsn((ANN, *NO_SUCH_USER))) is Came.UNREAD


def test_a_failure_without_a_reason_is_shown_to_a_person(post: Post) -> None:
    """It is written down as it is, and somebody may say what it means."""
    (delivery,) = post.sent(ANN)
    assert post.comes(post.path(delivery), dsn((ANN, "failed", "5.0.0", "x"))) in (Came.UNREAD, Came.APPLIED)
    assert post.facts(delivery) & {Fact.BOUNCED, Fact.BOUNCED_INVALID}
    assert post.listed(ANN) == []


def test_a_persons_answer_is_kept_whole(post: Post) -> None:
    """Somebody answers to the return path: shown with the original."""
    (delivery,) = post.sent(ANN)
    raw = b"From: ann@example.net\nSubject: Re: News\n\nWhere is my order?\n"
    assert post.comes(post.path(delivery), raw) is Came.UNREAD
    (row,) = post.run(returned.unread, ACCOUNT, limit=10)
    assert (row["subject"], row["delivery_id"]) == ("Re: News", delivery)
    assert post.run(returned.unread_one, ACCOUNT, row["id"])["raw"] == raw


@pytest.mark.parametrize(
    "raw", [b"", b"\x00" * 5000, b"From: \xff\xfe\n\n\xff", b"--b\n" * 2000, b"Content-Type: multipart/report\n\n"]
)
def test_hostile_bytes_harm_nothing(post: Post, raw: bytes) -> None:
    """Whatever comes to a good return path is kept, and the delivery stays as it was."""
    (delivery,) = post.sent(ANN)
    assert post.comes(post.path(delivery), raw) is Came.UNREAD
    assert post.facts(delivery) == {Fact.DELIVERED}


def test_three_late_bounces_after_three_deliveries(post: Post) -> None:
    """A server that takes everything and returns it later: what came back did not come between."""
    for days in range(3):
        (delivery,) = post.sent(ANN)
        post.comes(post.path(delivery), dsn((ANN, *FULL)))
        assert bool(post.listed(ANN)) is (days == 2)
        post.clock.forward(25 * 3_600_000_000)
    assert Fact.THIRD_SOFT_BOUNCE in post.facts(delivery)
    assert not post.run(rebuild.rebuild, write=False)
