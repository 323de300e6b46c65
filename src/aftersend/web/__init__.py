"""The HTTP face: the API, and a few pages. Translates a protocol, decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp

from aftersend import __version__
from aftersend.config import address
from aftersend.web.calls import Door
from aftersend.web.desk import Desk
from aftersend.web.routes import ROUTES
from aftersend.web.serving import WebServer


def application(desk: Desk) -> ASGIApp:
    """Return the application that answers all requests."""
    return Door(desk, ROUTES)


async def serve(app: ASGIApp, addresses: Sequence[tuple[str, int]]) -> WebServer:
    """Open the ports and answer on them; return the server, for its `address` and its `stop`."""
    server = WebServer(app, addresses)
    await server.start()
    return server


async def start(service: Any) -> WebServer:
    """Start the HTTP face of a running service, as `aftersend.app` wires it."""
    settings = service.settings
    desk = Desk(
        settings=settings,
        store=service.store,
        engine=service.engine,
        clock=service.clock,
        ids=service.ids,
        intake=service.intake,
        keys=service.keys,
        version=__version__,
        node=service.node,
        started_us=service.clock(),
        refresh=service.refresh,
        secret=service.secret,
        resolver=service.resolver,
        url=settings.web.url.rstrip("/"),
    )
    return await serve(application(desk), [address(text) for text in settings.web.listen])


__all__ = ["Desk", "WebServer", "application", "serve", "start"]
