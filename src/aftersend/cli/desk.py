"""Do on the store of this machine what a request to the HTTP API does: the same routes, without the network.

`here` is a `here.Here`; its engine is closed afterwards, and opened again when it is needed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec

from aftersend import __version__, clock
from aftersend.control.keys import Keys
from aftersend.errors import NotFound
from aftersend.intake import Intake
from aftersend.store import Store, accounts
from aftersend.web.calls import Call, Route
from aftersend.web.desk import Desk, Rules

_VARIABLE = re.compile(r"\\\{(\w+)(?::path)?\\\}")


async def ask(
    here: Any,
    method: str,
    path: str,
    *,
    words: Sequence[tuple[str, Any]],
    json: Any,
    body: bytes | None,
    headers: Mapping[str, str],
) -> Any:
    """Let a route answer; return its plain data. Raise what the route raises, NotFound where there is none."""
    route, variables = _route(method, path)
    content = body if body is not None else b"" if json is None else msgspec.json.encode(json)
    sent = {"content-type": "application/json", **{name.lower(): value for name, value in headers.items()}}

    async def answered(call: Call) -> Any:
        call.method, call.address, call.path, call.headers = method, path, variables, sent
        return (await route.does(call)).content

    return await at_desk(
        here, answered, body=content, query=urlencode(list(words)).encode(), needs_names=path.endswith("/score")
    )


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    from aftersend.web.routes import ROUTES

    for route in ROUTES:
        pattern = _VARIABLE.sub(r"(?P<\1>[^/]+)", re.escape(route.path))
        found = re.fullmatch(pattern, path) if route.method == method else None
        if found is not None:
            return route, {name: unquote(value) for name, value in found.groupdict().items()}
    raise NotFound(f"There is nothing at {method} {path}.")


async def at_desk(
    here: Any, act: Callable[[Call], Awaitable[Any]], *, body: bytes, query: bytes, needs_names: bool = False
) -> Any:
    """Do something with a call as the HTTP face makes it, for whoever is at the keyboard, who may do everything."""
    smtp = here.settings.smtp
    store = Store(here.engine)
    try:
        intake = Intake(
            store, clock.now, here.ids, hostname=here.settings.hostname, max_size=smtp.max_size,
            refuse_unverified=smtp.unverified_domains == "refuse",
        )  # fmt: skip
        await intake.refresh()
        intake.tracking.url = here.settings.tracking.url.rstrip("/")
        intake.tracking.opt_out = here.settings.tracking.opt_out
        intake.lifetimes = {name: hours * 3600 for name, hours in here.settings.delivery.lifetime_hours.items()}
        key = accounts.Key(here.account, 0, here.who, "", ("*",), (), 0, None, None)
        rules = Rules(
            here.settings.hostname,
            here.settings.return_domain,
            max_recipients=smtp.max_recipients,
            quality_least=here.settings.quality.least,
        )
        names, scorer = here.quality() if needs_names else (None, None)
        desk = Desk(
            rules, store, here.engine, clock.now, here.ids, intake, Keys(store, clock.now), __version__,
            resolver=names, scorer=scorer,
        )  # fmt: skip
        call = Call(
            desk, "", "POST", "/v1/messages", {}, {}, "127.0.0.1", "", query_string=query, body=body, found_key=key
        )
        return await act(call)
    finally:
        await store.close()
        here.close()
