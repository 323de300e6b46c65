"""Bound what a connection may say before it has asked for anything: how much, how slowly, how many at once.

uvicorn leaves that to a proxy in front of it; whoever runs this service may have none.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_MOST = 64 * 1024
"""Octets of the request line and the header fields."""
FIELDS_MOST = 200
HEAD_WITHIN_S = 30.0
"""Within this the head of a request has come, counted from its first octet, and a new connection's from its start."""
CONNECTIONS_MOST = 4000

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

# What strangers send is no news: each bad request would be a line in the operator's log.
logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


class _TooLarge(Exception):
    pass


class BoundedProtocol(HttpToolsProtocol):
    """A connection that is cut off when the head of a request is too large or too slow, or when there are too many."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head = 1
        """The number of the request whose head is being read; 0 while none is."""
        self._requests = 1
        self._octets = self._fields = self._raw = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MOST:
            transport.abort()
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless so much has come of one head that it can be none."""
        head, was_idle = self._head, self.timeout_keep_alive_task is not None
        super().data_received(data)
        if self.transport.is_closing():
            return
        if head and head == self._head:
            self._raw += len(data)
            if self._raw > HEAD_MOST:
                self.send_400_response("")
        elif was_idle and not self._head and self._deadline is None:
            self._wait_for_head()  # what came begins no request yet

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong, and close."""
        if max(self._octets, self._raw) <= HEAD_MOST and self._fields <= FIELDS_MOST:
            super().send_400_response(msg)
            return
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    # ---- what the parser tells -----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._requests += 1
        self._head = self._requests
        self._octets = self._fields = self._raw = 0
        if self._deadline is None:
            self._wait_for_head()

    def on_url(self, url: bytes) -> None:
        """Its address has come, or a part of it."""
        self._came(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field has come."""
        self._fields += 1
        self._came(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole; from here on the application bounds what is read."""
        self._head = 0
        self._wait_no_more()
        super().on_headers_complete()

    def _came(self, octets: int) -> None:
        self._octets += octets
        if self._octets > HEAD_MOST or self._fields > FIELDS_MOST:
            raise _TooLarge

    # ---- time ----------------------------------------------------------------------------------------------------

    def _wait_for_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_WITHIN_S, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
