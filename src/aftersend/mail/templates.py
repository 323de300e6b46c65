"""Make of what a person wrote (HTML or MJML, with merge tags) what can be mailed: styles in the elements, and a plain text.

Done once, when a template is saved. Nothing is fetched from anywhere. Merge tags come out as they went in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import css_inline

from aftersend.errors import BadField
from aftersend.mail import tags

_STAND_IN = re.compile(r"<!--aftersendtag(\d+)x-->|aftersendtag(\d+)x")
_BLOCKS = frozenset({
    "address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul",
})  # fmt: skip
_SILENT = frozenset({"head", "script", "style", "title"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
DEPTH_MOST = 100
"""Elements of MJML inside each other. What reads it goes down by recursion, and far enough down ends the whole process."""
_PIECE = re.compile(
    r"""(?P<hides><!--|<!\[CDATA\[)|<(?P<open>[A-Za-z][^\s/>"'<]*+)|</(?P<close>[A-Za-z][^\s/>"'<]*+)\s*+>""",
    re.VERBOSE,
)
_REST_OF_TAG = re.compile(r"""(?:"[^"]*+"|'[^']*+'|[^>"'])*+>""")
_SPACES = re.compile(r"[ \t\r\n]+")


PAGE_MOST = 10_000_000
"""Characters of what is mailed; styles put into many elements grow beyond all measure."""
Maker = Callable[[str, str], tuple[str, str]]
_elsewhere: list[Maker] = []


def make_elsewhere(maker: Maker | None) -> None:
    """Let another process make pages from now on, one that may end when they take too much; None: this one again."""
    _elsewhere[:] = [] if maker is None else [maker]


def made(source: str, kind: str) -> tuple[str, str]:
    """Return the HTML to be mailed and a plain text that says the same. Raise BadField.

    A rule of styles for every element takes time for each of them: a service makes what customers wrote elsewhere.
    """
    if _elsewhere:
        return _elsewhere[0](source, kind)
    html = page(source, kind)
    return html, text_of(html)


def page(source: str, kind: str) -> str:
    """Return the HTML to be mailed: MJML made into HTML, styles put into the elements. Raise BadField."""
    tags.check(source, "#/source")
    hidden, kept = _hidden(source)
    if kind == "mjml":
        hidden = _from_mjml(hidden)
    if "<style" in hidden.lower():
        try:
            hidden = css_inline.inline(hidden, keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False)
        except (css_inline.InlineError, ValueError) as error:
            raise BadField("#/source", f"The styles cannot be read: {error}.", code="template-failed") from None
    if len(hidden) > PAGE_MOST:
        raise BadField(
            "#/source",
            f"With its styles in the elements the HTML has more than {PAGE_MOST:,} characters.",
            code="template-failed",
        )
    return _shown(hidden, kept)


def text_of(html: str) -> str:
    """Return a plain text that says what HTML shows, with the address behind each link; merge tags stay."""
    hidden, kept = _hidden(html)
    reader = _Reader()
    reader.feed(hidden)
    reader.close()
    lines = [_SPACES.sub(" ", line).strip() for line in "".join(reader.parts).split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return _shown(text, kept) + "\n"


def _from_mjml(source: str) -> str:
    import mjml

    if "<mj-include" in source.lower():
        raise BadField(
            "#/source", "mj-include is not taken: put the part into the template itself.", code="template-failed"
        )
    if _is_too_deep(source):
        raise BadField(
            "#/source",
            f"The MJML is more than {DEPTH_MOST} elements deep, or something in it has no end.",
            code="template-failed",
        )
    try:
        # Without fonts of its own, which readers would fetch from a third party; those that mj-font names stay.
        return str(mjml.mjml2html(source, disable_comments=False, fonts={}))
    except Exception as error:
        raise BadField("#/source", f"The MJML cannot be read: {str(error)[:300]}.", code="template-failed") from None


def _is_too_deep(source: str) -> bool:
    """Whether elements are nested too deep; one that is not closed counts to the end, and what has no end as too deep.

    Takes time in proportion to the text.
    """
    open_: list[str] = []
    at = 0
    while (piece := _PIECE.search(source, at)) is not None:
        at = piece.end()
        name, hides = piece["open"], piece["hides"]
        if hides is not None:
            at = source.find("-->" if hides == "<!--" else "]]>", at)
            if at < 0:
                return True
        elif name is not None:
            rest = _REST_OF_TAG.match(source, at)
            if rest is None:
                return True
            at = rest.end()
            if not rest[0].endswith("/>") and name.lower() not in _VOID:
                open_.append(name)
        elif piece["close"] is not None and open_ and open_[-1] == piece["close"]:
            open_.pop()
        if len(open_) > DEPTH_MOST:
            return True
    return False


def _hidden(source: str) -> tuple[str, list[str]]:
    """Put a stand-in in the place of each merge tag, one that a parser of HTML leaves where it is."""
    kept: list[str] = []
    pieces: list[str] = []
    at, is_inside = 0, False
    for begin, end in tags.spans(source):
        before = source[at:begin]
        opened, closed = before.rfind("<"), before.rfind(">")
        is_inside = is_inside if opened == closed else opened > closed
        word = f"aftersendtag{len(kept)}x"
        kept.append(source[begin:end])
        # A comment may stand between the rows of a table, where words may not.
        pieces += [before, word if is_inside or source.startswith("{{", begin) else f"<!--{word}-->"]
        at = end
    return "".join([*pieces, source[at:]]), kept


def _shown(hidden: str, kept: list[str]) -> str:
    def tag(found: re.Match[str]) -> str:
        number = int(found[1] or found[2])
        return kept[number] if number < len(kept) else found[0]

    return _STAND_IN.sub(tag, hidden)


class _Reader(HTMLParser):
    """Gathers what is shown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS:
            self.parts.append("\n\n" if tag in ("p", "table", "h1", "h2", "h3") else "\n")
            self.parts.append("- " if tag == "li" else "")
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self.parts)))
        elif tag == "img":
            self.parts.append(given.get("alt") or "")
        elif tag == "td":
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n\n" if tag in ("p", "table", "h1", "h2", "h3") else "\n")
        elif tag == "a" and self._links:
            address, since = self._links.pop()
            shown = "".join(self.parts[since:]).strip()
            if address and not address.startswith("#") and address not in (shown, f"mailto:{shown}"):
                self.parts.append(f" ({address})" if shown else address)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(_SPACES.sub(" ", data))

    def handle_comment(self, data: str) -> None:
        if not self._silent and data.startswith("aftersendtag"):
            self.parts.append(f"<!--{data}-->")
