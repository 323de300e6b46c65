"""A broadcast to a list: everybody of the audience has an outcome, also whoever gets no mail."""

from __future__ import annotations

import quopri
import time
from collections.abc import Iterator

import httpx2
import pytest
from broadcasting import SHOP, Client, has_ended, words

from aftersend import clock
from house import House


@pytest.fixture
def customer(house: House) -> Iterator[Client]:
    """A customer of the house."""
    client = Client(house)
    yield client
    client.close()


def test_everybody_of_the_audience_has_an_outcome(house: House, customer: Client) -> None:
    """Delivered, No Email Selected, Duplicate, Failed, Blocked: five people, five words, and they sum."""
    number = time.monotonic_ns()
    name = f"audience-{number}"
    customer.do("POST", "/lists", {"name": name})
    people = {
        f"brd-ann{number}@one.practice.test": [],
        f"unknown{number}@one.practice.test": [],
        f"brd-bob{number}@one.practice.test": ["offers"],
        f"brd-listed{number}@one.practice.test": ["news"],
    }
    for address, types in people.items():
        spots = [{"address": address, "types": types}]
        customer.do("POST", "/contacts", {"addresses": spots, "name": "Ann <3", "lists": [name]})
    house.block(f"brd-listed{number}@one.practice.test")
    message = {"from": SHOP, "subject": "For {{ name }}", "html": "<p>Dear {{ name }} in {{ city }}</p>"}
    draft = {"name": "News", "type": "news", "lists": [name], "message": message | {"data": {"city": "Wien"}}}
    shown = customer.do("POST", "/broadcasts", draft)["id"]
    rows = f"email,name,city\nbrd-ann{number}@one.practice.test,Anna,Graz\nno address,,\n,Nobody,\n"
    csv = {"content-type": "text/csv"}
    customer.do("POST", f"/broadcasts/{shown}/recipients", content=rows.encode(), headers=csv)
    customer.do("POST", f"/broadcasts/{shown}/start")
    found = customer.wait(shown, has_ended)
    assert found["state"] == "ended"
    assert found["progress"]["expected"] == found["progress"]["audience"] == 7
    results = customer.do("GET", f"/broadcasts/{shown}/results")
    assert results["conserved"]
    assert words(results, "delivery_results") == {
        "Delivered": 1, "No Email Selected": 2, "Duplicate": 1, "Failed": 2, "Blocked": 1,
    }  # fmt: skip
    assert words(results, "bounces") == {"Hard/Invalid recipient": 1}
    rows_of_log = {row["recipient"]: row for row in customer.rows(shown)}
    assert {row["broadcast_id"] for row in rows_of_log.values()} == {shown}
    assert "no address for" in rows_of_log["Nobody"]["why"]
    (copy,) = house.received(f"brd-ann{number}@one.practice.test")
    assert b"Dear Anna in Graz" in quopri.decodestring(copy.content)
    assert copy.header("To") == f"brd-ann{number}@one.practice.test"
    assert copy.header("List-Id").startswith("<audience-")
    assert copy.header("Feedback-ID").startswith(shown)
    to_update = customer.do("GET", f"/broadcasts/{shown}/addresses-to-update")["data"]
    assert {each["address"] for each in to_update} == {"no address", f"unknown{number}@one.practice.test"}


def paused(customer: Client, name: str) -> str:
    """Return a broadcast that was paused while its recipients were still asked to come back later.

    On a busy machine the pause can come after the last of them was reached; then another one is begun.
    """
    for _ in range(8):
        number = time.monotonic_ns()
        rows = "".join(f"greylist{number}{name}{i}@one.practice.test\n" for i in range(40))
        message = {"from": SHOP, "subject": "Later", "text": "Hello"}
        shown = str(customer.do("POST", "/broadcasts", {"name": name, "message": message})["id"])
        content = f"email\n{rows}".encode()
        customer.do("POST", f"/broadcasts/{shown}/recipients", content=content, headers={"content-type": "text/csv"})
        customer.do("POST", f"/broadcasts/{shown}/start")
        if customer.status("POST", f"/broadcasts/{shown}/pause") == 409:
            continue
        time.sleep(0.5)  # what was on the wire is finished
        before = customer.do("GET", f"/broadcasts/{shown}")["progress"]
        time.sleep(1.0)
        found = customer.do("GET", f"/broadcasts/{shown}")
        assert found["state"] == "paused"
        assert found["progress"]["written"] in (0, 40)
        if not before["by_outcome"]["reached"]:
            assert not found["progress"]["by_outcome"]["reached"]
            return shown
    raise AssertionError("no pause came in time")


def test_those_of_whom_something_is_true(house: House, customer: Client) -> None:
    """Of all contacts: who opened lately is asked of the ledger. Whoever gets nothing for want of an address still has a row."""
    number = time.monotonic_ns()
    mark = f"m{number}"
    for name, city, types in (("ann", "Wien", []), ("bob", "Graz", []), ("cat", "Wien", ["offers"])):
        spots = [{"address": f"{name}{number}@one.practice.test", "types": types}]
        customer.do("POST", "/contacts", {"addresses": spots, "name": name, "attributes": {"city": city, "mark": mark}})
    draft = {"name": "Wien", "type": "news", "where": f"mark = {mark} and city = wien and not opened since 1d"}
    draft["message"] = {"from": SHOP, "subject": "For {{ name }}", "text": "{{ city }}"}
    shown = customer.do("POST", "/broadcasts", draft)["id"]
    assert customer.do("GET", f"/broadcasts/{shown}")["progress"]["expected"] == 2
    customer.do("POST", f"/broadcasts/{shown}/start")
    assert customer.wait(shown, has_ended)["progress"]["audience"] == 2
    results = customer.do("GET", f"/broadcasts/{shown}/results")
    assert words(results, "delivery_results") == {"Delivered": 1, "No Email Selected": 1}
    assert len(house.received(f"ann{number}@one.practice.test")) == 1
    assert house.received(f"bob{number}@one.practice.test") == []


def test_paused_resumed_and_cancelled(house: House, customer: Client) -> None:
    """What waits stands still while it is paused, and goes out when it is resumed; a cancelled one ends for everybody."""
    shown = [paused(customer, name) for name in ("resumed", "cancelled")]
    assert customer.do("POST", f"/broadcasts/{shown[0]}/resume")["state"] == "sending"
    assert customer.do("POST", f"/broadcasts/{shown[1]}/cancel")["state"] == "cancelled"
    for each, word in zip(shown, ("Delivered", "Unsent"), strict=True):
        assert customer.wait(each, has_ended)["progress"]["audience"] == 40
        assert words(customer.do("GET", f"/broadcasts/{each}/results"), "delivery_results") == {word: 40}


def test_planned_for_later(house: House, customer: Client) -> None:
    """It begins at its time, with whoever stands on the list then."""
    number = time.monotonic_ns()
    customer.do("POST", "/lists", {"name": f"later{number}"})
    draft = {"name": "x", "lists": [f"later{number}"], "message": {"from": SHOP, "subject": "Later", "text": "Hello"}}
    shown = customer.do("POST", "/broadcasts", draft)["id"]
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    started = customer.do("POST", f"/broadcasts/{shown}/start", {"scheduled_at": at})
    assert (started["state"], started["scheduled_at"][:19]) == ("scheduled", at[:19])
    person = {"addresses": [{"address": f"on-time{number}@one.practice.test"}], "lists": [f"later{number}"]}
    customer.do("POST", "/contacts", person)
    found = customer.wait(shown, has_ended)
    assert found["started_at"] >= at[:19]
    assert found["progress"]["by_outcome"]["reached"] == 1


def test_a_copy_to_look_at_first(house: House, customer: Client) -> None:
    """Made for the first person of the audience, sent to somebody else; the audience is not touched."""
    number = time.monotonic_ns()
    draft = {"name": "x", "message": {"from": SHOP, "subject": "For {{ name }}", "text": "Hello {{ name }}"}}
    shown = customer.do("POST", "/broadcasts", draft)["id"]
    listed = {"recipients": [{"to": f"real{number}@one.practice.test", "data": {"name": "Ann"}}]}
    customer.do("POST", f"/broadcasts/{shown}/recipients", listed)
    told = customer.do("POST", f"/broadcasts/{shown}/test", {"to": f"me{number}@one.practice.test"})
    assert told["data"] == {"name": "Ann"}
    end = time.monotonic() + 90
    while not house.received(f"me{number}@one.practice.test"):
        assert time.monotonic() < end
        time.sleep(0.05)
    (copy,) = house.received(f"me{number}@one.practice.test")
    assert copy.header("Subject") == "[Test] For Ann"
    assert house.received(f"real{number}@one.practice.test") == []
    assert customer.do("GET", f"/broadcasts/{shown}")["state"] == "draft"


def test_who_opts_out_meanwhile_gets_no_copy(house: House, customer: Client) -> None:
    """Every copy offers it with one click (RFC 8058); it is in force at once, also for what waits and for what is on hold."""
    number = time.monotonic_ns()
    name, leaver = f"leave{number}", f"leaver{number}@one.practice.test"
    customer.do("POST", "/lists", {"name": name})
    for address in (leaver, f"stayer{number}@one.practice.test"):
        customer.do("POST", "/contacts", {"addresses": [{"address": address}], "lists": [name]})
    message = {"from": SHOP, "subject": "News", "html": '<p>Hello <a href="https://shop.practice.test/">shop</a></p>'}
    first, second = (
        customer.do("POST", "/broadcasts", {"name": str(i), "lists": [name], "message": message})["id"] for i in (1, 2)
    )
    customer.do("POST", f"/broadcasts/{first}/start")
    customer.wait(first, has_ended)
    (copy,) = house.received(leaver)
    assert copy.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    path = copy.header("List-Unsubscribe").strip("<>").split("/u/")[1]
    host, port = house.service.addresses["tracking"]

    customer.do("POST", f"/broadcasts/{second}/start")
    customer.do("POST", f"/broadcasts/{second}/pause")
    said = httpx2.post(f"http://{host}:{port}/u/{path}", content="List-Unsubscribe=One-Click", timeout=20)
    assert said.status_code == 200
    customer.do("POST", f"/broadcasts/{second}/resume")
    customer.wait(second, has_ended)
    results = words(customer.do("GET", f"/broadcasts/{second}/results"), "delivery_results")
    # Unless the copy was on the wire already.
    was_late = len(house.received(leaver)) == 2
    assert results == ({"Delivered": 2} if was_late else {"Delivered": 1, "Blocked": 1})


def test_who_opts_out_of_what_runs_gets_nothing_more_of_it(house: House, customer: Client) -> None:
    """Of one that is held to a rate, within the minute; of one that is paused, when it is resumed."""
    number = time.monotonic_ns()
    name, leaver = f"slow{number}", f"leaver{number}@slow{number}.practice.test"
    customer.do("POST", "/lists", {"name": name})
    for i, address in enumerate(
        (f"first{number}@slow{number}.practice.test", leaver, f"last{number}@one.practice.test")
    ):
        customer.do("POST", "/contacts", {"name": str(i), "addresses": [{"address": address}], "lists": [name]})
    message = {"from": SHOP, "subject": "News for {{ name }}", "html": "<p>Hello</p>"}
    draft = {"lists": [name], "message": message}
    first, slow, paused = (customer.do("POST", "/broadcasts", draft | {"name": str(i)})["id"] for i in range(3))
    customer.do("POST", f"/broadcasts/{first}/start")
    customer.wait(first, has_ended)
    assert {row["subject"] for row in customer.rows(first)} == {f"News for {i}" for i in range(3)}
    (copy,) = house.received(leaver)
    path = copy.header("List-Unsubscribe").strip("<>").split("/u/")[1]
    host, port = house.service.addresses["tracking"]

    throttle = {"scope": "domain", "name": f"slow{number}.practice.test", "rate": "1/day"}
    customer.do("PUT", "/throttles", throttle)
    later = clock.iso(clock.now() + clock.SECOND)
    customer.do("POST", f"/broadcasts/{paused}/start", {"scheduled_at": later})
    customer.do("POST", f"/broadcasts/{paused}/pause")
    customer.do("POST", f"/broadcasts/{slow}/start")

    def words_of(shown: str) -> dict[str, str]:
        return {row["recipient"].split(str(number))[0]: row["status"]["result"] for row in customer.rows(shown)}

    end = time.monotonic() + 90
    while words_of(slow).get("last") != "Delivered":
        assert time.monotonic() < end, words_of(slow)
        time.sleep(0.05)
    assert words_of(slow)["leaver"] == "Unsent"
    said = httpx2.post(f"http://{host}:{port}/u/{path}", content="List-Unsubscribe=One-Click", timeout=20)
    assert said.status_code == 200
    end = time.monotonic() + 90
    while words_of(slow)["leaver"] != "Blocked":
        assert time.monotonic() < end, words_of(slow)
        time.sleep(0.05)
    customer.do("POST", f"/broadcasts/{paused}/resume")
    end = time.monotonic() + 90
    while words_of(paused).get("leaver") != "Blocked":
        assert time.monotonic() < end, words_of(paused)
        time.sleep(0.05)
    assert len(house.received(leaver)) == 1
    customer.wait(slow, has_ended)
    customer.do("POST", f"/broadcasts/{paused}/cancel")
    customer.wait(paused, has_ended)
    assert len(house.received(leaver)) == 1
