"""Own the way of a request: who asks, what for, which route answers, how the answer or the problem goes out.

A route is a value; all of them stand in one table (`routes`), from which the description for programs is made as well.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from aftersend import ids
from aftersend.errors import AftersendError, NotFound, TooLarge, TryLater, Unauthenticated
from aftersend.logs import Logger
from aftersend.store.accounts import Key
from aftersend.web import problems
from aftersend.web.allowance import Allowance, TooManyRequests
from aftersend.web.desk import Desk
from aftersend.web.problems import BadRequest, WrongMediaType, WrongMethod

log = Logger("web")

JSON = "application/json"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
PARAMETERS_MOST = 200
BODIES_MOST = 512 * 1024 * 1024
"""So many bytes of bodies are held at once, over all requests; more are asked to come back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: plain data for JSON, bytes of a media type, or pieces of such bytes as they come to be."""

    content: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON


@dataclass(slots=True)
class Call:
    """One request, as its route sees it."""

    desk: Desk
    request_id: str
    method: str
    address: str
    """The path."""
    path: Mapping[str, str]
    """The variable parts of the path."""
    headers: Mapping[str, str]
    """By lower-case name; of repeated ones the last."""
    peer: str
    origin: str
    """Scheme and host by which the client reached us."""
    query_string: bytes = b""
    body: bytes = b""
    found_key: Key | None = None
    told: dict[str, str] = field(default_factory=dict)
    """Header fields that go with the answer, whatever it is."""

    @property
    def key(self) -> Key:
        """Who asks."""
        if self.found_key is None:
            raise Unauthenticated("A key is needed.")
        return self.found_key

    @property
    def account_id(self) -> int:
        """For whom."""
        return self.key.account_id

    @property
    def who(self) -> str:
        """Who asks, for the ledger and the audit."""
        return f"key {self.key.name}"

    @property
    def media_type(self) -> str:
        """The type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def prefers(self, media_type: str) -> bool:
        """Whether the client asks for a media type by its name (RFC 9110 §12.5.1); `*/*` names none."""
        for wanted in self.headers.get("accept", "").lower().split(","):
            name, *parameters = (part.strip() for part in wanted.split(";"))
            if name == media_type:
                return not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", parameter) for parameter in parameters)
        return False

    def query(self) -> list[tuple[str, str]]:
        """Return the parameters behind the question mark, in order. Raise BadRequest if they cannot be read."""
        try:
            return parse_qsl(
                self.query_string.decode("ascii"),
                keep_blank_values=True,
                max_num_fields=PARAMETERS_MOST,
                errors="strict",
            )
        except (ValueError, UnicodeDecodeError):
            raise BadRequest(
                "What stands behind the question mark cannot be read: it is UTF-8, percent-encoded, with "
                f"{PARAMETERS_MOST} parameters at most."
            ) from None


Does = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A parameter of a route, for its description."""

    name: str
    says: str
    where: str = "query"
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    is_list: bool = False
    is_required: bool = False
    example: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One thing that can be asked for."""

    method: str
    path: str
    name: str
    """Its name for programs (operationId)."""
    does: Does
    says: str
    """What it does, in one sentence."""
    topic: str
    scope: str | None = "read"
    """What a key must be allowed; None when no key is asked for."""
    takes: type | None = None
    """The JSON that it takes."""
    takes_also: tuple[str, ...] = ()
    """Other media types that it takes."""
    gives: Any = None
    """The JSON that it answers with."""
    gives_media: str = JSON
    gives_also: tuple[str, ...] = ()
    """Other media types that it answers with when Accept names them."""
    status: int = 200
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[int, ...] = ()
    """The statuses of the problems that it may answer with, beyond those that all have."""
    is_shown: bool = True


BODY_WITHIN_S = 300.0
"""For how long a body is waited for."""


class Door:
    """The application: finds the route, asks who it is, reads the body, answers. Never shows a fault's inside."""

    def __init__(self, desk: Desk, routes: Sequence[Route]) -> None:
        self._desk = desk
        self._held = 0
        self._allowance = Allowance(desk.rules.requests_per_minute)
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        self._router = Router(
            [StarletteRoute(path, _Place(self, methods)) for path, methods in by_path.items()],
            redirect_slashes=False,
            default=self._nowhere,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        await self._router(scope, receive, send)

    async def _nowhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.answer(scope, receive, send, {})

    async def answer(self, scope: Scope, receive: Receive, send: Send, methods: Mapping[str, Route]) -> None:
        """Answer with the route of the method, or with a problem."""
        began = time.perf_counter()
        call = self._call(scope)
        try:
            answer = await self._answer(call, receive, methods)
        except Exception as error:
            answer = self._problem(call, error)
        route = methods.get("GET" if call.method == "HEAD" else call.method)
        name, method = ("none", "other") if route is None else (route.name, route.method)
        self._desk.meter.answered(name, method, answer.status, time.perf_counter() - began)
        if isinstance(answer.content, AsyncGenerator):
            await _send_pieces(receive, send, call, answer)
        else:
            await _send(send, call, answer)

    def _call(self, scope: Scope) -> Call:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get("x-request-id", "")
        desk = self._desk
        client = scope.get("client")
        return Call(
            desk=desk,
            request_id=given if _REQUEST_ID.fullmatch(given) else ids.show("req", desk.ids()),
            method=scope["method"],
            address=scope["path"],
            path=scope.get("path_params", {}),
            headers=headers,
            peer=desk.rules.proxies.visitor(client[0] if client else "unknown", headers.get("x-forwarded-for", "")),
            origin=desk.rules.url or f"{scope.get('scheme', 'http')}://{_host(headers.get('host', ''))}",
            query_string=scope["query_string"],
        )

    async def _answer(self, call: Call, receive: Receive, methods: Mapping[str, Route]) -> Answer:
        route = methods.get("GET" if call.method == "HEAD" else call.method)
        if route is None and methods:
            allowed = ", ".join(sorted(methods) + (["HEAD"] if "GET" in methods else []))
            raise WrongMethod(f"{call.method[:20]} is not possible here; {allowed} is.", allowed)
        if route is None:
            raise NotFound("There is nothing at this address. /openapi.json lists all addresses.")
        if route.scope is not None:
            call.found_key = await self._desk.keys.authenticate(_shown_key(call), call.peer, scope=route.scope)
            self._count(call, call.found_key.id)
        if call.method in ("POST", "PUT", "PATCH"):
            _check_media_type(call, route)
            return await self._with_body(call, receive, route)
        return await route.does(call)

    def _count(self, call: Call, key_id: int) -> None:
        try:
            call.told = self._allowance.take(key_id, self._desk.clock())
        except TooManyRequests:
            call.told = self._allowance.told(key_id)
            raise

    async def _with_body(self, call: Call, receive: Receive, route: Route) -> Answer:
        """Read the body within its bounds, then answer; what is held counts against all requests together."""
        most = self._desk.rules.max_body
        expected = call.headers.get("content-length", "")
        if expected.isdigit() and int(expected) > most:
            raise _too_large(most)
        chunks: list[bytes] = []
        try:
            try:
                async with asyncio.timeout(BODY_WITHIN_S):
                    await self._read(receive, chunks, most)
            except TimeoutError:
                raise BadRequest(f"The body did not come within {BODY_WITHIN_S:.0f} seconds.") from None
            call.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            return await route.does(call)
        finally:
            self._held -= sum(map(len, chunks))

    async def _read(self, receive: Receive, chunks: list[bytes], most: int) -> None:
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("The connection ended before the body did.")
            chunk = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            self._held += len(chunk)
            if size > most:
                raise _too_large(most)
            if self._held > BODIES_MOST:
                raise TryLater("Too many large requests at once; nothing was kept. Try again in a moment.")
            more = message.get("more_body", False)

    def _problem(self, call: Call, error: Exception) -> Answer:
        shown = problems.public(error)
        if shown is not error:
            log.error(
                "request_failed", request_id=call.request_id, method=call.method, path=call.address, exc_info=error
            )
        return problem(call, shown)


def problem(call: Call, error: AftersendError) -> Answer:
    """Return the answer that tells of an error."""
    told = problems.told(error, url=call.origin, instance=call.address, request_id=call.request_id)
    return Answer(told, error.status, problems.headers(error), problems.MEDIA_TYPE)


class _Place:
    """All methods of one path; a class, so that the router hands over the bare protocol."""

    def __init__(self, door: Door, methods: Mapping[str, Route]) -> None:
        self._door = door
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._door.answer(scope, receive, send, self._methods)


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The request is larger than {most} bytes, which is what this server takes.")


def _check_media_type(call: Call, route: Route) -> None:
    encoding = call.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise WrongMediaType(f"The body is encoded as {encoding[:40]!r}; send it as it is.")
    allowed = ((JSON,) if route.takes is not None else ()) + route.takes_also
    if not allowed or (not call.media_type and call.headers.get("content-length", "") in ("", "0")):
        return
    if call.media_type not in allowed:
        raise WrongMediaType(
            f"{call.media_type[:60] or 'A body without Content-Type'} is not taken here; send {' or '.join(allowed)}, "
            "and say so in the header Content-Type (curl calls every body a form)."
        )


def _shown_key(call: Call) -> str:
    """Return the key of the Authorization header, a bearer token (RFC 6750); "" for none."""
    scheme, _, rest = call.headers.get("authorization", "").partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""


def _host(host: str) -> str:
    """The host that the client named, if it can be one."""
    return host if re.fullmatch(r"[A-Za-z0-9.\-\[\]:]{1,255}", host) else "localhost"


async def _send(send: Send, call: Call, answer: Answer) -> None:
    content = answer.content
    empty = answer.status == 204
    body = b"" if empty else content if isinstance(content, bytes) else msgspec.json.encode(content)
    headers = [] if empty else [_type_of(answer), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": _head(call, answer) + headers})
    await send({"type": "http.response.body", "body": b"" if call.method == "HEAD" else body})


async def _send_pieces(receive: Receive, send: Send, call: Call, answer: Answer) -> None:
    """Send an answer piece by piece, no faster than the client takes it, and stop when the client goes away.

    When a piece cannot be made, the connection ends without the last chunk, so that the client knows that something is
    missing.
    """
    headers = [*_head(call, answer), _type_of(answer)]
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if call.method != "HEAD":
            async for piece in answer.content:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except Exception as error:
        log.error("answer_broken_off", request_id=call.request_id, path=call.address, exc_info=error)
    finally:
        gone.cancel()
        await answer.content.aclose()


async def _gone(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _type_of(answer: Answer) -> tuple[bytes, bytes]:
    return b"content-type", answer.media_type.encode("latin-1")


def _head(call: Call, answer: Answer) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-request-id", call.request_id.encode("latin-1")),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        *(
            (name.encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in (call.told | dict(answer.headers)).items()
        ),
    ]


__all__ = ["ASGIApp", "Answer", "Call", "Does", "Door", "Parameter", "Route", "problem"]
