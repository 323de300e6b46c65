"""Double opt-in: somebody is on the list once he has pressed the button, and the proof is kept."""

from __future__ import annotations

import quopri
import re
import time
from collections.abc import Iterator

import httpx2
import pytest
from broadcasting import SHOP, Client, has_ended, words

from house import House


@pytest.fixture
def customer(house: House) -> Iterator[Client]:
    """A customer of the house."""
    client = Client(house)
    yield client
    client.close()


def link(house: House, address: str) -> str:
    """The link in the mail that asks to confirm, as it is reached from here."""
    end = time.monotonic() + 90
    while not house.received(address):
        assert time.monotonic() < end, "nothing has come"
        time.sleep(0.05)
    (copy,) = house.received(address)
    found = re.search(rb"https?://[^/\s]+(/k/[0-9a-z]+)", quopri.decodestring(copy.content))
    assert found is not None, copy.content
    host, port = house.service.addresses["tracking"]
    return f"http://{host}:{port}{found[1].decode()}"


def test_who_confirms_agrees_and_joins(house: House, customer: Client) -> None:
    """A scanner that follows the link changes nothing; the button does, once; then a broadcast that needs consent goes there."""
    number = time.monotonic_ns()
    name, address = f"letter{number}", f"opt-in{number}@one.practice.test"
    customer.do("POST", "/lists", {"name": name})
    contact = customer.do("POST", "/contacts", {"addresses": [{"address": address}], "name": "Ann"})["id"]
    message = {"from": SHOP, "subject": "Please confirm, {{ name }}", "html": '<a href="{{ confirm_url }}">Yes</a>'}
    wanted = {"message": message, "type": "news", "list": name, "wording": "form 7"}
    customer.do("POST", f"/contacts/{contact}/opt-in", wanted)
    url = link(house, address)
    with httpx2.Client() as visitor:
        page = visitor.get(url)
        assert (page.status_code, "<button" in page.text) == (200, True)
        assert address not in page.text
        visitor.head(url)
        assert visitor.post(url).status_code == 400
        assert customer.do("GET", f"/contacts/{contact}/consents")["data"] == []
        assert customer.do("GET", f"/contacts/{contact}")["lists"] == []
        for _ in range(2):
            assert "confirmed" in visitor.post(url, data={"confirm": "yes"}).text
        assert visitor.get(url[:-3] + "000").status_code == 404
    (consent,) = customer.do("GET", f"/contacts/{contact}/consents")["data"]
    assert (consent["state"], consent["type"], consent["source"]) == ("granted", "news", "double opt-in")
    assert consent["wording"] == "form 7"
    assert consent["evidence"]["message_id"]
    assert customer.do("GET", f"/contacts/{contact}")["lists"] == [name]

    silent = {"addresses": [{"address": f"silent{number}@one.practice.test"}], "lists": [name], "name": "Silent"}
    customer.do("POST", "/contacts", silent)
    away = {"addresses": [{"address": f"away{number}@one.practice.test"}], "lists": [name], "name": "Away"}
    gone = customer.do("POST", "/contacts", away)["id"]
    for state in ("granted", "withdrawn"):
        customer.do("POST", f"/contacts/{gone}/consents", {"state": state, "source": "telephone", "type": "news"})
    told = {}
    for needs in (True, False):
        draft = {"name": "x", "type": "news", "lists": [name], "needs_consent": needs}
        text = {"from": SHOP, "subject": "News", "text": "Hello"}
        shown = customer.do("POST", "/broadcasts", draft | {"message": text})["id"]
        customer.do("POST", f"/broadcasts/{shown}/start")
        customer.wait(shown, has_ended)
        told[needs] = words(customer.do("GET", f"/broadcasts/{shown}/results"), "delivery_results")
        why = {row["recipient"]: row["why"] for row in customer.rows(shown)}
        assert "taken back" in why["Away"]
    assert told == {True: {"Delivered": 1, "No Email Selected": 2}, False: {"Delivered": 2, "No Email Selected": 1}}


def test_what_cannot_be_asked_is_refused(house: House, customer: Client) -> None:
    """A message without the link, a list that is not there, an address of somebody else."""
    number = time.monotonic_ns()
    contact = customer.do("POST", "/contacts", {"addresses": [{"address": f"a{number}@one.practice.test"}]})["id"]
    good = {"from": SHOP, "subject": "x", "text": "{{ confirm_url }}"}
    for wrong in (
        {"message": good | {"text": "x"}},
        {"message": good, "list": "nope"},
        {"message": good, "address": "b@x.test"},
    ):
        assert customer.status("POST", f"/contacts/{contact}/opt-in", wrong) == 422
    assert house.received(f"a{number}@one.practice.test") == []
