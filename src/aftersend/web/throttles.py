"""Answer about rates beside those of streams, and change them: an account its own; the operator those for all, and those of
what mail goes from."""

from __future__ import annotations

from typing import Any

from aftersend.control import limiting
from aftersend.policy import throttles as policy
from aftersend.reports.telling import moment
from aftersend.store import throttles
from aftersend.store.connection import Connection
from aftersend.web import lists, reading
from aftersend.web.administration import change, check_operates, look_anew
from aftersend.web.calls import Answer, Call
from aftersend.web.throttles_shapes import ThrottleIn


async def list_throttles(call: Call) -> Answer:
    """Answer with the account's own rates and those that hold for all."""
    own = await call.desk.store.ask(throttles.of_account, call.account_id)
    general = await call.desk.store.ask(throttles.of_account, policy.EVERYBODY)
    return lists.whole([_told(row) for row in (*own, *general)])


async def set_throttle(call: Call) -> Answer:
    """Set one; a warm-up begins anew."""
    asked = reading.convert(reading.json(call.body), ThrottleIn)
    name, rate = policy.checked(asked.scope, asked.name, asked.rate)
    is_of_all = policy.is_of_all(asked.scope, everywhere=asked.everywhere)
    owner, now = _owner(call, everywhere=is_of_all), call.desk.clock()
    what = f"{asked.scope} {name} {rate}".replace("  ", " ") + (" for all" if is_of_all else "")
    await change(call, "set a rate", what, _on, owner, throttles.put, asked.scope, name, rate, now=now)
    await call.desk.changed()
    await look_anew(call, limiting.of_rate(owner, asked.scope, name))
    return Answer(_told({"account_id": owner, "scope": asked.scope, "name": name, "rate": rate, "began_us": now}))


async def remove_throttle(call: Call) -> Answer:
    """Take one away."""
    found = lists.taken(call, "scope", "name", "everywhere", cursors=())
    scope = found.get("scope", policy.ACCOUNT)
    name = policy.checked_name(scope, found.get("name", ""))
    is_said = "everywhere" in found and reading.truth(found["everywhere"], "everywhere")
    owner = _owner(call, everywhere=policy.is_of_all(scope, everywhere=is_said))
    await change(call, "removed a rate", f"{scope} {name}".strip(), _on, owner, throttles.remove, scope, name)
    await call.desk.changed()
    await look_anew(call, limiting.of_rate(owner, scope, name))
    return Answer(None, 204)


def _owner(call: Call, *, everywhere: bool) -> int:
    if not everywhere:
        return call.account_id
    check_operates(call)
    return policy.EVERYBODY


def _on(connection: Connection, _noted: int, owner: int, function: Any, *args: Any, **kwargs: Any) -> None:
    function(connection, owner, *args, **kwargs)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "scope": row["scope"],
        "name": row["name"],
        "rate": row["rate"],
        "everywhere": row["account_id"] == policy.EVERYBODY,
        "since": moment(row["began_us"]),
    }
