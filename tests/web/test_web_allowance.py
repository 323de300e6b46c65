"""How many requests a key may make, and how it is told."""

from __future__ import annotations

import re

import pytest

from aftersend.clock import SECOND


@pytest.fixture
def house(make_house):
    """A house in which a key may make three requests a minute, and time stands still."""
    made = make_house(requests_per_minute=3)
    stopped = made.now()
    made.now = lambda: stopped
    return made


def left(answer) -> tuple[int, int]:
    """What is left, and in how many seconds all of it is there again."""
    found = re.fullmatch(r'"key";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found, answer.headers["ratelimit"]
    assert answer.headers["ratelimit-policy"] == '"key";q=3;w=60'
    return int(found[1]), int(found[2])


def test_every_answer_tells_what_is_left(house):
    """Good ones and problems alike."""
    client = house.client()
    assert left(client.get("/v1/account")) == (2, 20)
    assert left(client.get("/v1/deliveries/dlv_0000000000000")) == (1, 40)
    assert left(client.post("/v1/messages", json={})) == (0, 60)


def test_one_more_is_told_when_to_come_back(house):
    """429 with Retry-After, nothing kept; after that time it is taken."""
    client = house.client()
    for _ in range(3):
        client.get("/v1/account")
    refused = client.post("/v1/messages", json={"from": "a@example.com", "to": "b@example.net", "text": "Hi"})
    assert refused.status_code == 429
    assert refused.json()["type"].endswith("/p/rate-limited")
    assert refused.headers["retry-after"] == "20"
    assert left(refused) == (0, 60)
    stopped = house.now()
    house.now = lambda: stopped + 20 * SECOND
    assert client.get("/v1/account").status_code == 200
    assert client.get("/v1/account").status_code == 429


def test_keys_are_counted_apart(house):
    """What one has used up is not missing to another."""
    first, second = house.client(), house.client()
    for _ in range(4):
        first.get("/v1/account")
    assert first.get("/v1/account").status_code == 429
    assert second.get("/v1/account").status_code == 200


def test_without_a_limit_nothing_is_told(make_house):
    """0 is any number."""
    answer = make_house().client().get("/v1/account")
    assert "ratelimit" not in answer.headers
