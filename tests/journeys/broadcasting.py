"""A customer who sends broadcasts over HTTP, for the journeys."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2

from house import House

SHOP = "Shop <shop@shop.practice.test>"


class Client:
    """A customer who sends broadcasts over HTTP."""

    def __init__(self, house: House) -> None:
        host, port = house.service.addresses["web"]
        self._http = httpx2.Client(
            base_url=f"http://{host}:{port}/v1", headers={"authorization": f"Bearer {house.key()}"}, timeout=30
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def do(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        """Ask for something that must succeed."""
        answer = self._http.request(method, path, json=json, **more)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def status(self, method: str, path: str, json: Any = None) -> int:
        """Ask for something; return the status alone."""
        return int(self._http.request(method, path, json=json).status_code)

    def wait(self, shown: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until something is so of a broadcast."""
        end = time.monotonic() + 90
        while True:
            found: dict[str, Any] = self.do("GET", f"/broadcasts/{shown}")
            if until(found):
                return found
            assert time.monotonic() < end, found
            time.sleep(0.05)

    def rows(self, shown: str) -> list[dict[str, Any]]:
        """The rows of the log of a broadcast."""
        found, after = [], ""
        while True:
            page = self.do("GET", f"/deliveries?broadcast={shown}&limit=100{after}")
            found += page["data"]
            if not page["has_more"]:
                return found
            after = f"&after={found[-1]['id']}"


def words(results: dict[str, Any], vocabulary: str) -> dict[str, int]:
    """The words of a vocabulary that are true of somebody."""
    counts = results["vocabularies"][vocabulary]["counts"]
    return {each["word"]: each["count"] for each in counts if each["count"]}


def has_ended(found: dict[str, Any]) -> bool:
    """Whether everybody has an end."""
    return bool(found["ended_at"])
