"""A server that takes two connections at once."""

from __future__ import annotations

from house import House, has_settled

MANY = 60


def test_the_limit_is_found_and_everybody_is_reached(house: House) -> None:
    """Who is told 421 presses less; every message arrives, few connections are turned away in the long run."""
    recipients = [f"person{i}@busy.practice.test" for i in range(MANY)]
    sent = house.send(*recipients)
    rows = house.wait(sent, has_settled)
    assert {row["status"]["result"] for row in rows} == {"Delivered"}
    assert sum(len(house.received(recipient)) for recipient in recipients) == MANY
    server = house.world.servers["mx.busy-mail.test"]
    assert server.most_at_once == 2
    house.conserves(sent)


def test_a_site_that_said_421_is_pressed_with_fewer_connections(house: House) -> None:
    """The next message goes over a connection that the site has room for."""
    before = house.world.servers["mx.busy-mail.test"].turned_away
    for number in range(5):
        house.end_of(house.send(f"later{number}@busy.practice.test"))
    assert house.world.servers["mx.busy-mail.test"].turned_away == before
