"""The first of two mail servers is down."""

from __future__ import annotations

from house import House, kinds


def test_the_second_server_takes_it_in_the_same_attempt(house: House) -> None:
    """No soft bounce is shown: the domain as a whole was to be reached."""
    row = house.end_of(house.send("ann@first-refuses.practice.test"))
    assert kinds(row) == ["received", "treated", "delivered"]
    assert row["events"][-1]["evidence"]["host"] == "mx2.second-mail.test"
    assert row["tries"] == 1


def test_a_domain_all_of_whose_servers_are_down_is_given_up(house: House) -> None:
    """Technical, Network error; the evidence names each server that was tried."""
    row = house.end_of(house.send("ann@refuses.practice.test"))
    assert kinds(row)[-1] == "gave_up"
    assert (row["status"]["category"], row["status"]["reason"]) == ("Technical", "Network error")
    assert "mx.down-mail.test" in str(row["events"][2]["evidence"])
