"""Find the links in HTML that may be rewritten, and the place for a tracking picture, without touching another byte.

Reads as a browser's tokenizer does (WHATWG HTML §13.2.5), so that nothing in a comment, a style sheet or a script is
taken for a link. Outlook's conditional comments and their VML stay as they are: they are comments. So do `mailto:` and
every other scheme but http and https, fragments, relative links (unless there is a base), links by which people opt out,
and links marked `data-track="off"`. Linear in the length of the text.
"""

from __future__ import annotations

import re
from html import unescape
from html.entities import html5
from typing import NamedTuple
from urllib.parse import urljoin

LINKS_MOST = 2000
"""In one message; the others stay as they are."""
URL_MOST = 4096
TEXT_LOOKED_AT, TEXT_MOST = 600, 80

_EQUALS = re.compile(rb"[\t\n\f\r ]*+=")
_OPENING = re.compile(rb"<(?:(!--)|(!\[CDATA\[)|([!?])|(/?)([A-Za-z][^\t\n\f\r />]*)|/(?!>))")
_ATTRIBUTE = re.compile(
    rb"[\t\n\f\r /]*+(?:(>)|([^\t\n\f\r />][^\t\n\f\r />=]*+)"
    rb"(?:[\t\n\f\r ]*+(=)[\t\n\f\r ]*+(?:\"([^\"]*+)\"|'([^']*+)'|(?=>)|([^\t\n\f\r >\"'][^\t\n\f\r >]*+)))?)"
)
_COMMENT_END = re.compile(rb"--!?>")
_RAW = frozenset({b"script", b"style", b"xmp", b"iframe", b"noembed", b"noframes", b"title", b"textarea"})
_RAW_END = {name: re.compile(rb"</" + name + rb"[\t\n\f\r />]", re.IGNORECASE) for name in _RAW}
_MERGE_TAG = re.compile(rb"\{([{%#])[^{}]{0,500}[}%#]\}")
_REFERENCE = re.compile(r"&(?:#(?:[0-9]{1,7}|[xX][0-9A-Fa-f]{1,6});?|([A-Za-z][A-Za-z0-9]{0,30})(;?))")
_WEB = re.compile(r"https?://[^/?#\s]", re.IGNORECASE)
_TAGS = re.compile(rb"<[^>]*>")
_OPT_OUT = re.compile(
    r"unsubscribe|\bunsub\b|opt[-_ ]?out|abmelde|abbestell|austrag|d[ée]sabonn|d[ée]sinscri|darse de baja|darme de baja"
    r"|cancelar (?:la )?suscrip|cancelar (?:a )?(?:inscri|assinatura)|disiscri|annulla (?:l'|la )?iscrizion|afmeld|uitschrijv"
    r"|avregistr|avprenumer|avmeld|afmeld|wypisz|odhl[aá]sit|отпис|配信停止|退订|退訂|수신거부",
    re.IGNORECASE,
)
_OFF = frozenset({b"off", b"no", b"false", b"0"})
_SWITCHES = frozenset({b"data-track", b"clicktracking", b"data-clicktracking"})


class Link(NamedTuple):
    """The value of a target that may be rewritten."""

    start: int
    end: int
    """The span of its bytes, without quotes."""
    url: str
    """Where it leads: entities read, made whole by the base; merge tags stay in it."""
    text: str = ""
    """What people see of it, shortened."""


class Found(NamedTuple):
    """What one reading of a text found."""

    links: list[Link]
    pixel: int
    """Where a picture can be put in."""


def find(html: bytes) -> list[Link]:
    """Return every link that may be rewritten, in order."""
    return read(html).links


def pixel_place(html: bytes) -> int:
    """Return where a picture can be put in: before the end of the body, never inside of anything."""
    return read(html).pixel


def read(html: bytes) -> Found:
    """Return the links and the place for a picture, in one pass."""
    return _Reading(html).result()


class _Reading:
    __slots__ = ("_base", "_body_end", "_html", "_links", "_masked", "_ripe")

    def __init__(self, html: bytes) -> None:
        self._html = html
        # What stands in a merge tag is none of HTML's business.
        self._masked = _MERGE_TAG.sub(_mask, html) if b"{{" in html or b"{%" in html else html
        self._links: list[tuple[int, int, int]] = []
        self._base: str | None = None
        self._body_end = -1
        self._ripe = len(html)

    def result(self) -> Found:
        self._walk()
        found = []
        for start, end, behind in self._links:
            link = self._link(start, end, behind)
            if link is not None:
                found.append(link)
            if len(found) >= LINKS_MOST:
                break
        return Found(found, self._body_end if self._body_end >= 0 else self._ripe)

    def _walk(self) -> None:
        text, at = self._masked, 0
        while True:
            found = _OPENING.search(text, at)
            if found is None:
                return
            behind = self._behind(found)
            if behind < 0:
                self._ripe = found.start()
                return
            at = behind

    def _behind(self, found: re.Match[bytes]) -> int:
        """Return where what began here ends; -1 if it never does."""
        text, at = self._masked, found.end()
        is_comment, is_cdata, _, slash, name = found.groups()
        if is_comment:
            if text.startswith((b">", b"->"), at):
                return text.index(b">", at) + 1
            # From the second hyphen on: "<!-->" was seen to, "<!---->" ends at once.
            ending = _COMMENT_END.search(text, at)
            return -1 if ending is None else ending.end()
        if is_cdata:
            ending_at = text.find(b"]]>", at)
            return ending_at + 3 if ending_at >= 0 else text.find(b">", at) + 1 or -1
        if name is None:
            return text.find(b">", at) + 1 or -1
        return self._tag(found.start(), at, name.lower(), is_end=bool(slash))

    def _tag(self, start: int, at: int, name: bytes, *, is_end: bool) -> int:
        is_link, is_base = name in (b"a", b"area") and not is_end, name == b"base" and not is_end
        target: tuple[int, int] | None = None
        is_off = False
        seen = set()
        text = self._masked
        while True:
            found = _ATTRIBUTE.match(text, at)
            if found is None:
                return -1
            at = found.end()
            if found[1]:
                break
            if found[3] is None and _is_open(text, at):
                return -1
            if not (is_link or is_base):
                continue
            attribute = found[2].lower()
            which = next((number for number in (4, 5, 6) if found[number] is not None), 0)
            if attribute in seen or not which:
                seen.add(attribute)
                continue
            seen.add(attribute)
            if attribute == b"href":
                target = found.span(which)
            elif attribute in _SWITCHES:
                is_off = found[which].strip().lower() in _OFF
        if is_end:
            if name == b"body":
                self._body_end = start
            elif name == b"html" and self._body_end < 0:
                self._ripe = min(self._ripe, start)
            return at
        if target is not None:
            if is_base and self._base is None:
                self._base = _value(self._html[slice(*target)]) or ""
            elif is_link and not is_off:
                self._links.append((*target, at))
        return self._raw(name, at)

    def _raw(self, name: bytes, at: int) -> int:
        if name == b"plaintext":
            return -1
        if name not in _RAW:
            return at
        ending = _RAW_END[name].search(self._masked, at)
        if ending is None:
            return -1
        if name == b"script" and b"<!--" in self._masked[at : ending.start()]:
            return -1  # A script can hide its own end; mail has no scripts, so nothing behind one is worth a doubt.
        return ending.start()

    def _link(self, start: int, end: int, behind: int) -> Link | None:
        url = _value(self._html[start:end])
        if url is None or len(url) > URL_MOST or _OPT_OUT.search(url):
            return None
        if not url.startswith("{{") and not _WEB.match(url):
            if url.startswith(("#", "//")) or ":" in url.partition("/")[0] or not url or not self._base:
                return None
            url = _joined(self._base, url)
            if not _WEB.match(url):
                return None
        text = self._text(behind)
        return None if _OPT_OUT.search(text) else Link(start, end, url, text[:TEXT_MOST])

    def _text(self, behind: int) -> str:
        shown = self._html[behind : behind + TEXT_LOOKED_AT]
        ending = shown.lower().find(b"</a")
        shown = shown if ending < 0 else shown[:ending]
        return " ".join(unescape(_TAGS.sub(b" ", shown).decode("utf-8", "replace")).split())


def _mask(found: re.Match[bytes]) -> bytes:
    return b"~" * len(found[0])


def _is_open(text: bytes, at: int) -> bool:
    """Whether a quoted value begins here that never ends."""
    return _EQUALS.match(text, at) is not None


def _value(data: bytes) -> str | None:
    """Return an attribute's value as a URL: references read, spaces around it and line ends in it gone."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    if "&" in text:
        text = _REFERENCE.sub(_read_reference, text)
    return text.strip("".join(map(chr, range(33)))).translate(_NO_BREAKS)


_NO_BREAKS = dict.fromkeys((9, 10, 13))


def _read_reference(found: re.Match[str]) -> str:
    """Read a character reference as it counts in an attribute (WHATWG HTML §13.2.5.73): `&copy=` is none."""
    name = found[1]
    if name is None:
        return unescape(found[0])
    if found[2]:
        return html5.get(name + ";", found[0])
    following = found.string[found.end() : found.end() + 1]
    return found[0] if following == "=" or name not in html5 else html5[name]


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:
        return ""
