"""A customer's view of the HTTP API: one connection, JSON in and out, standard library only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlsplit

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Target:
    """A running service: where it listens, and a key for it."""

    smtp: tuple[str, int]
    url: str
    """`http://host:port` of the API."""
    key: str
    has_relay: bool = False
    """Whether the service routes the domain `relayed.practice.test` through the practice smart host."""
    has_returns: bool = False
    """Whether the practice world hands in what comes back, so that it is to be waited for."""


class Answer(NamedTuple):
    """The status and the decoded body; an empty body is {}."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Api:
    """Calls the service with a key. One thread at a time; to be closed by `with`."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._place = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._key = key
        self._connection: HTTPConnection | None = None

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Make one request; tried once more when the connection had been closed. Raises OSError."""
        content = None if body is None else json.dumps(body).encode()
        said = {
            "Authorization": f"Bearer {self._key}",
            **({"Content-Type": "application/json"} if content else {}),
            **(headers or {}),
        }
        for attempt in (1, 2):
            fresh = self._connection is None
            connection = self._connection or HTTPConnection(*self._place, timeout=TIMEOUT_S)
            self._connection = connection
            try:
                connection.request(method, path, content, said)
                response = connection.getresponse()
                text = response.read()
            except (HTTPException, ConnectionError) as error:
                connection.close()
                self._connection = None
                if fresh or attempt == 2:
                    raise OSError(f"{method} {path}: {error or type(error).__name__}") from error
            else:
                return Answer(response.status, json.loads(text) if text else {}, dict(response.headers))
        raise AssertionError("unreachable")

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Return everything on a list, page after page. Raises OSError when a page is not to be had."""
        wanted: str | None = path
        while wanted:
            answer = self.call("GET", wanted)
            if answer.status != 200:
                raise OSError(f"GET {wanted} was answered {answer.status}: {answer.body}")
            yield from answer.body["data"]
            wanted = answer.body.get("next") if answer.body.get("has_more") else None
