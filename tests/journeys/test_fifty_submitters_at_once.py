"""Fifty clients hand mail in at the same moment, over SMTP and HTTP, on a balance of 1,000: exactly 1,000 are charged."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from aftersend.control import credits as purses
from house import House

CLIENTS, EACH, BALANCE = 50, 30, 1_000
PATIENCE_S = 240.0


def standing(shop: House) -> Counter[str]:
    """What became of everybody, for the one who reads a failure."""
    found: Counter[str] = Counter()
    page = {"next": "/v1/deliveries?limit=100"}
    while page["next"]:
        page = shop.api("GET", page["next"])
        found.update(f"{row['headline']} | {row['next']['sentence']}" for row in page["data"])
    return found


def test_exactly_the_balance_is_charged(house: House) -> None:
    """Each has a connection of its own; what is too much waits for credits, and nothing is lost or sent twice."""
    shop = house.tenant(f"fifty {time.monotonic_ns()}")
    service = house.service
    house.do(purses.top_up, shop.account, amount=BALANCE, why="", who="ann", ids=service.ids, now=service.clock())
    shop.refresh()
    shop.secret()
    together = threading.Barrier(CLIENTS)

    def submit(number: int) -> None:
        recipients = [f"fifty{number}-{each}-{shop.account}@one.practice.test" for each in range(EACH)]
        together.wait(30)
        (shop.send if number % 2 else shop.post)(*recipients)

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(submit, range(CLIENTS)))
    end = time.monotonic() + PATIENCE_S
    while True:
        purse = shop.api("GET", "/v1/credits")
        if purse["charged"] == BALANCE and purse["waiting"] == CLIENTS * EACH - BALANCE:
            break
        assert purse["available"] >= 0, purse
        assert purse["charged"] <= BALANCE, purse
        assert time.monotonic() < end, (purse, standing(shop))
        time.sleep(0.1)
    assert (purse["available"], purse["reserved"]) == (0, 0)
    arrived = [
        len(house.received(f"fifty{number}-{each}-{shop.account}@one.practice.test"))
        for number in range(CLIENTS)
        for each in range(EACH)
    ]
    assert (arrived.count(1), arrived.count(0)) == (BALANCE, CLIENTS * EACH - BALANCE)
