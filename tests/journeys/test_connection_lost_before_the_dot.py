"""The connection breaks before the server has the message."""

from __future__ import annotations

from house import House, kinds


def test_it_is_tried_again_and_no_copy_is_doubled(house: House) -> None:
    """A cut at RCPT is an ordinary failure to be tried again: a technical trouble, a network error."""
    recipient = "drop-then-ok@cutting.practice.test"
    row = house.end_of(house.send(recipient))
    assert kinds(row) == ["received", "treated", "deferred", "delivered"]
    assert row["events"][2]["reason"] == "network_error"
    assert len(house.received(recipient)) == 1


def test_a_server_that_always_cuts_is_given_up(house: House) -> None:
    """Technical, Network error; their server must act."""
    row = house.end_of(house.send("drop@cutting.practice.test"))
    assert kinds(row)[-1] == "gave_up"
    assert (row["status"]["category"], row["status"]["reason"]) == ("Technical", "Network error")
    assert row["who_must_act"] == "their_server"


def test_a_cut_while_the_content_goes_over_leaves_it_uncertain(house: House) -> None:
    """A small message goes over in one piece, so nobody can tell whether its end arrived; one more copy is tried."""
    recipient = "drop-mid-data@cutting.practice.test"
    row = house.end_of(house.send(recipient))
    assert kinds(row) == ["received", "treated", "uncertain", "delivered"]
    assert len(house.received(recipient)) == 1
