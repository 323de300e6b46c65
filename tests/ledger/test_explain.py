"""Explanations: nothing hidden, always a next step, plain words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.ledger.conservation import HANDED_OVER_BITS, is_ended
from aftersend.ledger.events import Event, fold
from aftersend.ledger.evidence import clean, how_we_know
from aftersend.ledger.explain import Waiting, explain, headline_fact
from aftersend.ledger.facts import ALL, NONE, Fact, Facts, Phase
from aftersend.ledger.moments import iso, plain
from aftersend.ledger.reasons import Actor, Pair, Reason
from aftersend.ledger.sayings import CAUSES, SAYINGS

from .strategies import MOMENTS, event, events, fact_sets, histories, waitings

START = [event(Fact.RECEIVED, 0), event(Fact.TREATED, 1)]
DUE = 1_795_300_099_000_000


def test_every_fact_has_a_saying() -> None:
    """No fact leaves the headline, the reason or the actor without words."""
    assert set(SAYINGS) == set(ALL)
    for said in SAYINGS.values():
        assert said.news
        assert said.why.endswith(".")
        assert said.advice.endswith(".")
    assert all(why.endswith(".") for _, why in CAUSES.values())


def test_words_of_which_nothing_can_be_shown_are_no_answer() -> None:
    """A person may have given a reason of controls alone; then the fact's own words say why."""
    found = explain(NONE, [event(Fact.CANCELLED, 0, evidence={"why": "\x00 \u202e"})])
    assert found.why == SAYINGS[Fact.CANCELLED].why


@given(histories, st.none() | waitings, st.data())
def test_order_and_repetition_change_nothing(known: list[Event], waiting: Waiting | None, data: st.DataObject) -> None:
    """Permuting or repeating events never changes any answer."""
    expected = explain(NONE, known, waiting)
    assert explain(fold(known), data.draw(st.permutations(known + known[:3])), waiting) == expected


@given(histories, st.none() | waitings)
def test_later_facts_are_always_shown(known: list[Event], waiting: Waiting | None) -> None:
    """Whatever happened after the headline's fact stands beside it, in the headline's text too, with its time."""
    found = explain(NONE, known, waiting)
    first: dict[Fact, int] = {}
    for each in known:
        if each.fact is not None:
            first[each.fact] = min(first.get(each.fact, each.occurred_us), each.occurred_us)
    if found.fact is None:
        assert not first
        return
    shown = {item.fact: item.at_us for item in found.later}
    was_sent = found.fact.phase in (Phase.TRYING, Phase.FINISHED, Phase.READ)
    for fact, at in first.items():
        if was_sent and fact in (Fact.RECEIVED, Fact.TREATED):
            assert fact not in shown  # a clock that was put back says so, and yet they came before
        elif at > first[found.fact]:
            assert shown[fact] == at
    for item in found.later:
        assert item.words in found.headline
    assert found.headline.startswith(found.result.word)


@given(fact_sets, histories)
def test_endings_and_readers_are_never_hidden(facts: Facts, known: list[Event]) -> None:
    """A bounce, a person's act, an uncertainty: in the headline or beside it, whatever their times, kept or not."""
    found = explain(facts, known)
    told = {found.fact} | {item.fact for item in found.later}
    for fact in facts | fold(known):
        if fact is Fact.UNCERTAIN or (
            fact.phase in (Phase.FINISHED, Phase.READ, Phase.NOT_SENT) and fact is not Fact.DELIVERED
        ):
            assert fact in told


@given(fact_sets, histories, waitings)
def test_what_has_not_ended_says_what_and_when_is_next(facts: Facts, known: list[Event], waiting: Waiting) -> None:
    """A delivery that has not ended always says what is next and when; one that has ended never promises anything."""
    found = explain(facts, known, waiting)
    assert str(found.next.sentence).endswith(".")
    assert found.is_ended == is_ended(facts | fold(known))
    assert (found.next.at_us is None) == found.is_ended
    if found.next.at_us is not None:
        assert plain(found.next.at_us) in str(found.next.sentence)
        assert found.next.at == iso(found.next.at_us)


@given(fact_sets)
def test_nothing_planned_is_our_fault(facts: Facts) -> None:
    """What has not ended and has no plan is called a fault of ours, unless somebody else has it and was silent."""
    found = explain(facts)
    if facts and not is_ended(facts) and not facts.bits & HANDED_OVER_BITS:
        assert found.who_must_act is Actor.US
        assert "operator" in str(found.next.sentence)


@given(fact_sets, histories, st.none() | waitings)
def test_every_answer_is_given(facts: Facts, known: list[Event], waiting: Waiting | None) -> None:
    """For each delivery: why, who must act, what is next, how we know; and all of it goes into JSON."""
    found = explain(facts, known, waiting)
    assert found.why.strip()
    assert found.advice.endswith(".")
    assert bool(found.known_by) == bool(facts | fold(known))
    assert json.loads(json.dumps(found.as_dict()))["headline"] == found.headline


@given(fact_sets)
def test_the_headline_rests_on_a_fact_that_is_there(facts: Facts) -> None:
    """The headline claims nothing that no fact supports."""
    head = headline_fact(facts)
    assert (head in facts) if facts else (head is None)


def test_delivered_later_returned() -> None:
    """001's last question, answered: the word stays, and the return stands beside it with reason, time and actor."""
    found = explain(
        NONE,
        [
            event(Fact.BOUNCED, 300, Reason.MAILBOX_FULL, status="5.2.2", kind="dsn", host="mx2.example.net"),
            *START,
            event(Fact.DELIVERED, 3, kind="smtp", code=250, host="mx1.example.net", command="DATA", text="OK"),
        ],
    )
    assert found.headline == "Delivered, later returned: mailbox full"
    assert found.why == (
        "The recipient's server confirmed that it has taken it. It was later returned: the recipient's mailbox is full."
    )
    assert found.who_must_act is Actor.RECIPIENT_ADDRESS
    assert found.bounce is Pair.MAILBOX_FULL
    assert found.as_dict()["status"] == {
        "result": "Delivered",
        "lifecycle": "Bounce (Softbounce)",
        "activity": ["Requests", "Delivered", "Unopened", "Bounced"],
        "category": "Soft",
        "reason": "Mailbox is full",
        "icon": "Sent",
    }
    assert tuple(map(str, found.known_by)) == (
        "mx1.example.net answered 250 to the message: “OK” (2026-11-21 22:26:43 UTC).",
        "A delivery report came from mx2.example.net with status 5.2.2 (2026-11-21 22:31:40 UTC).",
    )
    assert found.as_dict()["later"][0]["at"] == "2026-11-21T22:31:40Z"
    assert found.is_ended


def waits(stage: str, **more: object) -> Waiting:
    """A plan for a fixed time."""
    return Waiting(DUE, stage, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("events", "waiting", "headline", "actor", "next"),
    [
        ([*START], waits("delivery"), "Unsent: about to be delivered", "nobody",
         "It is delivered next, at 2026-11-21 22:28:19 UTC."),
        ([*START, event(Fact.DEFERRED, 3, Reason.SERVER_BUSY, "greylisted")], waits("delivery", why="retry"),
         "Soft Bounced: asked to come back later", "nobody", "It is tried again at 2026-11-21 22:28:19 UTC."),
        ([*START, event(Fact.DEFERRED, 3, Reason.MAILBOX_FULL)], waits("delivery", expires_us=DUE + 60_000_000),
         "Soft Bounced: mailbox full", "recipient_address",
         "It is tried again at 2026-11-21 22:28:19 UTC. "
         "If it cannot be delivered by 2026-11-21 22:29:19 UTC, we stop trying."),
        ([*START, event(Fact.DEFERRED, 3)], waits("delivery", why="Their provider asked us to slow down."),
         "Soft Bounced: not taken yet", "their_server",
         "It is tried again at 2026-11-21 22:28:19 UTC. Their provider asked us to slow down."),
        ([*START, event(Fact.UNCERTAIN, 3, Reason.NETWORK_ERROR)], waits("delivery"), "Sent: it may have arrived",
         "nobody",
         "One more copy is tried at 2026-11-21 22:28:19 UTC; the recipient may get it twice. After that, none is."),
        ([*START, event(Fact.UNCERTAIN, 3)], None, "Sent: it may have arrived", "nobody",
         "Nothing more: a further copy could reach the recipient twice, so none is tried."),
        ([*START, event(Fact.RELAYED, 3)], waits("relayed"), "Sent: no confirmation yet", "nobody",
         "We wait until 2026-11-21 22:28:19 UTC for news from the mail relay."),
        ([*START, event(Fact.RELAYED, 3)], None, "Sent: no confirmation yet", "nobody",
         "Nothing more: no final answer came in the time that we wait for one."),
        ([*START], waits("held"), "Unsent: on hold", "your_account",
         "A person has put it on hold; if nobody lets it go on, it ends at 2026-11-21 22:28:19 UTC."),
        ([*START], waits("set_aside"), "Unsent: stopped by a fault of ours", "us",
         "A fault of our own stopped it; an operator looks at it, at 2026-11-21 22:28:19 UTC at the latest."),
        ([*START], None, "Unsent: nothing is planned", "us",
         "Nothing is planned for it, which should never be; an operator has to look at it."),
        ([START[0], event(Fact.SCHEDULED, 1)], waits("treatment"), "Unsent: planned for later", "nobody",
         "It goes on at 2026-11-21 22:28:19 UTC, as planned."),
        ([START[0], event(Fact.MODERATION_PENDING, 1)], waits("treatment"), "Unsent: waiting for a moderator", "us",
         "A moderator decides about it; we look at it again at 2026-11-21 22:28:19 UTC at the latest."),
        ([START[0], event(Fact.DEPLETED, 1)], waits("treatment"), "Unsent: no credits left", "your_account",
         "It goes on as soon as there are credits; we keep it for that until 2026-11-21 22:28:19 UTC."),
        ([START[0]], waits("treatment"), "Unsent: about to be checked", "nobody",
         "It is checked next, at 2026-11-21 22:28:19 UTC."),
        ([*START], waits("delivery", is_claimed=True, lease_ends_us=DUE + 1_000_000), "Unsent: about to be delivered",
         "nobody", "It is being worked on now; if that is cut short, it is taken up again by 2026-11-21 22:28:20 UTC."),
        ([*START, event(Fact.DELIVERED, 3)], None, "Delivered", "nobody", "Nothing more has to happen."),
        ([*START, event(Fact.BOUNCED_INVALID, 3, Reason.INVALID_RECIPIENT)], None, "Failed: no such mailbox",
         "recipient_address", "Nothing more: it is not tried again."),
        ([*START, event(Fact.DEFERRED, 3, Reason.SERVER_BUSY), event(Fact.GAVE_UP, 9, Reason.SERVER_BUSY)], None,
         "Bounced: given up (their server is busy)", "their_server", "Nothing more: it is not tried again."),
        ([*START, event(Fact.DEFERRED, 3, Reason.MAILBOX_FULL), event(Fact.CANCELLED, 9)], None,
         "Soft Bounced: mailbox full, later cancelled", "nobody", "Nothing more: it is not tried again."),
        ([START[0], event(Fact.SUPPRESSED, 1, cause="unsubscribed")], None, "Blocked: unsubscribed",
         "recipient_address", "Nothing more: it is not sent."),
        ([START[0], event(Fact.NOT_SELECTED, 1)], None, "No Email Selected", "recipient_address",
         "Nothing more: it is not sent."),
        ([START[0], event(Fact.EXPIRED, 1)], None, "Unsent: waited too long", "your_account",
         "Nothing more: it is not sent."),
        ([*START, event(Fact.DELIVERED, 3), event(Fact.OPENED_BY_MACHINE, 4)], None,
         "Delivered, later fetched by a program", "nobody", "Nothing more has to happen."),
        ([*START, event(Fact.DELIVERED, 3), event(Fact.OPENED, 9), event(Fact.CLICKED, 12),
          event(Fact.COMPLAINED, 20)], None,
         "Opened, later a link followed, later reported as spam", "your_content", "Nothing more has to happen."),
        ([*START, event(Fact.UNCERTAIN, 3), event(Fact.DELIVERED, 9)], None,
         "Delivered, also cut off at the last moment, so that a copy may have arrived", "nobody",
         "Nothing more has to happen."),
        ([], None, "Unsent", "nobody",
         "Nothing is planned for it, which should never be; an operator has to look at it."),
    ],
)  # fmt: skip
def test_scenes(events: list[Event], waiting: Waiting | None, headline: str, actor: str, next: str) -> None:
    """Every stage of a delivery's life in the words that people see."""
    found = explain(NONE, events, waiting)
    assert (found.headline, found.who_must_act.value, str(found.next.sentence)) == (headline, actor, next)


def test_our_own_words_explain_our_own_decisions() -> None:
    """What a gate said when it decided is what the person reads; a hold's reason comes from the plan."""
    refused = event(Fact.MALFORMED, 1, why="The message has neither text nor HTML.")
    assert explain(NONE, [START[0], refused]).why == "The message has neither text nor HTML."
    held = explain(
        NONE, [START[0], event(Fact.THROTTLED, 1)], waits("treatment", why="The limit of the day is reached.")
    )
    assert held.why == "The limit of the day is reached."


def test_pruned_events_leave_the_facts() -> None:
    """When the events are gone, the words stay, and it is said that the proof is no longer kept."""
    found = explain(Facts.of(Fact.RECEIVED, Fact.DELIVERED, Fact.BOUNCED))
    assert found.headline == "Delivered, also returned"
    assert tuple(map(str, found.known_by)) == ("It is on record; the events that prove it are no longer kept.",) * 2
    assert found.later[0].at is None


def test_giving_up_is_proven_by_the_last_answer() -> None:
    """That we gave up has no proof of its own: the last refusal is shown."""
    last = event(Fact.DEFERRED, 3, Reason.MAILBOX_FULL, kind="smtp", code=452, host="mx1", text="full")
    found = explain(NONE, [*START, last, event(Fact.GAVE_UP, 9, Reason.MAILBOX_FULL)])
    assert tuple(map(str, found.known_by)) == ("mx1 answered 452: “full” (2026-11-21 22:26:43 UTC).",)


@pytest.mark.parametrize(
    ("proof", "said"),
    [
        ({"kind": "smtp", "host": "mx1", "command": "MAIL"}, "mx1 gave no answer to the sender's address"),
        ({"kind": "smtp", "host": "mx1", "command": "XCLIENT", "code": 500}, "mx1 answered 500 to XCLIENT"),
        ({"kind": "connection", "site": "mx.example.net", "tried": ["mx1: refused", "mx2: did not answer"]},
         "We could not connect to mx.example.net (mx1: refused; mx2: did not answer)"),
        ({"kind": "closed", "site": "mx.example.net"}, "mx.example.net had turned us away shortly before"),
        ({"code": 550, "enhanced": "5.1.1", "text": "no\nsuch  user"},
         "The recipient's server answered 550 5.1.1: “no such user”"),
        ({"kind": "dsn"}, "A delivery report came from a server on the way"),
        ({"kind": "arf", "host": "example.net"}, "A complaint report came from example.net"),
        ({"kind": "http", "ip": "192.0.2.7", "user_agent": "Mimecast"},
         "A request for the message's image or link came from 192.0.2.7, which calls itself “Mimecast”"),
        ({"kind": "dns", "domain": "example.net", "trouble": "null_mx"},
         "We asked the internet's directory for example.net: null mx"),
        ({"kind": "person", "by": "Ann"}, "Ann did it here"),
    ],
)  # fmt: skip
def test_how_we_know(proof: dict[str, object], said: str) -> None:
    """Evidence is told in a sentence, with what there is of it."""
    assert str(how_we_know(event(Fact.BOUNCED, 0, **proof))) == f"{said} (2026-11-21 22:26:40 UTC)."


@given(events())
def test_any_evidence_can_be_told(happened: Event) -> None:
    """Whatever evidence holds, one line comes out, without control characters."""
    said = str(how_we_know(happened))
    assert said.isprintable()
    assert said.endswith(".")


@given(st.text())
def test_a_remotes_words_are_made_safe(text: str) -> None:
    """Hostile text cannot break the line, turn its direction or flood the page."""
    shown = clean(text + "\u202e\x1b[31m\r\n" + "x" * 9000)
    assert shown.isprintable()
    assert len(shown) <= 200


@given(MOMENTS)
def test_moments(at: int) -> None:
    """A moment is written in UTC, to the second, the same way everywhere."""
    assert plain(at).replace(" UTC", "Z").replace(" ", "T") == iso(at)


def test_impossible_moments_do_not_break_the_page() -> None:
    """A report may claim any time; the page still shows."""
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert iso(-(10**30)) == "0001-01-01T00:00:00Z"
    assert plain(10**30) == "9999-12-31 23:59:59 UTC"
