"""Rates of a node and of its addresses: which address is used, who waits, until when, and what is remembered."""

from __future__ import annotations

from aftersend.clock import HOUR, MINUTE, SECOND
from aftersend.delivery.names import Host
from aftersend.delivery.sources import Leave, Sources
from aftersend.policy.throttles import DAY_US, read
from given import START, Clock

HOSTS = (Host("mx.example.net", ("198.51.100.1",)),)
NEW, OLD, SIX = "192.0.2.1", "192.0.2.2", "2001:db8::1"


def sources(clock: Clock, *rates: tuple[str, str, str], addresses: tuple[str, ...] = (NEW, OLD)) -> Sources:
    """A node's addresses with rates that began at the start of time."""
    made = Sources(addresses, "one", clock)
    made.follow(read([(0, scope, name, rate, START) for scope, name, rate in rates]))
    return made


def go(found: Sources, account: int = 1, *, urgent: bool = False, waited: bool = False) -> Leave:
    """Ask for one message, and let it leave if it may."""
    leave = found.leave(account, HOSTS, is_urgent=urgent, has_waited=waited)
    if not leave.until_us:
        found.take(leave)
    return leave


def test_without_rates_nothing_is_asked(clock: Clock) -> None:
    """Rates of others, and of accounts, do not concern a node."""
    assert not sources(clock, ("node", "two", "1/hour"), ("account", "", "1/hour")).is_limited


def test_a_new_address_is_used_as_far_as_its_warm_up_goes(clock: Clock) -> None:
    """And the other one for what is more; nothing waits."""
    found = sources(clock, ("address", NEW, "warm-up"))
    left = [go(found).source for _ in range(30)]
    assert (left.count(NEW), left.count(OLD)) == (10, 20)
    clock.forward(DAY_US // 200)
    assert [go(found).source for _ in range(2)] == [NEW, OLD]


def test_what_is_too_much_for_all_waits_with_a_reason(clock: Clock) -> None:
    """In line, at the pace of both addresses together; transactional mail counts, and goes."""
    found = sources(clock, ("address", NEW, "60/hour"), ("address", OLD, "60/hour"))
    assert {go(found).source, go(found).source} == {NEW, OLD}
    assert go(found, urgent=True).source in (NEW, OLD)
    waits = [go(found) for _ in range(4)]
    assert [one.until_us - clock() for one in waits] == [MINUTE, 90 * SECOND, 2 * MINUTE, 150 * SECOND]
    assert waits[0].why == f"No more than 60 an hour go out from {NEW if NEW in waits[0].why else OLD}."


def test_a_long_line_delays_its_own_account_only(clock: Clock) -> None:
    """The first of another account is promised the next moment."""
    found = sources(clock, ("node", "one", "60/hour"))
    go(found)
    last = [go(found) for _ in range(500)][-1]
    assert last.until_us > clock() + 8 * HOUR
    other = go(found, 2)
    assert other.until_us <= clock() + 2 * MINUTE
    assert other.why == "No more than 60 an hour go out from the node one."


def test_nobody_waits_longer_than_a_rate_of_a_warm_up_holds(clock: Clock) -> None:
    """On the next day more may go, so all are looked at anew."""
    found = sources(clock, ("node", "one", "warm-up"))
    waits = [leave for _ in range(2_000) if (leave := go(found)).until_us]
    assert max(one.until_us for one in waits) == START + DAY_US
    clock.forward(13 * DAY_US)
    assert not go(found).until_us


def test_a_family_without_an_address_goes_as_the_system_chooses(clock: Clock) -> None:
    """Only the node's own rate holds there."""
    found = sources(clock, ("address", SIX, "1/hour"), addresses=(SIX,))
    assert [go(found) for _ in range(3)] == [Leave()] * 3


def test_what_was_used_up_outlives_the_process_and_a_change(clock: Clock) -> None:
    """The store is told once what was taken, and told it back."""
    found = sources(clock, ("node", "one", "60/hour"))
    go(found)
    (told,) = found.taken()
    assert told == ((0, "node:one"), MINUTE)
    assert found.taken() == []
    again = sources(clock, ("node", "one", "60/hour"))
    again.know({(0, "node:one"): (clock() + MINUTE, 0)})
    assert go(again).until_us == clock() + MINUTE
    found.follow(read([(0, "node", "one", "61/hour", START)]))
    assert go(found).until_us == 0
    found.follow(read([]))
    assert not found.is_limited


def test_a_clock_that_is_put_back_keeps_nobody_waiting_for_as_long(clock: Clock) -> None:
    """What was taken counts as before, and what the store still says of the wrong time is not believed."""
    found = sources(clock, ("node", "one", "60/hour"))
    clock.forward(5 * HOUR)
    assert [bool(go(found).until_us) for _ in range(2)] == [False, True]
    wrong = {place: (clock() + MINUTE, clock()) for place in found.places}
    clock.forward(-2 * HOUR)
    found.put_back(2 * HOUR, deaf_us=15 * SECOND)
    found.know(wrong)
    assert go(found).until_us == clock() + MINUTE
    clock.forward(MINUTE)
    assert not go(found).until_us
