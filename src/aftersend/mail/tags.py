"""Own the merge tags of customers' texts: which are simple enough to be joined in, and what the others are rendered by.

A text is either a row of literals and simple tags (`{{ name }}`, `{{ order.number }}`, with `default("…")`, `urlencode` or
`safe` behind it), or anything else that MiniJinja understands, rendered for each recipient under a bound of fuel. A name
without a value is an error, never an empty place. Names that begin with an underscore are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any, Protocol
from urllib.parse import quote

import minijinja

from aftersend.errors import BadField, SubmissionError

FUEL = 200_000
"""Steps of one rendering; a loop in a loop ends here."""
OUTPUT_MOST = 4 * 1024 * 1024
"""Characters that one rendering may give."""
SOURCE_MOST = 2 * 1024 * 1024

_OPENS = re.compile(r"\{[{%#]")
_CLOSES = {"{{": "}}", "{%": "%}", "{#": "#}"}
_SIMPLE = re.compile(
    r"""\{\{\s*([A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*
    ((?:\|\s*(?:safe|urlencode|default\(\s*(?:"[^"\\]*"|'[^'\\]*')\s*\))\s*)*)\}\}""",
    re.VERBOSE,
)
_FILTER = re.compile(r"""safe|urlencode|default\(\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\)""")
_WORDS = frozenset({"true", "false", "none", "loop", "self", "not", "in", "and", "or", "is", "if", "else"})
_ARGUMENTS = frozenset({"self", "source", "name"})
"""Words that the engine's own function has for its arguments; they reach the text another way."""


class Undefined(SubmissionError):
    """A merge tag has no value for this recipient."""

    code = "undefined-tag"

    def __init__(self, name: str) -> None:
        super().__init__(f"The merge tag {{{{ {name} }}}} has no value for this recipient: give one, or a default.")
        self.name = name


class CannotRender(SubmissionError):
    """A template cannot be rendered with the data of this recipient."""

    code = "template-failed"


TOO_DEEP = "The values in its data are nested too deep."


@dataclass(frozen=True, slots=True)
class Tag:
    """A simple merge tag: where its value is found, and how it is written."""

    name: str
    is_safe: bool = False
    """Whether it is written into HTML as it is."""
    is_url: bool = False
    """Whether it is percent-encoded."""
    otherwise: str | None = None
    """What stands in its place where there is no value."""


# ---- reading -------------------------------------------------------------------------------------------------------


def spans(source: str) -> Iterator[tuple[int, int]]:
    """Yield where each tag, block or comment begins and ends, in order, up to the first that is not closed.

    Takes time in proportion to the text, whatever stands in it.
    """
    found = _OPENS.search(source)
    while found is not None:
        end = source.find(_CLOSES[found[0]], found.end())
        if end < 0:
            return
        yield found.start(), end + 2
        found = _OPENS.search(source, end + 2)


def parse(source: str) -> list[str | Tag] | None:
    """Return the literals and simple tags of a text in order, or None when it needs the template engine."""
    if "{{" not in source and "{%" not in source and "{#" not in source:
        return [source] if source else []
    parts: list[str | Tag] = []
    at = 0
    for begin, end in spans(source):
        if begin > at:
            parts.append(source[at:begin])
        at = end
        if source.startswith("{#", begin):
            continue
        tag = _simple(source[begin:end])
        if tag is None:
            return None
        parts.append(tag)
    rest = source[at:]
    if "{{" in rest or "{%" in rest or "{#" in rest:
        return None
    if rest:
        parts.append(rest)
    return parts


def _simple(text: str) -> Tag | None:
    found = _SIMPLE.fullmatch(text)
    if found is None or found[1].partition(".")[0] in _WORDS:
        return None
    is_safe = is_url = False
    otherwise: str | None = None
    for each in _FILTER.finditer(found[2]):
        if each[0] == "safe":
            is_safe = True
        elif each[0] == "urlencode":
            is_url = True
        elif is_safe or is_url:
            return None
        else:
            otherwise = each[1] if each[1] is not None else each[2]
    return Tag(found[1], is_safe, is_url, otherwise)


def names(source: str) -> list[str]:
    """Return the names that a text takes from the data, sorted. Raise BadField when it cannot be read."""
    parts = parse(source)
    if parts is not None:
        return sorted({part.name for part in parts if isinstance(part, Tag)})
    try:
        return sorted(_engine().undeclared_variables_in_str(source, nested=True))
    except (minijinja.TemplateError, TypeError):
        return sorted(_engine().undeclared_variables_in_str(source))


def check(source: str, pointer: str) -> None:
    """Raise BadField that names the line where a text cannot be read."""
    if len(source) > SOURCE_MOST:
        raise BadField(pointer, f"The text has more than {SOURCE_MOST} characters.", code="template-failed")
    if parse(source) is not None:
        return
    try:
        _engine().undeclared_variables_in_str(source)
        _checker().add_template("checked", source)
    except minijinja.TemplateError as error:
        raise BadField(pointer, f"{_said(error)}", code="template-failed") from None


# ---- writing -------------------------------------------------------------------------------------------------------


def value_of(data: Mapping[str, Any], name: str) -> Any:
    """Return what a dotted name stands for, or None."""
    found: Any = data
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def written(value: Any) -> str:
    """Write a value of the data as text. Raise CannotRender."""
    try:
        return _written(value)
    except RecursionError:
        raise CannotRender(TOO_DEEP) from None


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return ", ".join(_written(each) for each in value)
    return str(value)


def joined(tag: Tag, data: Mapping[str, Any], *, is_html: bool) -> str:
    """Return what is written in the place of a simple tag. Raise Undefined."""
    value = value_of(data, tag.name)
    if value is None:
        if tag.otherwise is None:
            raise Undefined(tag.name)
        value = tag.otherwise
    text = written(value)
    if tag.is_url:
        text = quote(text, safe="~")
    return escape(text) if is_html and not tag.is_safe else text


def fill(source: str, data: Mapping[str, Any], *, is_html: bool = False) -> str:
    """Return a text with its tags filled. Raise Undefined, CannotRender."""
    parts = parse(source)
    if parts is None:
        return render(source, data, is_html=is_html)
    pieces: list[str] = []
    length = 0
    for part in parts:
        piece = part if isinstance(part, str) else joined(part, data, is_html=is_html)
        length += len(piece)
        if length > OUTPUT_MOST:
            raise CannotRender(f"With its data the text has more than {OUTPUT_MOST} characters.")
        pieces.append(piece)
    return "".join(pieces)


class Renderer(Protocol):
    """Renders as `render` does, elsewhere."""

    def __call__(self, source: str, data: Mapping[str, Any], *, is_html: bool) -> str:
        """Return the text."""


_elsewhere: list[Renderer] = []


def render_elsewhere(renderer: Renderer | None) -> None:
    """Let another process render from now on, one that may end when a template takes too much; None: this one again."""
    _elsewhere[:] = [] if renderer is None else [renderer]


def render(source: str, data: Mapping[str, Any], *, is_html: bool) -> str:
    """Render a text by the template engine, within its fuel. Raise Undefined, CannotRender.

    Fuel counts steps and not what values grow to: a service renders what customers wrote elsewhere.
    """
    if _elsewhere:
        return _elsewhere[0](source, data, is_html=is_html)
    given = {name: value for name, value in data.items() if name not in _ARGUMENTS}
    for taken in _ARGUMENTS & data.keys() - {"self"}:
        given[f"its_{taken}_"] = data[taken]
        source = f"{{% set {taken} = its_{taken}_ %}}" + source
    try:
        text = _engine().render_str(source, "text.html" if is_html else "text.txt", **given)
    except minijinja.TemplateError as error:
        if str(getattr(error, "kind", "")).endswith("UndefinedError"):
            name = re.search(r"`([^`]*)`", error.detail or "")
            raise Undefined(name[1] if name else "?") from None
        raise CannotRender(_said(error)) from None
    if len(text) > OUTPUT_MOST:
        raise CannotRender(f"The template gives more than {OUTPUT_MOST} characters.")
    return text


def _said(error: minijinja.TemplateError) -> str:
    what = str(error.detail or error.message or "it cannot be read")
    if "OutOfFuel" in str(error.kind):
        return "The template takes too many steps; make its loops shorter."
    return f"The template cannot be used: {what[:300]} (line {error.line or '?'})."


@lru_cache(maxsize=1)
def _engine() -> minijinja.Environment:
    return minijinja.Environment(
        undefined_behavior="strict",
        fuel=FUEL,
        keep_trailing_newline=True,
        auto_escape_callback=lambda name: "html" if name.endswith(".html") else None,
    )


@lru_cache(maxsize=1)
def _checker() -> minijinja.Environment:
    return minijinja.Environment()
