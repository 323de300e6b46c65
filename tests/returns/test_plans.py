"""Bounces come by the thousand, beside a log of millions: whose they are is found by a key, never by walking through it."""

from __future__ import annotations

import pytest
from comeback import FULL, NO_SUCH_USER, Post, arf, dsn

from aftersend.clock import DAY
from aftersend.policy.breaker import LEAST_ANSWERS
from aftersend.store import doubts, returned, standings


def test_no_question_walks_through_the_log(post: Post) -> None:
    """Every statement on deliveries, messages, streaks and suppressions is served by a whole key or an index."""
    if not post.engine.is_sqlite:
        pytest.skip("the plans are read from SQLite; PostgreSQL has the same indexes")
    ann, bob = post.sent("ann@example.net", "bob@example.net")
    asked: list[str] = []
    with post.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(asked.append)
        subject = returned.about(connection, ann)
        assert subject is not None
        other = returned.sibling(connection, subject, "bob@example.net")
        assert other is not None
        assert other.delivery_id == bob
        heard = standings.Heard(1, "ann@example.net", bob, post.clock(), lambda _: None, True, 1)  # type: ignore[arg-type,return-value]
        assert standings.history(connection, heard).accepted_before
        driver.set_trace_callback(None)
        plans = [
            str(line[3])
            for statement in asked if statement.startswith("SELECT")
            for line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
        ]  # fmt: skip
    walks = [plan for plan in plans if plan.endswith("(account_id=?)") or plan.startswith("SCAN deliveries")]
    assert walks == []


def test_what_was_learned_in_an_outage_is_doubted(post: Post) -> None:
    """Entries of the last hour for addresses that took mail become provisional; older ones, others and complaints stay."""
    known, new = "known@example.net", "new@example.net"
    post.sent(known)
    for address in (known, new, "complained@example.net"):
        (delivery,) = post.sent(address, facts=())
        report = arf() if "complained" in address else dsn((address, *NO_SUCH_USER))
        post.comes(post.path(delivery), report)
    until = post.clock() + DAY
    since = post.clock() - 3_600_000_000
    assert post.run(standings.doubt, "@example.net", since=since, now=post.clock(), until=until) == 1
    (entry,) = post.listed(known)
    assert (entry["provisional"], entry["expires_us"]) == (1, until)
    assert [post.listed(name)[0]["provisional"] for name in (new, "complained@example.net")] == [0, 0]
    assert post.run(standings.doubt, "@example.net", since=since, now=post.clock(), until=until) == 0


def test_an_outage_that_returned_mail_shows_is_told_to_all_nodes(post: Post) -> None:
    """The node that reads the return which makes it an outage writes that down, with the return."""
    provider = "@example.net"
    for _ in range(LEAST_ANSWERS - 1):
        post.desk.breaker.refused(provider, post.clock(), is_denial=True)
    (delivery,) = post.sent("ann@example.net")
    assert post.run(doubts.standing, now=post.clock()) == {}
    post.comes(post.path(delivery), dsn(("ann@example.net", *NO_SUCH_USER)))
    assert list(post.run(doubts.standing, now=post.clock())) == [provider]


def test_forgotten_when_nothing_is_heard_any_more(post: Post) -> None:
    """Counters of addresses that are on no list go in time."""
    for address, fate in (("full@example.net", FULL), ("gone@example.net", NO_SUCH_USER)):
        (delivery,) = post.sent(address)
        post.comes(post.path(delivery), dsn((address, *fate)))
    assert post.run(standings.prune, before=post.clock() + 1) == 1
    assert post.run(standings.prune, before=post.clock() + 1) == 0
