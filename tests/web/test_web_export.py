"""The email log as lines of JSON: all rows that a search finds, in one answer that is read while it is made."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx2
import pytest

from aftersend.reports import log as email_log

LINES = {"accept": "application/x-ndjson"}
HELLO: dict[str, Any] = {"from": "shop@example.com", "subject": "Hello", "text": "Hi"}


@pytest.fixture
def house(house_on_each_engine):
    """What is asked of the store is asked of both engines."""
    return house_on_each_engine


def sent(client, number: int) -> list[str]:
    """Send to so many; return the ids as the log has them, newest first."""
    addresses = [f"ann{i}@example.net" for i in range(number)]
    answer = client.post("/v1/messages", json=HELLO | {"to": addresses}).json()
    return [each["id"] for each in answer["deliveries"]][::-1]


def lines(answer: httpx2.Response) -> list[dict[str, Any]]:
    """The rows of an export."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text == "" or answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_all_rows_come_once_and_are_those_of_the_pages(house, monkeypatch):
    """However many parts are read from the store, each row is there once, in the order and the form of the pages."""
    monkeypatch.setattr(email_log, "PART", 3)
    client = house.client()
    there = sent(client, 7)
    rows = lines(client.get("/v1/deliveries", headers=LINES))
    assert [row["id"] for row in rows] == there
    assert rows == client.get("/v1/deliveries").json()["data"]
    assert [row["id"] for row in lines(client.get(f"/v1/deliveries?after={there[3]}", headers=LINES))] == there[4:]


def test_a_search_chooses_what_is_exported(house):
    """The words are those of the list; nothing found is an empty answer."""
    client = house.client()
    there = sent(client, 3)
    assert [row["id"] for row in lines(client.get("/v1/deliveries?q=ann1", headers=LINES))] == [there[1]]
    assert lines(client.get("/v1/deliveries?q=nobody", headers=LINES)) == []
    assert house.client(account_id=2).get("/v1/deliveries", headers=LINES).text == ""


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/x-ndjson;q=0, application/json"])
def test_lines_come_only_when_they_are_asked_for_by_name(house, accept):
    """Whoever takes anything gets pages."""
    answer = house.client().get("/v1/deliveries", headers={"accept": accept})
    assert answer.json()["object"] == "list"


@pytest.mark.parametrize("word", ["limit", "before", "count"])
def test_what_belongs_to_pages_is_refused_by_name(house, word):
    """An export that is cut short without a word would be taken for all there is."""
    answer = house.client().get(f"/v1/deliveries?{word}=1", headers=LINES)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/{word}"


def test_a_fault_on_the_way_is_not_taken_for_the_end(house, monkeypatch):
    """The answer breaks off, so that the client knows that rows are missing; the next request is answered."""
    monkeypatch.setattr(email_log, "PART", 2)
    client = house.client()
    sent(client, 5)
    real, asked = email_log.part, []

    def failing(*args: Any, **kwargs: Any) -> Any:
        asked.append(kwargs["after"])
        if len(asked) == 2:
            raise RuntimeError("the disk is gone")
        return real(*args, **kwargs)

    monkeypatch.setattr(email_log, "part", failing)
    with pytest.raises(httpx2.HTTPError):
        client.get("/v1/deliveries", headers=LINES)
    assert client.get("/v1/deliveries").status_code == 200


def test_nothing_more_is_read_for_a_client_that_has_gone(house, monkeypatch):
    """Somebody who closes the window does not leave us reading a million rows."""
    monkeypatch.setattr(email_log, "PART", 1)
    client = house.client()
    sent(client, 40)
    real, asked = email_log.part, []

    def slow(*args: Any, **kwargs: Any) -> Any:
        asked.append(1)
        time.sleep(0.05)
        return real(*args, **kwargs)

    monkeypatch.setattr(email_log, "part", slow)
    with client.stream("GET", "/v1/deliveries", headers=LINES) as answer:
        next(answer.iter_bytes())
    time.sleep(0.5)
    seen = len(asked)
    assert seen < 20
    time.sleep(0.3)
    assert len(asked) == seen
