"""The part of the address behind the @ is at fault."""

from __future__ import annotations

from house import House, is_explained, kinds


def test_a_null_mx_is_a_refusal(house: House) -> None:
    """RFC 7505: no server is tried; Failed, Bad domain."""
    row = house.end_of(house.send("ann@null-mx.practice.test"))
    assert kinds(row) == ["received", "treated", "bounced_invalid"]
    assert row["status"]["result"] == "Failed"
    assert (row["status"]["category"], row["status"]["reason"]) == ("Hard", "Bad domain")
    assert row["who_must_act"] == "recipient_address"
    assert is_explained(row)
    assert row["events"][-1]["evidence"]["trouble"] == "null_mx"


def test_a_domain_that_does_not_exist_is_looked_up_twice(house: House) -> None:
    """The first NXDOMAIN may be a passing fault of the DNS; the second one is believed."""
    row = house.end_of(house.send("ann@no-such-domain.practice.test"))
    assert kinds(row) == ["received", "treated", "deferred", "bounced_invalid"]
    assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Failed", "Bounce (Hardbounce)")
    assert (row["status"]["category"], row["status"]["reason"]) == ("Hard", "Bad domain")
    assert row["events"][-1]["evidence"]["trouble"] == "no_such_domain"


def test_a_server_without_an_address_ends_the_same_way(house: House) -> None:
    """The MX names a host that has no address."""
    row = house.end_of(house.send("ann@no-mx-address.practice.test"))
    assert kinds(row) == ["received", "treated", "deferred", "bounced_invalid"]
    assert (row["status"]["category"], row["status"]["reason"]) == ("Hard", "Bad domain")


def test_a_fault_of_the_dns_is_never_the_address_s_fault(house: House) -> None:
    """SERVFAIL: tried until the lifetime ends, then given up as a network error."""
    row = house.end_of(house.send("ann@servfail.practice.test"))
    assert kinds(row)[-1] == "gave_up"
    assert (row["status"]["result"], row["status"]["category"]) == ("Bounced", "Technical")
    assert row["status"]["reason"] == "Network error"
