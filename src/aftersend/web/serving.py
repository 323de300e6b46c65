"""Listen for HTTP inside the event loop of the service: uvicorn with httptools, without its signals, logs and reloads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator, Sequence

import uvicorn
from starlette.types import ASGIApp

from aftersend.web.wire import BoundedProtocol

BACKLOG = 1024
KEEP_ALIVE_S = 30
STOP_WITHIN_S = 10


class _Quiet(uvicorn.Server):
    """A server that leaves signals to the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture nothing."""
        yield


class WebServer:
    """The listening side; `start` returns once the ports are open."""

    def __init__(self, app: ASGIApp, addresses: Sequence[tuple[str, int]]) -> None:
        self._addresses = addresses
        self._leave = getattr(app, "leave", None)
        self._server = _Quiet(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                loop="none",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=STOP_WITHIN_S,
            )
        )
        self._serving: asyncio.Task[None] | None = None
        self.bound: list[tuple[str, int]] = []

    @property
    def address(self) -> tuple[str, int]:
        """The first address that is really bound."""
        return self.bound[0]

    async def start(self) -> None:
        """Open the ports. Raise OSError when one cannot be opened."""
        sockets: list[socket.socket] = []
        try:
            for host, port in self._addresses:
                sockets.append(_listening(host, port))
        except OSError:
            for each in sockets:
                each.close()
            raise
        self.bound = [each.getsockname()[:2] for each in sockets]
        self._serving = asyncio.ensure_future(self._server.serve(sockets=sockets))
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
                raise OSError("the HTTP server did not start")
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Take no more requests, finish those that are under way, close."""
        if self._serving is None:
            return
        self._server.should_exit = True
        if self._leave is not None:
            self._leave()
        with contextlib.suppress(asyncio.CancelledError):
            await self._serving
        self._serving = None


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(place)
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
