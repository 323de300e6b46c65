"""Webhooks on the store of this machine, or over the HTTP API: the same questions, the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aftersend import clock, ids
from aftersend.cli.here import Here
from aftersend.cli.there import There

Told = dict[str, Any]


def place_of(place: Here | There) -> HooksHere | HooksThere:
    """Return the webhooks of a place."""
    return HooksThere(place) if isinstance(place, There) else HooksHere(place)


class HooksThere:
    """The webhooks of a running service."""

    def __init__(self, place: There) -> None:
        self._place = place

    def _ask(self, method: str, shown: str, rest: str = "", **more: Any) -> Any:
        return self._place.ask(method, f"/v1/webhooks/{quote(shown, safe='')}{rest}", **more)

    def listed(self) -> list[Told]:
        """List them."""
        rows: list[Told] = self._place.ask("GET", "/v1/webhooks")["data"]
        return rows

    def one(self, shown: str) -> Told:
        """Return one. Raise NotFound."""
        return dict(self._ask("GET", shown))

    def add(self, wish: Mapping[str, Any]) -> Told:
        """Make one; the answer has its secret."""
        return dict(self._place.ask("POST", "/v1/webhooks", json=dict(wish)))

    def change(self, shown: str, wish: Mapping[str, Any]) -> Told:
        """Change one."""
        return dict(self._ask("PATCH", shown, json=dict(wish)))

    def remove(self, shown: str) -> None:
        """Forget one."""
        self._ask("DELETE", shown)

    def pause(self, shown: str) -> Told:
        """Stop sending."""
        return dict(self._ask("POST", shown, "/pause"))

    def resume(self, shown: str, *, skip: bool) -> Told:
        """Go on."""
        return dict(self._ask("POST", shown, "/resume", json={"skip": skip}))

    def rotate(self, shown: str) -> Told:
        """Give a new secret; the answer has it."""
        return dict(self._ask("POST", shown, "/secret", json={}))

    def test(self, shown: str) -> Told:
        """Send a test event."""
        return dict(self._ask("POST", shown, "/test"))

    def replay(self, shown: str, wish: Mapping[str, Any]) -> int:
        """Send again."""
        return int(self._ask("POST", shown, "/replay", json=dict(wish))["events"])

    def attempts(self, shown: str, *, limit: int, outcome: str | None) -> list[Told]:
        """Return requests, the newest first."""
        words = [("limit", limit), *([("outcome", outcome)] if outcome else [])]
        rows: list[Told] = self._ask("GET", shown, "/attempts", words=words)["data"]
        return rows

    def not_taken(self, shown: str, *, state: str, limit: int) -> list[Told]:
        """Return events that were not taken."""
        words = [("limit", limit), ("state", state)]
        rows: list[Told] = self._ask("GET", shown, "/events", words=words)["data"]
        return rows


class HooksHere:
    """The webhooks on the store of this machine."""

    def __init__(self, place: Here) -> None:
        self._place = place

    def _told(self, hook_id: int) -> Told:
        from aftersend.control import hooks as control
        from aftersend.store import hooks

        hook = self._place.read(hooks.one, self._place.account, hook_id)
        return self._place.read(control.told, hook)

    def listed(self) -> list[Told]:
        """List them."""
        from aftersend.store import hooks

        return [self._told(hook.id) for hook in self._place.read(hooks.listed, self._place.account)]

    def one(self, shown: str) -> Told:
        """Return one. Raise NotFound."""
        return self._told(ids.read("whk", shown))

    def _check(self, url: str) -> None:
        from aftersend.webhooks.client import by_system
        from aftersend.webhooks.guard import Allowance, Guard

        chosen = self._place.settings.webhooks
        guard = Guard(by_system, Allowance.of(chosen.allow_networks))
        asyncio.run(guard.check(url))

    def add(self, wish: Mapping[str, Any]) -> Told:
        """Make one; the answer has its secret."""
        from aftersend.control import hooks as control

        self._check(wish["url"])
        place = self._place
        hook, text = place.write(
            control.create, place.account, place.ids(), control.Wish(**wish), secret=place.secret, now=clock.now()
        )
        place.audit("made a webhook", wish["url"][:200])
        return {**self._told(hook.id), "secret": text}

    def change(self, shown: str, wish: Mapping[str, Any]) -> Told:
        """Change one."""
        from aftersend.control import hooks as control

        if wish.get("url"):
            self._check(wish["url"])
        self._do("changed a webhook", shown, control.change, control.Wish(**wish), now=clock.now())
        return self.one(shown)

    def _do(self, did: str, shown: str, command: Any, *args: Any, **kwargs: Any) -> Any:
        place = self._place
        done = place.write(command, place.account, ids.read("whk", shown), *args, **kwargs)
        place.audit(did, shown)
        return done

    def remove(self, shown: str) -> None:
        """Forget one."""
        from aftersend.store import hooks

        self._do("removed a webhook", shown, hooks.remove)

    def pause(self, shown: str) -> Told:
        """Stop sending."""
        from aftersend.control import hooks as control

        self._do("paused a webhook", shown, control.pause, why=f"{self._place.who} paused it.", now=clock.now())
        return self.one(shown)

    def resume(self, shown: str, *, skip: bool) -> Told:
        """Go on."""
        from aftersend.control import hooks as control

        self._do("resumed a webhook", shown, control.resume, now=clock.now(), skip=skip)
        return self.one(shown)

    def rotate(self, shown: str) -> Told:
        """Give a new secret; the answer has it."""
        from aftersend.control import hooks as control

        _, text = self._do(
            "changed a webhook's secret", shown, control.rotate, secret=self._place.secret, now=clock.now()
        )
        return {**self.one(shown), "secret": text}

    def test(self, shown: str) -> Told:
        """Send a test event."""
        return asyncio.run(self._tested(shown))

    async def _tested(self, shown: str) -> Told:
        from aftersend.control import hooks as control
        from aftersend.store import hooks
        from aftersend.webhooks import requests
        from aftersend.webhooks.client import Client, by_system
        from aftersend.webhooks.guard import Allowance, Guard

        place, chosen = self._place, self._place.settings.webhooks
        hook = place.read(hooks.one, place.account, ids.read("whk", shown))
        client = Client(Guard(by_system, Allowance.of(chosen.allow_networks)))
        began = clock.now()
        body = requests.body_of_test(hook, shown, began)
        keys = control.keys_of(place.secret, hook, began)
        try:
            outcome = await requests.ask(client, hook, keys, ids.show("evt", place.ids()), body, now=began)
        finally:
            await client.close()
        row = requests.attempt_row(
            hook, place.ids(), outcome, began, clock.now(), body,
            first=0, last=0, number=1, kinds=requests.TEST, tries=1,
        )  # fmt: skip
        attempt = place.write(hooks.note_attempt, row)
        return {"taken": outcome.is_good, "said": outcome.said, "attempt": control.told_attempt(attempt)}

    def replay(self, shown: str, wish: Mapping[str, Any]) -> int:
        """Send again."""
        from aftersend.control import hooks as control
        from aftersend.reports.search import check_order, instant

        now = clock.now()
        times = {name: instant(wish[name], name, now=now) for name in ("since", "until") if wish.get(name)}
        check_order(times.get("since"), times.get("until"))
        rest = {name: wish[name] for name in ("sequence", "failed") if name in wish}
        return int(self._do("replayed events to a webhook", shown, control.replay, now=now, **rest, **times))

    def attempts(self, shown: str, *, limit: int, outcome: str | None) -> list[Told]:
        """Return requests, the newest first."""
        from aftersend.control import hooks as control
        from aftersend.store import hooks

        place, hook_id = self._place, ids.read("whk", shown)
        place.read(hooks.one, place.account, hook_id)
        rows = place.read(hooks.attempts_of, place.account, hook_id, limit=limit, outcome=outcome)
        return [control.told_attempt(row) for row in rows]

    def not_taken(self, shown: str, *, state: str, limit: int) -> list[Told]:
        """Return events that were not taken."""
        from aftersend.control import hooks as control
        from aftersend.store import hooks

        place, hook_id = self._place, ids.read("whk", shown)
        place.read(hooks.one, place.account, hook_id)
        wanted = hooks.WAITING if state == "waiting" else hooks.GIVEN_UP
        rows = place.read(hooks.waiting_of, place.account, hook_id, state=wanted, limit=limit)
        return [control.told_waiting(row) for row in rows]
