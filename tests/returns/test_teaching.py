"""A person says what a returned mail means that no rule understands."""

from __future__ import annotations

import pytest
from comeback import Post

from aftersend.errors import BadField, NotFound
from aftersend.ledger.facts import Fact
from aftersend.returns.teaching import teach
from aftersend.store import returned
from given import ACCOUNT

ANN = "ann@example.net"
ODD = b"From: somebody@mx.example.net\nSubject: Zustellung\n\nDas ging nicht.\n"


def not_understood(post: Post) -> tuple[int, int]:
    """A delivery, and the mail about it that nobody understands."""
    (delivery,) = post.sent(ANN)
    post.comes(post.path(delivery), ODD)
    (row,) = post.run(returned.unread, ACCOUNT, limit=10)
    return delivery, row["id"]


def taught(post: Post, unread: int, reason: str, account: int = ACCOUNT, **more: object) -> None:
    """Teach."""
    post.run(teach, account, unread, reason, by="ann of support", now=post.clock(), rules=post.desk.rules, **more)


@pytest.mark.parametrize(
    ("reason", "more", "fact", "cause"),
    [
        ("invalid_recipient", {}, Fact.BOUNCED_INVALID, "bounced"),
        ("mailbox_full", {}, Fact.BOUNCED, None),
        ("spam_rejected", {}, Fact.REJECTED_AS_SPAM, None),
        ("network_error", {"is_delayed": True}, Fact.DELAYED, None),
        ("complaint", {}, Fact.COMPLAINED, "complained"),
        ("auto_reply", {}, Fact.AUTO_REPLIED, None),
    ],
)
def test_what_is_taught_follows(post: Post, reason: str, more: dict[str, bool], fact: Fact, cause: str | None) -> None:
    """The fact, with who said it and the original as evidence; the address by the usual rules; off the list."""
    delivery, unread = not_understood(post)
    taught(post, unread, reason, **more)
    assert fact in post.facts(delivery)
    event = next(event for event in post.events(delivery) if event["fact"] == int(fact))
    assert (event["reason"], "ann of support" in event["evidence"], "Das ging nicht" in event["evidence"]) == (
        reason,
        True,
        True,
    )
    assert [entry["cause"] for entry in post.listed(ANN)] == ([cause] if cause else [])
    assert post.run(returned.unread, ACCOUNT, limit=10) == []


def test_what_cannot_be_taught(post: Post) -> None:
    """No such reason, no such mail, no such delivery, somebody else's."""
    delivery, unread = not_understood(post)
    with pytest.raises(BadField, match="mailbox_full"):
        taught(post, unread, "bad weather")
    with pytest.raises(BadField, match="thrown away"):
        taught(post, unread, "not_a_bounce")
    with pytest.raises(BadField, match="it has none") as none:
        taught(post, unread, "mailbox_full", detail="rather_full")
    with pytest.raises(BadField, match="greylisted"):
        taught(post, unread, "server_busy", detail="bad weather")
    with pytest.raises(BadField, match="no cause of a delay") as delay:
        taught(post, unread, "delivered", is_delayed=True)
    assert (none.value.pointer, delay.value.pointer) == ("#/detail", "#/is_delayed")
    with pytest.raises(NotFound):
        taught(post, unread + 1, "mailbox_full")
    with pytest.raises(NotFound):
        taught(post, unread, "mailbox_full", account=2)
    post.comes("postmaster@mail.example.com", ODD)
    newest = post.run(returned.unread, ACCOUNT, limit=1)[0]["id"]
    with pytest.raises(BadField, match="name the delivery"):
        taught(post, newest, "mailbox_full")
    with pytest.raises(NotFound):
        taught(post, newest, "mailbox_full", delivery_id=12345)
    taught(post, newest, "mailbox_full", delivery_id=delivery)
    assert Fact.BOUNCED in post.facts(delivery)


def test_forgotten(post: Post) -> None:
    """Thrown away by hand; twice is an error."""
    _, unread = not_understood(post)
    post.run(returned.forget, ACCOUNT, unread)
    with pytest.raises(NotFound):
        post.run(returned.forget, ACCOUNT, unread)
