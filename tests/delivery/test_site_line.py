"""How many parcels wait for a site in memory, and how soon what found no room comes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aftersend.clock import SECOND
from aftersend.delivery.lane import Lane
from aftersend.delivery.parcel import Parcel
from aftersend.delivery.routes import Route
from aftersend.delivery.site import LINE_LEAST, LINE_MOST, Site
from aftersend.delivery.waiting import Waiting
from aftersend.policy.limits import Limits
from aftersend.store.turns import BULK_SHARE

NOW = 1_764_547_200 * SECOND


class Time:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def site_at(rate: float, time: Time, *, messages: int = 60) -> Site:
    """A site that has just taken so many messages at this rate."""
    site = Site("mx.example", time, Limits())
    for _ in range(messages):
        time.now += int(SECOND / rate)
        site.went_well()
    return site


@given(rate=st.floats(0.3, 5000))
def test_a_line_holds_two_seconds_of_work_within_bounds(rate: float) -> None:
    """A fast site has a long line, a slow one the least; what finds no room comes back when the line has been worked off."""
    site = site_at(rate, Time())
    room = next(n for n in range(LINE_MOST + 1) if site.is_full(n, NOW))
    assert LINE_LEAST <= room <= LINE_MOST
    assert room == LINE_LEAST or room <= 2 * rate * 1.2 + 1
    assert 0 < site.seconds_to_room(NOW) <= 60
    assert site.seconds_to_room(NOW) <= LINE_LEAST / rate * 1.1


def test_a_site_that_never_answers_is_asked_less_and_less() -> None:
    """As long as nothing is known the wait is as long as the line has stood: a second at first, a minute at most."""
    time = Time()
    site = Site("mx.example", time, Limits())
    assert not site.is_full(0, NOW)
    waits = []
    for _ in range(10):
        assert site.is_full(LINE_LEAST, NOW)
        waits.append(site.seconds_to_room(NOW))
        time.now += int(waits[-1] * SECOND)
    assert waits[0] == 1.0
    assert waits == sorted(waits)
    assert waits[-1] == 60.0


@given(apart=st.floats(0.01, 3600), messages=st.integers(0, 60), taken=st.integers(0, 60))
def test_how_fast_it_was_while_nothing_waited_says_nothing(apart: float, messages: int, taken: int) -> None:
    """A burst is not judged by a trickle or by an hour without mail before it, only by what is taken while it waits."""
    time = Time()
    site = site_at(1 / apart, time, messages=messages)
    began = time.now = time.now + int(apart * SECOND)
    assert site.seconds_to_room(began) == 1.0
    for number in range(1, taken + 1):
        time.now += SECOND // 100
        site.went_well()
        at_once = 1.0 if number < 10 else LINE_LEAST / 100
        assert site.seconds_to_room(began) <= at_once * 1.2


def test_a_rate_that_the_site_asked_for_counts() -> None:
    """A site that spoke of rates is not thought faster than the rate it was given."""
    time = Time()
    site = site_at(100, time)
    site.pushed_back("421 too fast", 0.0, of_rate=True)
    assert site.seconds_to_room(NOW) > LINE_LEAST / 100


class Nobody:
    """Opens no connection."""

    def open_connection(self, lane: Lane) -> None:
        """Do nothing."""

    def may_open(self) -> bool:
        """No more fit."""
        return False


def parcel() -> Parcel:
    """One of many."""
    return Parcel(None, "", ())  # type: ignore[arg-type]


def test_urgent_mail_finds_room_where_a_broadcast_fills_the_line() -> None:
    """It goes before the broadcast, and has a bound of its own."""
    lane = Lane(Site("mx.example", Time(), Limits()), (), Route(), Nobody(), Time())
    while not lane.room_at(is_urgent=False):
        lane.add(parcel())
    assert len(lane.waiting) == LINE_LEAST
    assert lane.room_at(is_urgent=True) == 0
    urgent = parcel()
    lane.add(urgent, is_urgent=True)
    assert lane.pull() is urgent
    while not lane.room_at(is_urgent=True):
        lane.add(parcel(), is_urgent=True)
    assert len(lane.waiting) == 2 * LINE_LEAST


@given(st.lists(st.sampled_from(["urgent", "other", "back", "take"])))
def test_a_line_keeps_the_order_of_each_kind(said: list[str]) -> None:
    """Urgent ones first, every fourth of the others all the same; what was handed back before all; nobody is lost."""
    line = Waiting()
    ahead: list[Parcel] = []
    others: list[Parcel] = []
    passed_over = 0
    for word in said:
        if word == "take":
            if not line:
                continue
            found = line.take()
            if ahead and found is ahead[0]:
                ahead.pop(0)
                passed_over = passed_over + 1 if others else 0
            else:
                assert found is others.pop(0)
                passed_over = 0
            assert passed_over < BULK_SHARE
        else:
            made = parcel()
            if word == "back":
                line.put_back(made)
                ahead.insert(0, made)
            else:
                line.add(made, is_urgent=word == "urgent")
                (ahead if word == "urgent" else others).append(made)
        assert (len(line), bool(line)) == (len(ahead) + len(others), bool(ahead or others))
    assert line.take_all() == [*ahead, *others]
    assert not line
