"""Two customers of one provider, each with a server of its own."""

from __future__ import annotations

from house import House, kinds


def test_each_domain_s_mail_goes_to_its_own_server(house: House) -> None:
    """Limits may be shared by all servers under one name; the servers are not interchangeable."""
    sent = house.send(*(f"ann{i}@tenant-{which}.practice.test" for i in range(3) for which in "ab"))
    for row in house.wait(sent):
        assert kinds(row)[-1] == "delivered", row["headline"]
        which = row["recipient"].partition("@")[2][:8]
        assert row["events"][-1]["evidence"]["host"] == f"{which}.shared-mail.test"
    house.conserves(sent)
