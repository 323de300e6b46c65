"""Read an HTML page the way a reader of mail sees it: words, links, images, and what mail programs leave out.

Styles are read from attributes only, as most mail programs did for decades; what stands in style sheets is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from selectolax.lexbor import LexborHTMLParser

NODES_MOST = 50_000
STYLE_MOST = 2_000
"""Characters of a style attribute that are read."""
DEPTH_MOST = 500
"""Elements inside each other; an HTML parser takes time by the square of it, so what is deeper is not read."""
KEPT_MOST = 2_000
"""Links and images that are looked at; nobody writes more."""
LARGE_PX, CONTRAST_LEAST, CONTRAST_LARGE = 24.0, 4.5, 3.0
"""WCAG 2.2, 1.4.3: large text may have less contrast."""

_UNSEEN = frozenset({"script", "style", "head", "title", "template", "noscript", "-comment"})
_ACTIVE = frozenset({"form", "script", "iframe", "object", "embed", "applet", "video", "audio", "frame"})
_NOTED = _ACTIVE | {"a", "img", "table", "th", "caption"}
"""Elements that mean something without an attribute."""
_WITHIN_LINES = "a abbr b bdi bdo big code em font i img ins kbd mark q s small span strike strong sub sup tt u wbr"
_INLINE = frozenset(_WITHIN_LINES.split())
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
_WITHOUT_END = "area base br col embed hr img input link meta param source track wbr p li td tr th dt dd option"
_LONE = frozenset(_WITHOUT_END.split())
"""Elements that need no end."""
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE)
_STYLE = re.compile(r"(?:^|;)\s*([a-z-]{2,30})\s*:\s*([^;]{1,300})", re.IGNORECASE)
_PX = re.compile(r"\s*(\d{1,5}(?:\.\d+)?)\s*(?:px)?\s*(?:!important)?\s*$", re.IGNORECASE)
_PT = re.compile(r"\s*(\d{1,4}(?:\.\d+)?)\s*pt\b", re.IGNORECASE)
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-f])", re.IGNORECASE)
_RGB = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)", re.IGNORECASE)
_NAMED = {"white": (255, 255, 255), "black": (0, 0, 0), "gray": (128, 128, 128), "grey": (128, 128, 128),
          "silver": (192, 192, 192), "red": (255, 0, 0), "yellow": (255, 255, 0), "blue": (0, 0, 255),
          "green": (0, 128, 0), "navy": (0, 0, 128), "orange": (255, 165, 0)}  # fmt: skip

Colour = tuple[int, int, int]


class Link(NamedTuple):
    """A link with the words that are clicked."""

    url: str
    text: str


class Image(NamedTuple):
    """An image; a size that is not said is None."""

    source: str
    alt: str | None
    width: float | None
    height: float | None


@dataclass(slots=True)
class Page:
    """What a page shows."""

    lang: str = ""
    title: str = ""
    text: str = ""
    """What can be read; each block on a line of its own."""
    links: list[Link] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    active: set[str] = field(default_factory=set)
    """Elements that mail programs take out, or warn of."""
    bare_tables: int = 0
    """Tables for layout that do not say so to screen readers."""
    letters: int = 0
    small_letters: int = 0
    """Under 12 px."""
    tiny_letters: int = 0
    """Under 9 px."""
    pale: list[str] = field(default_factory=list)
    """Words with too little contrast to what is behind them."""
    inline_bytes: int = 0
    """Of images that stand in the page as data."""

    @property
    def words(self) -> int:
        """How many words can be seen."""
        return len(self.text.split())


class _Look(NamedTuple):
    """How text looks at a place of the page."""

    is_hidden: bool = False
    colour: Colour | None = None
    behind: Colour | None = (255, 255, 255)
    size: float = 16.0
    link: int = -1
    """The number of the link around it."""
    table: int = -1
    """The number of the table around it."""


def read(html: str) -> Page:
    """Read a page. Never raises, whatever the text; linear in its size."""
    page = Page()
    parser = LexborHTMLParser(_shallow(html))
    root = parser.root
    if root is None:
        return page
    page.lang = (root.attributes.get("lang") or root.attributes.get("xml:lang") or "").strip()
    title = parser.css_first("title")
    page.title = title.text().strip() if title is not None else ""
    walk = _Walk(page)
    waiting: list[tuple[Any, _Look]] = [(root, _Look())]
    seen = 0
    while waiting and seen < NODES_MOST:
        node, look = waiting.pop()
        seen += 1
        tag = node.tag or ""
        if tag == "-text":
            if not look.is_hidden and look.size > 0:  # a frame of size 0 often has text of its own size inside
                walk.text(node.text_content or "", look)
            continue
        attributes: Mapping[str, str | None] = node.attributes
        if attributes or tag in _NOTED:
            look = walk.element(tag, attributes, look)
        if tag in _UNSEEN:
            look = look._replace(is_hidden=True)
        if tag not in _INLINE:
            walk.words.append("\n")
        waiting += [(child, look) for child in node.iter(include_text=True)][::-1]
    walk.end()
    return page


def _shallow(html: str) -> str:
    """Cut a page where its elements lie too deep in each other."""
    depth = 0
    opened: dict[str, int] = {}
    for found in _TAG.finditer(html):
        end, tag = found.groups()
        tag = tag.lower()
        if tag in _LONE:
            continue
        if not end:
            opened[tag] = opened.get(tag, 0) + 1
            depth += 1
            if depth > DEPTH_MOST:
                return html[: found.start()]
        elif opened.get(tag):
            opened[tag] -= 1
            depth -= 1
    return html


class _Walk:
    """Gathers what a page shows, an element and a text at a time."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.words: list[str] = []
        self.links: list[tuple[str, list[str]]] = []
        self.are_bare: list[bool] = []
        """Of each table, whether it looks like one for layout and does not say so."""

    def text(self, text: str, look: _Look) -> None:
        self.words.append(text.replace("\n", " "))
        if 0 <= look.link < KEPT_MOST:
            self.links[look.link][1].append(text)
        if text.isspace():
            return
        page = self.page
        letters = len(text) - text.count(" ")
        page.letters += letters
        page.small_letters += letters if look.size < 12 else 0
        page.tiny_letters += letters if look.size < 9 else 0
        if look.colour is not None and look.behind is not None and len(page.pale) < 50:
            least = CONTRAST_LARGE if look.size >= LARGE_PX else CONTRAST_LEAST
            if contrast(look.colour, look.behind) < least:
                page.pale.append(" ".join(text.split())[:60])

    def element(self, tag: str, attributes: Mapping[str, str | None], look: _Look) -> _Look:
        page = self.page
        if tag in ("a", "area"):
            url = (attributes.get("href") or "").strip()
            if url and not url.startswith("#") and len(self.links) < KEPT_MOST:
                look = look._replace(link=len(self.links))
                self.links.append((url, []))
        elif tag == "img":
            _image(page, attributes)
        elif tag == "table":
            look = look._replace(table=len(self.are_bare))
            self.are_bare.append((attributes.get("role") or "").lower() not in ("presentation", "none"))
        elif tag in ("th", "caption") and look.table >= 0:
            self.are_bare[look.table] = False
        elif tag in _ACTIVE:
            page.active.add(tag)
        if not attributes:
            return look
        get = attributes.get
        said = ((value or "")[:80] or None for value in (get("color"), get("bgcolor"), get("background")))
        return _changed(look, (get("style") or "")[:STYLE_MOST], *said, "hidden" in attributes)

    def end(self) -> None:
        lines = (" ".join(line.split()) for line in "".join(self.words).split("\n"))
        self.page.text = "\n".join(line for line in lines if line)
        self.page.links = [Link(url, " ".join("".join(texts).split())[:300]) for url, texts in self.links]
        self.page.bare_tables = sum(self.are_bare)


def _image(page: Page, attributes: Mapping[str, str | None]) -> None:
    source = (attributes.get("src") or "").strip()
    style = _style_of((attributes.get("style") or "")[:STYLE_MOST])
    if source.lower().startswith("data:"):
        page.inline_bytes += len(source) * 3 // 4
        source = source[:40]
    if len(page.images) < KEPT_MOST:
        alt = (attributes.get("alt") or "") if "alt" in attributes else None
        page.images.append(Image(source, alt, _size(attributes, style, "width"), _size(attributes, style, "height")))


@lru_cache(maxsize=1024)
def _style_of(style: str) -> Mapping[str, str]:
    return {name.lower(): value.strip() for name, value in _STYLE.findall(style)} if style else {}


def _size(attributes: Mapping[str, str | None], style: Mapping[str, str], name: str) -> float | None:
    for said in (attributes.get(name), style.get(name), style.get(f"max-{name}")):
        if said:
            found = _PX.match(said)
            if found:
                return float(found[1])
            if said.strip().endswith("%") or said.strip() == "auto":
                return 600.0 if name == "width" else 200.0
    return None


@lru_cache(maxsize=2048)
def _changed(
    look: _Look, said: str, colour_said: str | None, behind_said: str | None, image: str | None, is_hidden: bool
) -> _Look:
    style = _style_of(said)
    if is_hidden or _HIDDEN.search(said):
        look = look._replace(is_hidden=True)
    colour = _colour(style.get("color") or colour_said)
    if colour is not None:
        look = look._replace(colour=colour)
    behind = style.get("background-color") or style.get("background") or behind_said
    if behind or "background-image" in style or image:
        look = look._replace(behind=None if "url(" in (behind or "url(").lower() else _colour(behind))
    size = style.get("font-size")
    if size:
        points = _PT.match(size)
        pixels = _PX.match(size)
        if points:
            look = look._replace(size=float(points[1]) * 4 / 3)
        elif pixels:
            look = look._replace(size=float(pixels[1]))
    return look


def _colour(said: str | None) -> Colour | None:
    if not said:
        return None
    found = _HEX.search(said)
    if found:
        digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    rgb = _RGB.search(said)
    if rgb:
        return min(int(rgb[1]), 255), min(int(rgb[2]), 255), min(int(rgb[3]), 255)
    return _NAMED.get(said.lower().replace("!important", "").strip())


@lru_cache(maxsize=4096)
def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (v / 3294.6 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
