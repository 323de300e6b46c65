"""Answer visitors: the picture, a link, the pages for opting out. GET and HEAD never change anything but what is known of
visits; only the POST of RFC 8058, and the button on our page, do.

The picture and known links are answered before anything is written. Whoever shows no token of ours learns nothing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from aftersend.clock import DAY, SECOND, Clock
from aftersend.errors import SubmissionError
from aftersend.ids import IdSource
from aftersend.mail import tags
from aftersend.mail.tracking_tokens import Kind, Token, Tokens
from aftersend.policy.hits.maker import agent
from aftersend.policy.proxies import Proxies
from aftersend.store import Store, hits, personal
from aftersend.tracking import confirming, pages
from aftersend.tracking.http import Reply, Request
from aftersend.tracking.keeping import Keeper
from aftersend.tracking.opting_out import OptOut

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01"
    b"\x00\x00\x02\x01D\x00;"
)
MESSAGES_REMEMBERED = 2000
READ_AFTER_S = 5.0
"""What is open for longer was read (004)."""
HELD_MOST = 500
_NEVER_KEPT = b"Cache-Control: no-store, no-cache, must-revalidate, private, max-age=0\r\n"
_PICTURE = Reply(200, GIF, b"Content-Type: image/gif\r\n" + _NEVER_KEPT)
_TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
_ROBOTS = Reply(200, b"User-agent: *\nDisallow: /\n", _TEXT)
_ALIVE = Reply(200, b"ok\n", _TEXT + _NEVER_KEPT)
_ONLY_READ = Reply(405, b"", b"Allow: GET, HEAD\r\n")
_SHOWS_READING = frozenset({"mail_program", "webkit"})
_SAID = ("accept_language", "referer", "sec_purpose", "sec_ch_ua_platform")
SAID_MOST = 300


@dataclass(frozen=True, slots=True)
class Rules:
    """How visits are answered."""

    trusted_proxies: tuple[str, ...] = ()
    scale: float = 1.0
    """Multiplies the five seconds of reading; for practice."""


class Visits:
    """Answers visitors. One for each process."""

    def __init__(
        self, store: Store, keeper: Keeper, tokens: Tokens, opt_out: OptOut, clock: Clock, ids: IdSource, rules: Rules
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._tokens = tokens
        self._opt_out = opt_out
        self._clock = clock
        self._ids = ids
        self._proxies = Proxies(rules.trusted_proxies)
        self._read_after_s = max(READ_AFTER_S * rules.scale, 0.001)
        self._targets: OrderedDict[tuple[int, int], dict[int, str]] = OrderedDict()
        self._held = 0

    def answer(self, request: Request) -> Reply | Awaitable[Reply]:
        """Answer one request."""
        path = request.path.partition(b"?")[0]
        if path[:1] == b"/" and path[2:3] == b"/":
            kind, token = path[1:2], path[3:]
            if kind == b"o" or kind == b"r":
                return self._picture(request, token.removesuffix(b".gif"), is_second=kind == b"r")
            if kind == b"c":
                return self._link(request, token)
            if kind == b"u" or kind == b"p":
                return self._page(request, token, Kind.UNSUBSCRIBE if kind == b"u" else Kind.PREFERENCES)
            if kind == b"k":
                form = pages.form_of(request.body) if request.method == b"POST" else None
                said, secret = _visitor(request, self.peer(request)), token.decode("ascii", "replace")
                return confirming.answer(self._store, self._clock, self._ids, secret, form, said)
        if path == b"/robots.txt":
            return _ROBOTS
        return _ALIVE if path == b"/healthz" else pages.nothing_here()

    # ---- the picture -----------------------------------------------------------------------------------------------

    def _picture(self, request: Request, text: bytes, *, is_second: bool) -> Reply:
        if request.method == b"POST":
            return _ONLY_READ
        token = self._read(text, Kind.OPEN)
        if token is None:
            return _PICTURE
        if token.number:
            self._keep(request, token, "seen")
            return _PICTURE
        may_show = self._keep(request, token, "read" if is_second else "open")
        if may_show and not is_second and request.method == b"GET" and self._held < HELD_MOST:
            return self._asks_again(text)
        return _PICTURE

    def _asks_again(self, text: bytes) -> Reply:
        """Let a mail program that fetches for itself wait; if the mail is still open then, it asks once more."""
        import asyncio

        self._held += 1
        asyncio.get_running_loop().call_later(self._read_after_s, self._released)
        return Reply(302, b"", b"Location: /r/" + text + b".gif\r\n" + _NEVER_KEPT, after_s=self._read_after_s)

    def _released(self) -> None:
        self._held -= 1

    # ---- links -----------------------------------------------------------------------------------------------------

    def _link(self, request: Request, text: bytes) -> Reply | Awaitable[Reply]:
        if request.method == b"POST":
            return _ONLY_READ
        token = self._read(text, Kind.CLICK)
        if token is None:
            return pages.nothing_here()
        self._keep(request, token, "click")
        known = self._targets.get((token.account_id, token.message_id))
        if known is not None:
            url = known.get(token.number)
            if url is not None and "{{" not in url:
                return _again_to(url)
        return self._looked_up(token)

    async def _looked_up(self, token: Token) -> Reply:
        place = (token.account_id, token.message_id)
        known = self._targets.get(place)
        if known is None:
            known = await self._store.ask(hits.targets, *place)
            self._targets[place] = known
            if len(self._targets) > MESSAGES_REMEMBERED:
                self._targets.popitem(last=False)
        url = known.get(token.number)
        if url is not None and "{{" in url:
            url = await self._filled(token, url)
        return pages.link_gone() if url is None else _to(url)

    async def _filled(self, token: Token, url: str) -> str | None:
        """Return a destination with the recipient's own data in it; None if these are no longer kept."""
        (found,) = await self._store.ask(personal.load, [(token.account_id, [token.delivery_id])])
        data: dict[str, Any] = msgspec.json.decode(found.get(token.delivery_id, "{}"))
        try:
            own = {name: value for name, value in data.items() if not name.startswith("_")}
            # What needs the template engine may take seconds, and others want their answers meanwhile.
            is_simple = tags.parse(url) is not None
            return tags.fill(url, own) if is_simple else await asyncio.to_thread(tags.fill, url, own)
        except SubmissionError:
            return None

    # ---- opting out ------------------------------------------------------------------------------------------------

    async def _page(self, request: Request, text: bytes, kind: Kind) -> Reply:
        token = self._read(text, kind)
        if token is None:
            return pages.nothing_here()
        reader = await self._store.ask(hits.reader, token.account_id, token.delivery_id)
        if reader is None:
            return pages.too_old()
        said = _visitor(request, self.peer(request))
        self._keep(request, token, "unsub")
        if kind is Kind.PREFERENCES:
            if request.method == b"POST":
                return await self._opt_out.choose(reader, pages.form_of(request.body), said)
            return await self._opt_out.shown(reader)
        if request.method != b"POST":
            return pages.ask(reader)
        if pages.is_one_click(request.body):
            await self._opt_out.leave(reader, reader.stream, said, by="one click (RFC 8058)")
            return Reply(200, b"You are unsubscribed.\n", _TEXT + _NEVER_KEPT)
        if pages.form_of(request.body).get("confirm") == "yes":
            await self._opt_out.leave(reader, reader.stream, said, by="the button on our page")
            return pages.done(reader)
        return pages.ask(reader, status=400)

    # ---- what all have in common -----------------------------------------------------------------------------------

    def _read(self, text: bytes, kind: Kind) -> Token | None:
        token = self._tokens.read(text, self._clock() // SECOND)
        return token if token is not None and token.kind is kind else None

    def peer(self, request: Request) -> str:
        """Return the visitor's address: of those that trusted proxies name, the last that is not theirs."""
        named = request.headers.get(b"x-forwarded-for") if self._proxies else None
        return request.peer if named is None else self._proxies.visitor(request.peer, named.decode("ascii", "replace"))

    def _keep(self, request: Request, token: Token, kind: str) -> bool:
        """Keep a hit. Return whether its maker is a mail program that shows for how long it has a picture open."""
        if kind == "seen":
            # That somebody reads, and the day: nothing else is kept.
            day = self._clock() // DAY * DAY
            self._keeper.keep(
                (
                    token.account_id,
                    token.delivery_id,
                    self._ids(),
                    token.message_id,
                    kind,
                    0,
                    "GET",
                    day,
                    "",
                    None,
                    None,
                )
            )
            return False
        told = request.headers.get
        agent_text, said, shows_reading = _told(
            told(b"user-agent"), told(b"accept-language"), told(b"referer"), told(b"sec-purpose"), told(b"sec-ch-ua-platform"),
        )  # fmt: skip
        self._keeper.keep(
            (
                token.account_id, token.delivery_id, self._ids(), token.message_id, kind, token.number,
                request.method.decode("ascii"), self._clock(), self.peer(request), agent_text, said,
            )
        )  # fmt: skip
        return shows_reading


def _text(value: bytes | None) -> str | None:
    return None if value is None else value[:SAID_MOST].decode("utf-8", "replace").replace("\0", "")


@lru_cache(512)
def _told(user_agent: bytes | None, *others: bytes | None) -> tuple[str | None, str | None, bool]:
    """Return what is kept of a visitor's header fields: its name, the rest as JSON; and whether it shows reading.

    Remembered, since most visitors say what others said a moment ago.
    """
    text = _text(user_agent)
    said = {name: _text(value) for name, value in zip(_SAID, others, strict=True) if value is not None}
    return text, msgspec.json.encode(said).decode() if said else None, agent(text).kind in _SHOWS_READING


def _visitor(request: Request, peer: str) -> dict[str, str]:
    """Return what is kept as evidence of an opt-out."""
    said = {"kind": "http", "ip": peer, "user_agent": _text(request.headers.get(b"user-agent")) or ""}
    return {name: value for name, value in said.items() if value}


def _to(url: str) -> Reply:
    """Send a visitor on. A destination that is none of the web is not followed."""
    location = location_of(url)
    if location is None:
        return pages.link_gone()
    return Reply(302, b"", b"Location: " + location + b"\r\n" + _NEVER_KEPT)


_again_to = lru_cache(1024)(_to)


def location_of(url: str) -> bytes | None:
    """Return a destination as it stands in a header: ASCII, no spaces or line ends; None for what is none of the web."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        if parts.scheme.lower() not in ("http", "https") or not host:
            return None
        place = parts.netloc
        if not place.isascii():
            written = host.encode("idna").decode("ascii")
            port = f":{parts.port}" if parts.port else ""
            place = f"{parts.netloc.rpartition('@')[0]}@{written}{port}" if "@" in parts.netloc else written + port
        kept = "%/?:@!$&'()*+,;=~[]#"
        return urlunsplit(
            (parts.scheme, quote(place, safe=kept), *(quote(each, safe=kept) for each in parts[2:]))
        ).encode("ascii")
    except (ValueError, UnicodeError):
        return None
