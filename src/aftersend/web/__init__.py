"""The HTTP face: the API, and a few pages. Translates a protocol, decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from aftersend import __version__
from aftersend.errors import SettingsError
from aftersend.policy.counters import SuppressionRules
from aftersend.policy.proxies import Proxies
from aftersend.web.calls import Door
from aftersend.web.console import console
from aftersend.web.desk import Desk, Rules
from aftersend.web.routes import ROUTES
from aftersend.web.serving import WebServer


class Faces:
    """The application that answers all requests: the console for people, the API for programs."""

    def __init__(self, desk: Desk) -> None:
        self._console = console(desk)
        self._door = Door(desk, ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_page = scope["type"] == "http" and self._console.answers(scope["path"])
        await (self._console if is_page else self._door)(scope, receive, send)

    def leave(self) -> None:
        """End answers that would go on by themselves, since the server is about to stop."""
        self._console.leave()


def application(desk: Desk) -> ASGIApp:
    """Return the application that answers all requests."""
    return Faces(desk)


async def serve(app: ASGIApp, addresses: Sequence[tuple[str, int]]) -> WebServer:
    """Open the ports and answer on them; return the server, for its `address` and its `stop`."""
    server = WebServer(app, addresses)
    await server.start()
    return server


async def start(
    service: Any, suppression: SuppressionRules, scorer: Any = None, *, shown: Sequence[Any] = ()
) -> WebServer:
    """Start the HTTP face of a running service, as `aftersend.app` wires it; `shown` are the settings as people see them."""
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
            requests_per_minute=settings.web.requests_per_minute,
            quality_least=settings.quality.least,
            metrics_token=settings.web.metrics_token,
            is_practice=any(name.endswith("practice.test") for name in settings.delivery.routes),
            proxies=Proxies(settings.tracking.trusted_proxies),
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
        visits=service.visits,
        resolver=resolver,
        guard=service.guard,
        attempts=service.meter,
        told=None if service.webhooks is None else service.webhooks.counted,
        suppression=suppression,
        stopping=service.stopping,
        scorer=scorer,
        settings=shown,
    )
    return await serve(application(desk), [_address(text) for text in settings.web.listen])


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"{text!r} is not an address of the form host:port.")
    return host.strip("[]"), int(port)


__all__ = ["Desk", "Rules", "WebServer", "application", "serve", "start"]
