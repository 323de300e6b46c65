"""What an answer means, when to come again, and what goes into one request: pure, so held against everything."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.clock import DAY, HOUR, SECOND
from aftersend.webhooks import ladder
from aftersend.webhooks.parcels import LANES_MOST, Item, body, lanes, message_id
from given import START


def item(sequence: int, recipient: str) -> Item:
    """An event."""
    return Item(sequence, 1, sequence, recipient, {"type": "delivery.sent", "occurred_at": "now", "sequence": sequence})


RECIPIENTS = st.lists(st.sampled_from([f"r{i}@example.net" for i in range(9)]), max_size=200)


@given(recipients=RECIPIENTS, batch=st.integers(1, 100))
def test_lanes_keep_each_recipients_order(recipients: list[str], batch: int) -> None:
    """Nothing is lost or doubled, and whoever gets several events has all of them in one lane, in order."""
    items = [item(number, recipient) for number, recipient in enumerate(recipients)]
    found = lanes(items, batch)
    assert len(found) <= min(LANES_MOST, max(1, len(items)))
    assert sorted(each.sequence for lane in found for each in lane) == list(range(len(items)))
    for lane in found:
        assert [each.sequence for each in lane] == sorted(each.sequence for each in lane)
    for recipient in set(recipients):
        assert sum(any(each.recipient == recipient for each in lane) for lane in found) == 1


@given(recipients=RECIPIENTS.filter(bool), data=st.data())
def test_the_same_events_have_the_same_id_and_no_others(recipients: list[str], data: st.DataObject) -> None:
    """By it a receiver knows what it has seen; it has no dot, which would confuse what is signed."""
    items = [item(number, recipient) for number, recipient in enumerate(recipients)]
    cut = data.draw(st.integers(1, len(items)))
    assert message_id(items[:cut]) == message_id(list(items[:cut]))
    assert "." not in message_id(items)
    if cut < len(items):
        assert message_id(items[:cut]) != message_id(items)
    assert body(items, is_batch=True).startswith(b"[")
    assert body(items[:1], is_batch=False).startswith(b"{")


@given(status=st.integers(100, 599), text=st.text(max_size=60), answer=st.binary(max_size=3000))
def test_every_answer_means_something(status: int, text: str, answer: bytes) -> None:
    """Only 2xx is good; whatever the headers and the body are, a wait is between nothing and a day, and words are plain."""
    outcome = ladder.of_response(status, {"retry-after": text, "location": text}, answer, "192.0.2.1", START)
    assert outcome.is_good == (200 <= status < 300)
    assert outcome.said.endswith(".")
    assert outcome.wait_us is None or 0 <= outcome.wait_us <= DAY
    assert outcome.answer.isprintable()
    assert len(outcome.answer) <= 1024


@pytest.mark.parametrize(("text", "wait"), [
    ("120", 120 * SECOND),
    ("0", 0),
    ("99999999", DAY),
    ("-5", None),
    ("soon", None),
    ("", None),
    ("1e3", None),
    ("١٢", None),
    (format_datetime(datetime.fromtimestamp(START // SECOND + 90, tz=UTC), usegmt=True), 90 * SECOND),
    (format_datetime(datetime.fromtimestamp(START // SECOND - 90, tz=UTC), usegmt=True), 0),
    ("Mon, 99 Foo 2026 99:99:99 GMT", None),
])  # fmt: skip
def test_retry_after(text: str, wait: int | None) -> None:
    """Seconds or a date (RFC 9110 §10.2.3)."""
    assert ladder.retry_after(text, START) == wait


@given(st.text(max_size=80))
def test_retry_after_never_fails(text: str) -> None:
    """Hostile text is no wait."""
    found = ladder.retry_after(text, START)
    assert found is None or 0 <= found <= DAY


@given(st.floats(0, 1, exclude_max=True))
def test_the_ladder_takes_three_days_and_ends(chance: float) -> None:
    """Each wait is longer than the one before, a fifth sooner or later; after ten tries it is over."""
    now, waits = START, []
    for tries in range(1, ladder.TRIES):
        due = ladder.next_try(tries, now, chance)
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits == sorted(waits)
    assert 60 * HOUR < now - START < 92 * HOUR
    assert ladder.next_try(ladder.TRIES, now, chance) is None


@given(failures=st.integers(0, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_who_is_down_is_knocked_at_for_ever(failures: int, chance: float) -> None:
    """After an hour and a fifth at the latest."""
    assert 0 < ladder.next_knock(failures, START, chance) - START <= HOUR * 1.2
