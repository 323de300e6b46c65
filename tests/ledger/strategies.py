"""What the properties of this room range over."""

from __future__ import annotations

from hypothesis import strategies as st

from aftersend.ledger.events import OTHER_KINDS, Event
from aftersend.ledger.facts import ALL, Fact, Facts
from aftersend.ledger.plans import Waiting
from aftersend.ledger.reasons import DETAILS, Reason

MOMENTS = st.integers(min_value=1_700_000_000_000_000, max_value=1_700_000_000_000_000 + 10_000_000)

fact_sets = st.sets(st.sampled_from(ALL)).map(lambda facts: Facts.of(*facts))

proofs = st.dictionaries(
    st.sampled_from(["kind", "code", "status", "text", "host", "command", "user_agent", "why", "cause", "by", "tried"]),
    st.sampled_from(
        ["smtp", "dsn", "arf", "http", "dns", "person", "connection", "closed", "bounced", "Something happened."]
    )
    | st.integers(200, 599)
    | st.text(" aé–\n\x1b\u202e\u2028", max_size=9)
    | st.none(),
    max_size=4,
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Any event of one delivery."""
    fact = draw(st.none() | st.sampled_from(ALL))
    kind = draw(st.sampled_from(sorted(OTHER_KINDS))) if fact is None else fact.word
    reason = draw(st.none() | st.sampled_from(Reason))
    detail = draw(st.none() | st.sampled_from(sorted({name for _, name in DETAILS} | {"bounced", "unheard_of"})))
    occurred = draw(MOMENTS)
    key = draw(st.integers(0, (1 << 63) - 1))
    status = draw(st.sampled_from(["", "4.2.1", "5.1.1", "4.4.1"]))
    return Event(
        key, 1, 7, key, kind, fact, occurred, occurred + draw(st.integers(0, 9)), reason, detail, status, draw(proofs)
    )


histories = st.lists(events(), max_size=8, unique_by=lambda event: event.key)

waitings = st.builds(
    Waiting,
    next_due_us=MOMENTS,
    stage=st.sampled_from(["treatment", "delivery", "held", "relayed", "set_aside", "something_new"]),
    why=st.none() | st.sampled_from(["retry", "The sender planned it for a later time.", "the smart host has it"]),
    expires_us=st.none() | MOMENTS,
    is_claimed=st.booleans(),
    lease_ends_us=st.none() | MOMENTS,
)


def event(fact: Fact, second: int, reason: Reason | None = None, detail: str | None = None, **more: object) -> Event:
    """An event that establishes the fact, so many seconds into the history."""
    at = 1_795_300_000_000_000 + second * 1_000_000
    status = str(more.pop("status", ""))
    return Event(second, 1, 7, 1000 * int(fact) + second, fact.word, fact, at, at, reason, detail, status, more)
