"""The pages that recipients see: to opt out, to choose what comes. Plain HTML, no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import parse_qsl

from aftersend.store.hits import Reader
from aftersend.tracking.http import Reply

_FIELDS = (
    b"Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
    b"X-Content-Type-Options: nosniff\r\nX-Robots-Tag: noindex\r\n"
    b"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
    b"base-uri 'none'\r\n"
)
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; font: 1.05rem/1.5 system-ui, sans-serif }}
body {{ max-width: 34rem; margin: 12vh auto; padding: 0 1.2rem }}
button {{ font: inherit; padding: .6rem 1.2rem; border-radius: .4rem; border: 1px solid; cursor: pointer }}
fieldset {{ border: 0; padding: 0; margin: 1.2rem 0 }} label {{ display: block; margin: .5rem 0 }}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>
"""


def page(title: str, body: str, status: int = 200) -> Reply:
    """Return a page; `body` is HTML."""
    return Reply(status, _PAGE.format(title=escape(title), body=body).encode(), _FIELDS)


def nothing_here() -> Reply:
    """Say no more than that."""
    return page("Nothing is here", "<p>This address does not lead anywhere. Perhaps it was cut off when it was copied.</p>", 404)  # fmt: skip


def link_gone() -> Reply:
    """Say that a link was ours, and is no longer known."""
    return page("This link is no longer known", "<p>The message that it stood in is too old. Please ask its sender.</p>", 404)  # fmt: skip


def too_old() -> Reply:
    """Say why nothing can be chosen any more."""
    return page(
        "This message is too old",
        "<p>We no longer know whom it was sent to, so nothing can be changed from here. Please use the link in a newer "
        "message.</p>",
        404,
    )


def ask(reader: Reader, status: int = 200) -> Reply:
    """Ask before anything is changed: whoever only looks, changes nothing."""
    body = (
        f"<p>Stop sending <strong>{escape(masked(reader.recipient))}</strong> {_mail_of(reader)}?</p>"
        '<form method="post"><input type="hidden" name="confirm" value="yes"><button>Unsubscribe</button></form>'
    )
    return page("Unsubscribe", body, status)


def done(reader: Reader) -> Reply:
    """Say that it is done."""
    return page("You are unsubscribed", f"<p>{escape(masked(reader.recipient))} gets no more {_mail_of(reader)}.</p>")


CHOICES = (
    ("stay", "Go on as it is."),
    ("leave_stream", "No more mail of this kind."),
    ("leave_all", "No more mail at all from this sender."),
    ("track_off", "Go on, but do not notice what I open and follow."),
    ("track_on", "Go on, and what I open and follow may be noticed."),
)


def choose(reader: Reader, told: Sequence[str], status: int = 200) -> Reply:
    """Offer what can be chosen; `told` are sentences about what holds now."""
    options = "".join(
        f'<label><input type="radio" name="choice" value="{name}"{" checked" if name == "stay" else ""}> {escape(says)}</label>'
        for name, says in CHOICES
    )
    body = (
        f"<p>{escape(masked(reader.recipient))}, {_mail_of(reader)}.</p>"
        + "".join(f"<p>{escape(sentence)}</p>" for sentence in told)
        + f'<form method="post"><fieldset><legend>What would you like?</legend>{options}</fieldset>'
        "<button>Save</button></form>"
    )
    return page("Your choices", body, status)


def _mail_of(reader: Reader) -> str:
    return f"mail of the kind “{escape(reader.stream)}” from {escape(reader.header_from)}"


def masked(address: str) -> str:
    """Return an address by which its owner knows it, and nobody else who was sent the message on."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…{local[-1:] if len(local) > 3 else ''}@{domain}"


def form_of(body: bytes) -> dict[str, str]:
    """Read the fields of a form."""
    try:
        return dict(parse_qsl(body.decode("ascii", "replace"), max_num_fields=20))
    except ValueError:
        return {}


def is_one_click(body: bytes) -> bool:
    """Say whether a body is the one that RFC 8058 §3.2 asks for, in either of its two forms."""
    if body.strip().lower() == b"list-unsubscribe=one-click":
        return True
    return b'name="list-unsubscribe"' in body.lower() and b"\r\n\r\none-click" in body.lower()
