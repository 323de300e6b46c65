"""What cannot arrive is stopped before it is on its way, and the sender reads what to mend."""

from __future__ import annotations

import pytest

from aftersend.store import suppressions
from house import House, is_explained, kinds, mail


@pytest.mark.parametrize("way", ["smtp", "api"])
def test_a_message_with_nothing_in_it(house: House, way: str) -> None:
    """Malformed: Unsent, Error, and the content must be mended."""
    to = f"empty-{way}@one.practice.test"
    content = mail(to).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    sent = house.send(to, content=content) if way == "smtp" else house.post(to, text=" ")
    row = house.end_of(sent)
    assert kinds(row) == ["received", "malformed"]
    assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Unsent", "Error")
    assert row["who_must_act"] == "your_content"
    assert "The message is empty" in row["why"]
    assert is_explained(row)
    assert house.received(to) == []


@pytest.mark.parametrize("way", ["smtp", "api"])
def test_a_misspelt_domain(house: House, way: str) -> None:
    """Failed: the DNS does not know it, and the one that was probably meant is named."""
    to = f"{way}@gmial.con"
    row = house.end_of(house.send(to) if way == "smtp" else house.post(to))
    assert kinds(row) == ["received", "invalid_address"]
    assert row["status"]["result"] == "Failed"
    assert row["who_must_act"] == "recipient_address"
    assert f"Did you mean {way}@gmail.com?" in row["why"]
    assert is_explained(row)


@pytest.mark.parametrize("way", ["smtp", "api"])
def test_an_address_that_is_listed_for_all(house: House, way: str) -> None:
    """Blocked, Filtered, Dropped: the evidence says by which list."""
    entry = {"cause": "a trap", "origin": "configured", "now": house.service.clock()}
    house.do(suppressions.put, suppressions.PLATFORM, f"listed-{way}@one.practice.test", **entry)
    to = f"listed-{way}@one.practice.test"
    row = house.end_of(house.send(to) if way == "smtp" else house.post(to))
    assert kinds(row) == ["received", "blocklisted"]
    assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Blocked", "Filtered")
    assert "Dropped" in row["status"]["activity"]
    assert "block list of this installation: a trap" in row["why"]
    assert is_explained(row)
    (found,) = house.api("GET", f"/v1/suppressions/{to}")["data"]
    assert (found["recipient"], found["origin"]) == (to, "platform")
