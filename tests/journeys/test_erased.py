"""A person asks to be forgotten: no trace of the address is left anywhere, and every count stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from broadcasting import SHOP, Client, has_ended
from sqlalchemy import Connection, select

from aftersend.store.schema import metadata
from house import House, mail


@pytest.fixture
def customer(house: House) -> Iterator[Client]:
    """A customer of the house."""
    client = Client(house)
    yield client
    client.close()


def traces(connection: Connection, word: str) -> list[str]:
    """Every column of every table in which a word stands, in any spelling."""
    found = []
    for name, table in metadata.tables.items():
        for row in connection.execute(select(table)):
            for column, value in row._mapping.items():
                text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                if word in text.lower():
                    found.append(f"{name}.{column}: {text}")
    return found


def test_no_trace_is_left(house: House, customer: Client) -> None:
    """Of contact, log, content, evidence, personal data; others who got the same message keep their rows."""
    number = time.monotonic_ns()
    word = str(number)
    address, gone, other = (
        f"forget{word}@one.practice.test",
        f"unknown{word}@one.practice.test",
        f"stays{number + 1}@one.practice.test",
    )
    customer.do("POST", "/lists", {"name": f"l{number + 1}"})
    person: dict[str, Any] = {
        "name": word,
        "addresses": [{"address": address}, {"address": gone}],
        "lists": [f"l{number + 1}"],
    }
    contact = customer.do("POST", "/contacts", person)["id"]
    proof = {"state": "granted", "source": f"form of {word}", "evidence": {"email": word}}
    customer.do("POST", f"/contacts/{contact}/consents", proof)
    message = {"from": SHOP, "subject": "For {{ name }}", "text": "Dear {{ name }}"}
    draft = {"name": "x", "lists": [f"l{number + 1}"], "message": message}
    shown = customer.do("POST", "/broadcasts", draft)["id"]
    customer.do("POST", f"/broadcasts/{shown}/start")
    later = customer.do("POST", "/broadcasts", draft | {"lists": []})["id"]
    customer.do(
        "POST",
        f"/broadcasts/{later}/recipients",
        {"recipients": [{"to": f"X <{address.upper()}>", "data": {"n": word}}]},
    )
    sent = [house.send(address), house.send(gone), house.send(address, other, content=mail(f"{address}, {other}"))]
    for each in sent:
        house.wait(each)
    customer.wait(shown, has_ended)
    plan = {
        "from": SHOP,
        "to": address,
        "subject": f"Later for {word}",
        "text": word,
        "scheduled_at": "2099-01-01T00:00:00Z",
    }
    plan["scheduled_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    waiting = customer.do("POST", "/messages", plan)
    before = {name: customer.do("GET", f"/reports/{name}")["counts"] for name in ("results", "activity", "bounces")}
    assert house.ask(traces, word)
    assert house.suppressed(gone)

    told = customer.do("POST", "/erasures", {"contact_id": contact})

    assert (told["contacts"], told["addresses"], told["cancelled"], told["later"]) == (1, 2, 1, 0)
    assert told["deliveries"] == 5
    assert told["suppressions"] == 1
    left_over = house.ask(traces, word)
    assert not left_over, "\n".join(each.replace("\r\n", "|")[-330:] for each in left_over)
    (left,) = [row for row in house.rows(sent[2]) if row["recipient"] == other]
    assert "delivered" in left["facts"]
    assert customer.do("GET", f"/messages/{waiting['id']}")["subject"] == "(erased)"
    after = {name: customer.do("GET", f"/reports/{name}")["counts"] for name in before}
    assert after["bounces"] == before["bounces"]
    assert sum(c["count"] for c in after["results"]) == sum(c["count"] for c in before["results"])
    # The one who bounced is still not written to, if somebody brings the address back.
    row = house.end_of(house.send(gone))
    assert "suppressed" in row["facts"]
    assert customer.do("POST", "/erasures", {"address": address})["deliveries"] == 0
