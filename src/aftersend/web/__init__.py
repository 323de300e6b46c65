"""The HTTP face: the API, and a few pages. Translates a protocol, decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp

from aftersend import __version__
from aftersend.errors import SettingsError
from aftersend.policy.counters import SuppressionRules
from aftersend.web.calls import Door
from aftersend.web.desk import Desk, Rules
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


async def start(service: Any, suppression: SuppressionRules) -> WebServer:
    """Start the HTTP face of a running service, as `aftersend.app` wires it."""
    settings = service.settings
    resolver = service.resolver
    if resolver is None:
        from aftersend.delivery import Resolver

        resolver = Resolver(service.clock, _address(settings.dns.server) if settings.dns.server else None)
    submission = service.addresses.get("smtp")
    desk = Desk(
        rules=Rules(
            hostname=settings.hostname,
            return_domain=settings.return_domain,
            url=settings.web.url.rstrip("/"),
            smtp=f"{submission[0]}:{submission[1]}" if submission else ", ".join(settings.smtp.listen),
            max_body=settings.web.max_body,
            max_recipients=settings.smtp.max_recipients,
            metrics_token=settings.web.metrics_token,
        ),
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
        resolver=resolver,
        suppression=suppression,
        stopping=service.stopping,
    )
    return await serve(application(desk), [_address(text) for text in settings.web.listen])


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"{text!r} is not an address of the form host:port.")
    return host.strip("[]"), int(port)


__all__ = ["Desk", "Rules", "WebServer", "application", "serve", "start"]
