"""Own how lists are given: a page with the addresses of its neighbours, in the body and in the Link header (RFC 8288)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from aftersend.errors import BadField
from aftersend.reports import search
from aftersend.reports.log import LIMIT, MOST, Page
from aftersend.web import reading
from aftersend.web.calls import Answer, Call, Parameter

PAGE = (
    Parameter(
        "limit",
        f"How many rows: 1 to {MOST}.",
        schema={"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
    ),
    Parameter("after", "Rows that follow this one on the list: its id."),
    Parameter("before", "Rows that stand just before this one: its id."),
)
FORWARD = PAGE[:2]
_ONCE = ("subject", "q", "since", "until", "live")


def words(*names: str) -> tuple[Parameter, ...]:
    """Describe words of the search; `metadata.NAME` stands for any number of names and cannot be described as one."""
    return tuple(
        Parameter(name, f"{search.WORDS[name][:1].upper()}{search.WORDS[name][1:]}.", is_list=name not in _ONCE)
        for name in names
        if name != "metadata.NAME"
    )


_CURSORS = frozenset({"limit", "after", "before"})


def taken(call: Call, *allowed: str, cursors: Sequence[str] = ("limit", "after")) -> dict[str, str]:
    """Return the parameters of a list that knows only these. Raise BadField for others and for repeated ones."""
    found: dict[str, str] = {}
    known = (*allowed, *cursors)
    for name, value in call.query():
        if name not in known:
            raise BadField(
                f"#/{reading.escaped(name)}",
                f"{name[:60]!r} is not known here; there are {', '.join(known)}.",
                code="unknown-field",
            )
        if name in found:
            raise BadField(f"#/{name}", f"Give {name} once.")
        if not value or "\0" in value or len(value) > 1000:
            raise BadField(f"#/{name}", f"Give {name} a value of 1 to 1000 characters, or leave it out.")
        found[name] = value
    return found


def searched(call: Call, *own: str) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Return the words of a search, and beside them the cursors and what else is a list's `own`. Raise BadField for a
    repeated one of these.
    """
    words: list[tuple[str, str]] = []
    beside: dict[str, str] = {}
    for name, value in call.query():
        if name not in _CURSORS and name not in own:
            words.append((name, value))
        elif name in beside:
            raise BadField(f"#/{name}", f"Give {name} once.")
        else:
            beside[name] = value
    return words, beside


def both_ways(call: Call, found: Page, cursors: Mapping[str, str], **beside: Any) -> Answer:
    """Answer with a page of a list that can be walked in both directions; a row's id is its cursor."""
    rows, after, before = found.rows, cursors.get("after"), cursors.get("before")
    has_older = bool(rows) and (found.has_more or before is not None)
    has_newer = bool(rows) and (after is not None or (before is not None and found.has_more))
    return page(
        call,
        rows,
        has_more=found.has_more,
        after=rows[-1]["id"] if has_older else None,
        before=rows[0]["id"] if has_newer else None,
        **beside,
    )


def limit_of(found: dict[str, str]) -> int:
    """Return how many rows a page shall have."""
    return reading.whole_number(found["limit"], "limit", least=1, most=MOST) if "limit" in found else LIMIT


def whole(rows: Sequence[Any]) -> Answer:
    """Answer with a list that has no pages."""
    return Answer({"object": "list", "data": list(rows), "has_more": False, "next": None, "previous": None})


def page(
    call: Call,
    rows: Sequence[Any],
    *,
    has_more: bool,
    after: str | None = None,
    before: str | None = None,
    **beside: Any,
) -> Answer:
    """Answer with a page; `after` and `before` are the cursors of its neighbours, if there are any."""
    onward = None if after is None else _address(call, "after", after)
    back = None if before is None else _address(call, "before", before)
    links = [f'<{address}>; rel="{name}"' for name, address in (("next", onward), ("prev", back)) if address]
    body = {"object": "list", "data": list(rows), "has_more": has_more, "next": onward, "previous": back, **beside}
    return Answer(body, headers={"link": ", ".join(links)} if links else {})


def _address(call: Call, name: str, cursor: str) -> str:
    kept = [(word, value) for word, value in call.query() if word not in ("after", "before")]
    return f"{call.address}?{urlencode([*kept, (name, cursor)])}"
