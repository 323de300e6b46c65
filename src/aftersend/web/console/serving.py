"""Answer requests to the console: find the page, the person, check both, and send what comes of it, compressed, under a
policy by which a browser runs nothing but our own files."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from starlette.routing import Route as StarletteRoute
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from aftersend import ids
from aftersend.clock import MINUTE
from aftersend.control import people as rules_for_people
from aftersend.control.door import Doorkeeper
from aftersend.errors import NotAllowed, NotFound, TooLarge, Unauthenticated
from aftersend.logs import Logger
from aftersend.store import people
from aftersend.web import problems
from aftersend.web.calls import Answer
from aftersend.web.console import static
from aftersend.web.console.visits import HTML, ROOT, SESSION_COOKIE, Page, Stream, Visit, check_form, check_origin
from aftersend.web.desk import Desk
from aftersend.web.problems import BadRequest, WrongMethod

log = Logger("web")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
)
FORM_MOST = 32 * 1024 * 1024
STRANGERS_FORM_MOST = 64 * 1024
"""Octets of a form of somebody who is not signed in."""
FORM_WITHIN_S = 120.0
_COMPRESSED_FROM = 600
_TEXT = ("text/", "application/json", "application/javascript", "application/x-ndjson", "image/svg")


class Console:
    """The console as an application; `answers` says which requests are its own."""

    def __init__(self, desk: Desk, pages: Sequence[Page], *, is_practice: bool) -> None:
        self._desk = desk
        self._is_practice = is_practice
        self._doorkeeper = Doorkeeper(desk.store, desk.clock, desk.secret)
        self._leaving = asyncio.Event()
        by_path: dict[str, dict[str, Page]] = {}
        for page in pages:
            by_path.setdefault(ROOT + page.path, {})[page.method] = page
        self._router = Router(
            [StarletteRoute(path, _Place(self, methods)) for path, methods in by_path.items()],
            redirect_slashes=False,
            default=_Place(self, {}),
        )

    def leave(self) -> None:
        """End all streams."""
        self._leaving.set()

    @staticmethod
    def answers(path: str) -> bool:
        """Say whether a path belongs to the console."""
        return path == ROOT or path.startswith(f"{ROOT}/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] == ROOT:
            scope = {**scope, "path": f"{ROOT}/"}
        await self._router(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send, methods: Mapping[str, Page]) -> None:
        """Answer with the page of the method, or with one that says what is wrong."""
        began = time.perf_counter()
        visit = self._visit(scope)
        kept = static.found(visit.address)
        if kept is not None and visit.method in ("GET", "HEAD"):
            await _send_file(send, visit, kept)
            return
        page = methods.get("GET" if visit.method == "HEAD" else visit.method)
        try:
            answer = await self._answered(visit, receive, page, methods)
        except Exception as error:
            answer = self._wrong(visit, error)
        name = "console" if page is None else f"console {page.path}"
        self._desk.meter.answered(name, visit.method, answer.status, time.perf_counter() - began)
        if isinstance(answer.content, Stream):
            await _send_stream(send, receive, visit, answer, self._leaving)
        else:
            await _send(send, visit, answer)

    def _visit(self, scope: Scope) -> Visit:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        desk = self._desk
        client = scope.get("client")
        return Visit(
            desk=desk,
            request_id=ids.show("req", desk.ids()),
            method=scope["method"],
            address=scope["path"],
            path=scope.get("path_params", {}),
            headers=headers,
            peer=desk.rules.proxies.visitor(client[0] if client else "unknown", headers.get("x-forwarded-for", "")),
            origin=desk.rules.url or f"{scope.get('scheme', 'http')}://{_host(headers.get('host', ''))}",
            query_string=scope["query_string"],
            doorkeeper=self._doorkeeper,
            is_practice=self._is_practice,
        )

    async def _answered(self, visit: Visit, receive: Receive, page: Page | None, methods: Mapping[str, Page]) -> Answer:
        await self._recognise(visit)
        if page is None and methods:
            raise WrongMethod("This page is not asked for in this way.", ", ".join(sorted(methods)))
        if page is None:
            raise NotFound("There is no such page. It may have been moved, or the address has a slip in it.")
        if page.needs is not None:
            visit.someone  # noqa: B018 - raises when nobody is signed in
            if not visit.may(page.needs):
                raise NotAllowed(f"Your role here, {visit.someone.role}, does not allow this.")
        if visit.method == "POST":
            check_origin(visit)
            visit.body = await _body(visit, receive)
            if visit.session is not None:
                check_form(visit)
        return await page.does(visit)

    async def _recognise(self, visit: Visit) -> None:
        """Find who is signed in, and note once a minute that they are here."""
        token = visit.cookies.get(SESSION_COOKIE, "")
        if not token or len(token) > 100:
            return
        now, digest = visit.desk.clock(), rules_for_people.digest_of(token)
        found = await visit.desk.store.ask(people.session, digest, now=now)
        if found is None:
            return
        visit.session, visit.token = found, token
        if now - found.seen_us > MINUTE:
            ends_us = rules_for_people.ends(found.created_us, now)
            await visit.desk.store.run(people.seen, digest, now=now, ends_us=ends_us)

    def _wrong(self, visit: Visit, error: Exception) -> Answer:
        """Say what is wrong; whoever is not signed in is asked to do so, and comes back."""
        if isinstance(error, Unauthenticated) and visit.session is None:
            wanted = visit.address + (f"?{visit.query_string.decode('latin-1')}" if visit.query_string else "")
            return visit.go(f"{ROOT}/sign-in" + (f"?then={quote(wanted, safe='')}" if visit.method == "GET" else ""))
        shown = problems.public(error)
        if shown is not error:
            log.error(
                "request_failed", request_id=visit.request_id, method=visit.method, path=visit.address, exc_info=error
            )
        template = "wrong.html" if visit.session is not None else "wrong_outside.html"
        return visit.show(template, shown.status, problem=shown, fields=getattr(shown, "fields", []))


class _Place:
    """All methods of one path; a class, so that the router hands over the bare protocol."""

    def __init__(self, console: Console, methods: Mapping[str, Page]) -> None:
        self._console = console
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._console.answer(scope, receive, send, self._methods)


def _host(host: str) -> str:
    return host if host and all(c.isalnum() or c in ".-[]:" for c in host) else "localhost"


async def _body(visit: Visit, receive: Receive) -> bytes:
    """Return all of a form. Raise BadRequest when it did not come whole: half a form is none."""
    most = STRANGERS_FORM_MOST if visit.session is None else min(FORM_MOST, visit.desk.rules.max_body)
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(FORM_WITHIN_S):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BadRequest("The connection ended before the form had come; nothing was done.")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > most:
                    raise TooLarge("The form is larger than this server takes.")
                more = message.get("more_body", False)
    except TimeoutError:
        raise BadRequest(f"The form did not come within {FORM_WITHIN_S:.0f} seconds; nothing was done.") from None
    return b"".join(chunks)


async def _send(send: Send, visit: Visit, answer: Answer) -> None:
    body: bytes = answer.content or b""
    given = {name.lower(): value for name, value in answer.headers.items()}
    headers = [
        (b"x-request-id", visit.request_id.encode()),
        (b"content-type", answer.media_type.encode()),
        (b"cache-control", given.pop("cache-control", "no-store").encode()),
        (b"content-security-policy", given.pop("content-security-policy", POLICY).encode()),
        (b"vary", b"accept-encoding, cookie"),
        *_HEADERS,
        *((name.encode(), value.encode("latin-1", "replace")) for name, value in given.items()),
        *((b"set-cookie", cookie.encode("latin-1", "replace")) for cookie in visit.set_cookies),
    ]
    if len(body) >= _COMPRESSED_FROM and _takes_gzip(visit) and answer.media_type.startswith(_TEXT):
        body = gzip.compress(body, 5, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if visit.method == "HEAD" else body})


def _takes_gzip(visit: Visit) -> bool:
    return "gzip" in visit.headers.get("accept-encoding", "")


async def _send_file(send: Send, visit: Visit, kept: static.File) -> None:
    body, extra = kept.content, []
    if kept.compressed is not None and _takes_gzip(visit):
        body, extra = kept.compressed, [(b"content-encoding", b"gzip")]
    headers = [
        (b"content-type", kept.media_type.encode()),
        (b"cache-control", b"public, max-age=31536000, immutable"),
        (b"vary", b"accept-encoding"),
        (b"content-length", str(len(body)).encode()),
        *_HEADERS,
        *extra,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if visit.method == "HEAD" else body})


async def _send_stream(send: Send, receive: Receive, visit: Visit, answer: Answer, leaving: asyncio.Event) -> None:
    """Send pieces as they come, until there are no more, the browser leaves or the server is about to stop."""
    stream: Stream = answer.content
    headers = [
        (b"x-request-id", visit.request_id.encode()),
        (b"content-type", answer.media_type.encode()),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"content-security-policy", POLICY.encode()),
        *_HEADERS,
        *((name.encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if visit.method == "HEAD":
        await send({"type": "http.response.body", "body": b""})
        return
    sending = asyncio.ensure_future(_pieces(send, stream))
    gone = asyncio.ensure_future(_gone(receive))
    ends = [sending, gone, asyncio.ensure_future(leaving.wait())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    has_left = gone.done()
    for task in ends:
        task.cancel()
    await asyncio.gather(*ends, return_exceptions=True)
    error = None if sending.cancelled() else sending.exception()
    if error is not None:
        log.error("answer_broken_off", request_id=visit.request_id, path=visit.address, exc_info=error)
    is_whole = not sending.cancelled() and error is None
    if not has_left and (is_whole or not stream.has_end):
        await send({"type": "http.response.body", "body": b""})


async def _pieces(send: Send, stream: Stream) -> None:
    async for piece in stream.pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


__all__ = ["HTML", "POLICY", "Console"]
