"""From the end of an attempt to what is written down: the fact, its evidence, and always a next time or an end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.clock import DAY, HOUR, MINUTE
from aftersend.delivery.outcome import RELAY_NEWS_WAIT_US, Attempt, step_after
from aftersend.ledger.conservation import is_ended
from aftersend.ledger.facts import Fact, Facts
from aftersend.ledger.reasons import DETAILS, Reason
from aftersend.ledger.vocabularies.bounces import KINDS, counted
from aftersend.policy import outcomes
from aftersend.policy.retry import RetryPlan
from aftersend.store.queue import Claim, Stage
from aftersend.store.record import Step
from given import ACCOUNT, NODE, START

PLAN = RetryPlan()


def claim(*, tries: int = 0, facts: int = 0, age: int = 0, lifetime: int = 3 * DAY) -> Claim:
    """A delivery in hand."""
    return Claim(
        account_id=ACCOUNT, delivery_id=4711, tries=tries, due_us=START, expires_us=START - age + lifetime, site="",
        faults=0, message_id=12, stream="transactional", recipient="ann@example.net", folded="ann@example.net",
        domain="example.net", facts=facts, notify=None, orcpt=None, broadcast_id=None, created_us=START - age,
        sender="shop@example.com", header_from="shop@example.com", headers=b"", body=b"", size=10, flags=0, envid=None,
        scheduled_us=None, received_us=START - age, reason=None, detail=None,
    )  # fmt: skip


def after(attempt: Attempt, **options: Any) -> Step:
    """What is recorded for it."""
    return step_after(
        claim(**options), attempt, now=START, node=NODE, keys=(1, 2), plan=PLAN, chance=0.5, site="example.net"
    )


def refusal(code: int, reason: Reason, detail: str | None = None, status: str = "", **more: Any) -> Attempt:
    """The server said no."""
    meaning = outcomes.of_refusal(code, reason, detail, **more)
    return Attempt(meaning, f"{code} {status} no", {"kind": "smtp", "code": code}, status)


def kinds(step: Step) -> list[str]:
    """The kinds of event."""
    return [row[3] for row in step.events]


def test_delivered() -> None:
    """The end: one event with its evidence, a try, nothing planned."""
    step = after(
        Attempt(outcomes.of_acceptance(smart_host=False), "250 2.0.0 Ok", {"kind": "smtp", "code": 250}, "2.0.0")
    )
    assert kinds(step) == ["delivered"]
    assert (step.facts, step.next, step.tries, step.holder) == (Fact.DELIVERED.bit, None, 1, NODE)
    assert step.said == "250 2.0.0 Ok"
    assert json.loads(step.events[0][-1]) == {"kind": "smtp", "code": 250}
    assert step.events[0][9] == "2.0.0"
    assert step.pairs == []


def test_handed_to_a_smart_host() -> None:
    """Relayed is not the end: news is waited for, for some days, and then no longer."""
    step = after(Attempt(outcomes.of_acceptance(smart_host=True), "250 Ok", {}))
    assert kinds(step) == ["relayed"]
    assert step.next is not None
    assert (step.next.stage, step.next.due_us) == (Stage.RELAYED, START + RELAY_NEWS_WAIT_US)


def test_refused_for_now() -> None:
    """A deferral has a time, a reason, and one try more."""
    step = after(refusal(451, Reason.SERVER_BUSY, "greylisted", "4.7.1"), tries=2)
    assert kinds(step) == ["deferred"]
    assert (step.reason, step.detail) == ("server_busy", "greylisted")
    assert step.next is not None
    assert step.next.stage is Stage.DELIVERY
    assert step.next.due_us > START + 5 * MINUTE
    assert (step.next.tries, step.next.site, step.next.expires_us) == (3, "example.net", START + 3 * DAY)
    assert step.pairs == []


def test_refused_for_good() -> None:
    """A bounce ends it, and is counted as 002 does."""
    step = after(refusal(550, Reason.INVALID_RECIPIENT, None, "5.1.1"))
    assert kinds(step) == ["bounced_invalid"]
    assert step.next is None
    assert step.pairs == [("Hard", "Invalid recipient")]


@pytest.mark.parametrize(
    ("status", "pair"),
    [("4.3.0", ("Technical", "Other receiver error")), ("4.2.0", ("Soft", "Other receiver error"))],
)
def test_giving_up_says_why(status: str, pair: tuple[str, str]) -> None:
    """When the lifetime has ended, the last refusal and the end are both in the history, and the bounce counts once."""
    step = after(refusal(451, Reason.OTHER_RECEIVER_ERROR, None, status), tries=9, age=3 * DAY)
    assert kinds(step) == ["deferred", "gave_up"]
    assert [row[2] for row in step.events] == [1, 2]
    assert step.facts == Fact.DEFERRED.bit | Fact.GAVE_UP.bit
    assert (step.next, step.reason) == (None, "other_receiver_error")
    assert step.pairs == [pair]


def test_a_first_lost_reply_leads_to_one_more_copy() -> None:
    """Uncertain is said at once, and the next try does not hurry; the second time there is none."""
    first = after(Attempt(outcomes.of_lost_reply(lost_before=False), "broke", {}))
    assert kinds(first) == ["uncertain"]
    assert first.next is not None
    assert first.next.due_us >= START + 30 * MINUTE
    second = after(Attempt(outcomes.of_lost_reply(lost_before=True), "broke", {}), facts=Fact.UNCERTAIN.bit)
    assert kinds(second) == ["uncertain"]
    assert second.next is None


def test_what_was_not_tried_is_no_try() -> None:
    """A site that is closed costs a delivery no attempt; it is due again all the same."""
    attempt = Attempt(outcomes.of_no_connection(), "The site is closed.", {"kind": "closed"}, tried=False)
    step = after(attempt, tries=2)
    assert step.tries == 0
    assert step.next is not None
    assert (step.next.tries, step.next.due_us > START) == (2, True)


def test_a_planned_message_begins_to_age_at_its_time() -> None:
    """The plan counts from when it was to go out, not from when it was handed in."""
    item = claim(age=10 * DAY, lifetime=13 * DAY)
    item.scheduled_us = START
    step = step_after(
        item, refusal(451, Reason.SERVER_BUSY), now=START, node=NODE, keys=(1, 2), plan=PLAN, chance=0.5, site=""
    )
    assert step.next is not None
    assert START < step.next.due_us <= START + 6 * MINUTE


MEANINGS = st.one_of(
    st.builds(outcomes.of_acceptance, smart_host=st.booleans()),
    st.builds(
        outcomes.of_refusal, st.integers(400, 599), st.sampled_from(Reason), st.none() | st.text(max_size=10),
        retry_after_s=st.none() | st.floats(0, 1e6),
    ),
    st.builds(outcomes.of_no_connection),
    st.builds(outcomes.of_lost_reply, lost_before=st.booleans()),
    st.builds(outcomes.of_names, st.sampled_from(["null_mx", "no_such_domain", "no_address", "no_answer"]), seen_before=st.booleans()),
)  # fmt: skip


@given(
    meaning=MEANINGS,
    tries=st.integers(0, 30),
    age=st.integers(0, 4 * DAY),
    lifetime=st.integers(HOUR, 3 * DAY),
    tried=st.booleans(),
)
def test_nothing_waits_without_an_end(
    meaning: outcomes.Meaning, tries: int, age: int, lifetime: int, tried: bool
) -> None:
    """Whatever an attempt came to: a time ahead of us, or an end, or the one rest that is known (uncertain for good)."""
    step = after(Attempt(meaning, "said", {}, tried=tried), tries=tries, age=age, lifetime=lifetime)
    if step.next is not None:
        assert step.next.due_us > START
        assert not is_ended(step.facts)
    else:
        assert is_ended(step.facts) or Fact.UNCERTAIN in Facts(step.facts)
    assert step.facts == sum({1 << row[4] for row in step.events})
    assert len({row[2] for row in step.events}) == len(step.events)


@given(
    reason=st.sampled_from(Reason), detail=st.sampled_from([None, *(detail for _, detail in DETAILS)]),
    status=st.sampled_from(["", "4.2.2", "5.2.0", "5.1.1", "4.4.1"]), code=st.sampled_from([421, 450, 550, 554]),
    age=st.sampled_from([0, 4 * DAY]),
)  # fmt: skip
def test_a_bounce_is_counted_as_its_event_says(
    reason: Reason, detail: str | None, status: str, code: int, age: int
) -> None:
    """Whatever the server said: what is counted can be read from the events again, which is how it is listed."""
    step = after(refusal(code, reason, detail, status), tries=1, age=age)
    expected = [
        counted(row[7], row[8], row[9]).words for row in step.events if row[3] in KINDS
    ]  # fmt: skip
    assert step.pairs == expected
