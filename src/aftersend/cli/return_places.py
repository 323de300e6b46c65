"""Returned mail that nobody understood, on the store of this machine or over the HTTP API: the same questions, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote

from aftersend import clock, ids
from aftersend.cli.here import Here
from aftersend.cli.there import There

Told = dict[str, Any]
PAGE = 100


def place_of(place: Here | There) -> ReturnsHere | ReturnsThere:
    """Return the returned mail of a place."""
    return ReturnsThere(place) if isinstance(place, There) else ReturnsHere(place)


class ReturnsThere:
    """What a running service keeps for people."""

    def __init__(self, place: There) -> None:
        self._place = place

    def listed(self, limit: int) -> list[Told]:
        """List up to `limit`, the newest first."""
        return list(islice(self._each(), limit))

    def _each(self) -> Iterator[Told]:
        after: list[tuple[str, str]] = []
        while True:
            page = self._place.ask("GET", "/v1/returns", words=[("limit", str(PAGE)), *after])
            yield from page["data"]
            if not page["has_more"]:
                return
            after = [("after", page["data"][-1]["id"])]

    def one(self, shown: str) -> Told:
        """Return one with its original and what the rules make of it. Raise NotFound."""
        return dict(self._place.ask("GET", _path(shown)))

    def teach(
        self, shown: str, reason: str, *, detail: str | None, is_delayed: bool, delivery: str | None
    ) -> None:  # fmt: skip
        """Write down what one means. Raise NotFound or BadFields."""
        said: dict[str, Any] = {"reason": reason, "is_delayed": is_delayed}
        said |= ({} if detail is None else {"detail": detail}) | ({} if delivery is None else {"delivery_id": delivery})
        self._place.ask("POST", f"{_path(shown)}/teach", json=said)

    def forget(self, shown: str) -> None:
        """Throw one away. Raise NotFound."""
        self._place.ask("DELETE", _path(shown))


class ReturnsHere:
    """What the store of this machine keeps for people."""

    def __init__(self, place: Here) -> None:
        self._place = place

    def listed(self, limit: int) -> list[Told]:
        """List up to `limit`, the newest first."""
        from aftersend.reports.telling import told_return
        from aftersend.store import returned

        return [told_return(row) for row in self._place.read(returned.unread, self._place.account, limit=limit)]

    def one(self, shown: str) -> Told:
        """Return one with its original and what the rules make of it. Raise NotFound."""
        from aftersend.policy.diagnosis import diagnose_mail
        from aftersend.reports.telling import told_return
        from aftersend.store import returned

        row = self._place.read(returned.unread_one, self._place.account, ids.read("ret", shown))
        original = row["raw"].decode("utf-8", "backslashreplace")
        return {**told_return(row), "report": diagnose_mail(row["raw"]).to_json(), "original": original}

    def teach(
        self, shown: str, reason: str, *, detail: str | None, is_delayed: bool, delivery: str | None
    ) -> None:  # fmt: skip
        """Write down what one means. Raise NotFound or BadField."""
        from aftersend.app import suppression_rules
        from aftersend.returns.teaching import teach

        here = self._place
        here.write(
            teach, here.account, ids.read("ret", shown), reason, by=here.who, now=clock.now(),
            rules=suppression_rules(here.settings), detail=detail, is_delayed=is_delayed,
            delivery_id=None if delivery is None else ids.read("dlv", delivery),
        )  # fmt: skip
        here.audit("taught a reason", f"{shown} {reason}")

    def forget(self, shown: str) -> None:
        """Throw one away. Raise NotFound."""
        from aftersend.store import returned

        self._place.write(returned.forget, self._place.account, ids.read("ret", shown))
        self._place.audit("threw a returned mail away", shown)


def _path(shown: str) -> str:
    return f"/v1/returns/{quote(shown, safe='')}"
