"""Own the way of a request to the console: who is signed in, whether they may, what they sent, how the page goes out.

A page is a value; all of them stand in one table (`pages`). A visit is a call of the API with a person in the place of a
key, so a page asks the same functions as the API does.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import msgspec

from aftersend.control import people as rules_for_people
from aftersend.control.door import Doorkeeper
from aftersend.control.people import ALLOWED
from aftersend.errors import NotAllowed, Unauthenticated
from aftersend.store import accounts
from aftersend.store.accounts import Key
from aftersend.store.people import Session
from aftersend.web.calls import Answer, Call
from aftersend.web.console import catalogue, rendering
from aftersend.web.problems import BadRequest

HTML = "text/html; charset=utf-8"
SESSION_COOKIE = "aftersend_session"
BROWSER_COOKIE = "aftersend_browser"
SAID_COOKIE = "aftersend_said"
THEME_COOKIE = "aftersend_theme"
THEMES = ("auto", "light", "dark")
ROOT = "/console"
FIELDS_MOST = 500
FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class Visit(Call):
    """One request to the console."""

    session: Session | None = None
    token: str = ""
    """What the browser holds for the session."""
    doorkeeper: Doorkeeper | None = None
    set_cookies: list[str] = field(default_factory=list)
    is_practice: bool = False
    """Whether all mail goes to the practice world."""

    @property
    def account_id(self) -> int:
        """For whom."""
        return self.someone.account_id

    @property
    def key(self) -> Key:
        """The person, in the form in which the API knows who asks; there is no such key in the store."""
        one = self.someone
        runs = self.is_operator and (self.may("moderate") or self.may("admin"))
        held = (("send", self.may("send")), ("admin", self.may("admin")), ("operate", runs))
        scopes = ("read", *(name for name, is_held in held if is_held))
        return Key(one.account_id, 0, one.user.email, "", scopes, (), one.created_us, one.seen_us, None)

    @property
    def who(self) -> str:
        """Who asks, for the ledger and the audit."""
        return self.someone.user.email

    @property
    def someone(self) -> Session:
        """Who is signed in. Raise Unauthenticated."""
        if self.session is None:
            raise Unauthenticated("Sign in first.")
        return self.session

    @property
    def door(self) -> Doorkeeper:
        """Who checks passwords."""
        assert self.doorkeeper is not None
        return self.doorkeeper

    @property
    def is_operator(self) -> bool:
        """Whether this is the first account, which belongs to those who run the installation."""
        return self.account_id == accounts.FIRST_ACCOUNT

    def may(self, what: str) -> bool:
        """Say whether the person may do something, as `control.people.ALLOWED` names it."""
        return self.session is not None and what in ALLOWED[self.session.role]

    # ---- what came ---------------------------------------------------------------------------------------------------

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies, as far as they can be read."""
        try:
            found: SimpleCookie = SimpleCookie(self.headers.get("cookie", ""))
        except CookieError:
            return {}
        return {name: one.value for name, one in found.items()}

    def form(self) -> dict[str, str]:
        """Return the fields of the form that was sent; of a field sent several times the last. Raise BadRequest."""
        return dict(self.fields())

    def fields(self) -> list[tuple[str, str]]:
        """Return the fields of the form that was sent, in order. Raise BadRequest."""
        try:
            found = parse_qsl(
                self.body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MOST, errors="strict"
            )
        except ValueError:
            raise BadRequest("The form cannot be read; go back and send it again.") from None
        if any("\0" in name or "\0" in value for name, value in found):
            raise BadRequest("There is a NUL in the form; no text has one.")
        return found

    def asked(self, name: str, default: str = "") -> str:
        """Return one parameter behind the question mark."""
        return dict(self.query()).get(name, default)

    def to_api(
        self,
        content: Any = None,
        *,
        query: list[tuple[str, str]] | None = None,
        path: Mapping[str, str] | None = None,
    ) -> Visit:
        """Return the same visit as a call of the API, with JSON in its body, for a function that answers such calls."""
        return replace(
            self,
            body=b"" if content is None else msgspec.json.encode(content),
            query_string="&".join(f"{quote(n)}={quote(v, safe='')}" for n, v in query or []).encode(),
            path=self.path if path is None else path,
            headers={name: value for name, value in self.headers.items() if name != "content-type"}
            | {"content-type": "application/json"},
        )

    # ---- what goes out -----------------------------------------------------------------------------------------------

    @property
    def csrf(self) -> str:
        """What every form of this session carries, so that no other site can send one in its name."""
        return hmac.digest(self.token.encode(), b"form", "sha256").hex() if self.token else ""

    @property
    def theme(self) -> str:
        """Light, dark, or as the system has it."""
        chosen = self.cookies.get(THEME_COOKIE, "auto")
        return chosen if chosen in THEMES else "auto"

    @property
    def zone(self) -> str:
        """The time zone that the person chose."""
        return "UTC" if self.session is None else str(self.session.user.preferences.get("zone", "UTC"))

    @property
    def language(self) -> str:
        """The language that the person chose; else the one that the browser likes best among ours."""
        chosen = "" if self.session is None else str(self.session.user.preferences.get("language", ""))
        return chosen if chosen in catalogue.LANGUAGES else catalogue.wanted(self.headers.get("accept-language", ""))

    def show(self, template: str, status: int = 200, **values: Any) -> Answer:
        """Answer with a page."""
        said = unquote(self.cookies.get(SAID_COOKIE, ""))
        if said:
            self.cookie(SAID_COOKIE, "", seconds=0)
        html = rendering.render(template, visit=self, said=said[:300], **values)
        return Answer(html.encode("utf-8", "replace"), status, media_type=HTML)

    def go(self, place: str, said: str = "") -> Answer:
        """Send the browser to another page, which shows what has been done."""
        if said:
            self.cookie(SAID_COOKIE, quote(said[:300]), seconds=60)
        return Answer(b"", 303, {"location": place}, HTML)

    def cookie(self, name: str, value: str, *, seconds: int, is_hidden: bool = True) -> None:
        """Have the browser keep something, or, with no seconds, forget it."""
        secure = "; Secure" if self.origin.startswith("https:") else ""
        hidden = "; HttpOnly" if is_hidden else ""
        self.set_cookies.append(f"{name}={value}; Path={ROOT}; Max-Age={seconds}; SameSite=Lax{hidden}{secure}")

    def begin(self, session: Session | None, token: str) -> None:
        """Let the browser hold a session, or, without one, forget it."""
        self.session, self.token = session, token
        lasts = rules_for_people.SESSION_MOST_US // 1_000_000 if token else 0
        self.cookie(SESSION_COOKIE, token, seconds=lasts)


Shows = Callable[[Visit], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One page, or one thing that a form does."""

    method: str
    path: str
    """Below /console, with a slash before it."""
    does: Shows
    needs: str | None = "read"
    """What a person must be allowed (`control.people.ALLOWED`); None when nobody need be signed in."""
    takes: str = FORM
    """The media type of the form."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that is sent as it is made."""

    pieces: AsyncIterator[bytes]
    has_end: bool = False
    """Whether the pieces make a whole. If so, an answer that is cut short breaks off, so that nobody takes it for all there
    is; server-sent events just stop."""


def check_origin(visit: Visit) -> None:
    """Refuse a form that another site sent. Raise NotAllowed."""
    site = visit.headers.get("sec-fetch-site", "same-origin")
    origin = visit.headers.get("origin")
    ours = {urlsplit(visit.origin).netloc, visit.headers.get("host", "")}
    if site not in ("same-origin", "none") or (origin is not None and urlsplit(origin).netloc not in ours):
        raise NotAllowed("This form was sent by another site; open the console and send it from there.")


def check_form(visit: Visit) -> None:
    """Refuse a form that does not carry the word of this session. Raise NotAllowed."""
    given = visit.form().get("csrf", "") if visit.media_type == FORM else visit.asked("csrf")
    if not hmac.compare_digest(given.encode(), visit.csrf.encode()):
        raise NotAllowed("This form is from an earlier session; go back, load the page again, and send it anew.")
