"""Their server has never seen us: it asks to come back later."""

from __future__ import annotations

from house import House, kinds


def test_greylisting_is_recognised_and_waited_for(house: House) -> None:
    """One further try, made late enough to be taken; the reason is kept with the event."""
    row = house.end_of(house.send("greylist@one.practice.test"))
    assert kinds(row) == ["received", "treated", "deferred", "delivered"]
    deferred = row["events"][2]
    assert (deferred["reason"], deferred["detail"]) == ("server_busy", "greylisted")
    assert row["tries"] == 2
    assert row["status"]["result"] == "Delivered"


def test_greylisting_does_not_slow_the_others_down(house: House) -> None:
    """It speaks of one message; the site is pressed as before."""
    house.end_of(house.send("greylist2@two.practice.test"))
    states = house.call(
        lambda: [site.state for name, site in house.service.courier.sites.items() if "two-mail" in name]
    )
    assert states
    assert all(state.rate_per_s is None and not state.closed_until_us for state in states)
