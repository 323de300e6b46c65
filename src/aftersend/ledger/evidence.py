"""Own how evidence is told: one plain sentence from what an event keeps as proof. A remote's words are not trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aftersend.ledger.events import Event
from aftersend.ledger.facts import Phase
from aftersend.ledger.moments import plain

LONGEST = 200
"""How many characters of somebody else's words are quoted; the raw original stays with the event."""

_PROVEN_BY_OTHERS = frozenset({Phase.TRYING, Phase.FINISHED, Phase.READ})


def how_we_know(event: Event) -> str:
    """Say in one sentence how we know that the event happened, and when.

    `evidence` may hold `kind` (smtp, connection, closed, dsn, arf, answer, http, dns, person) and what that kind tells: `host`,
    `ip`, `command`, `code`, `status` or `enhanced`, `text`; `site`, `tried`; `user_agent`, `target`; `domain`,
    `trouble`; `by`. Anything may be missing.
    """
    proof = event.evidence
    kind = _word(proof, "kind") or ("smtp" if "code" in proof else "")
    teller = _TELLERS.get(kind)
    when = plain(event.occurred_us)
    if teller is not None:
        return f"{teller(event, proof)} ({when})."
    if event.fact is not None and event.fact.phase in _PROVEN_BY_OTHERS and not proof:
        return f"It was written down when it happened ({when}); the proof itself is not kept."
    return f"We did it ourselves and wrote it down ({when})."


def clean(text: object, longest: int = LONGEST) -> str:
    """Make somebody else's words safe to show on one line: no control or direction characters, one space, cut off."""
    bounded = str(text)[: 4 * longest]
    shown = " ".join("".join(c if c.isprintable() else " " for c in bounded).split())
    return shown if len(shown) <= longest else shown[: longest - 1].rstrip() + "…"


def _word(proof: Mapping[str, Any], *names: str) -> str:
    """The first of these that the evidence has, made safe; "" for none."""
    for name in names:
        value = proof.get(name)
        if value not in (None, ""):
            return clean(value)
    return ""


def _quoted(proof: Mapping[str, Any]) -> str:
    text = _word(proof, "text")
    return f": “{text}”" if text else ""


def _smtp(event: Event, proof: Mapping[str, Any]) -> str:
    who = _word(proof, "host", "ip") or "The recipient's server"
    code = " ".join(filter(None, (_word(proof, "code"), event.status or _word(proof, "status", "enhanced"))))
    command = _word(proof, "command")
    asked = f" {_ASKED.get(command.lower(), f'to {command}')}" if command else ""
    return f"{who} {f'answered {code}' if code else 'gave no answer'}{asked}{_quoted(proof)}"


_ASKED = {
    "greeting": "when we connected",
    "hello": "when we introduced ourselves",
    "ehlo": "when we introduced ourselves",
    "helo": "when we introduced ourselves",
    "starttls": "when we asked for encryption",
    "auth": "to our password",
    "mail": "to the sender's address",
    "sender": "to the sender's address",
    "rcpt": "to the recipient's address",
    "recipient": "to the recipient's address",
    "data": "to the message",
    "bdat": "to the message",
    "content": "to the message",
    "final": "to the message",
    "message": "to the message",
}
"""What we had asked when the answer came, by command or stage."""


def _connection(event: Event, proof: Mapping[str, Any]) -> str:
    tried = proof.get("tried")
    told = clean("; ".join(map(str, tried)) if isinstance(tried, (list, tuple)) else tried or "")
    return f"We could not connect to {_word(proof, 'site', 'host') or 'any server'}{f' ({told})' if told else ''}"


def _closed(event: Event, proof: Mapping[str, Any]) -> str:
    return f"{_word(proof, 'site', 'host') or 'The receiving site'} had turned us away shortly before"


def _report(event: Event, proof: Mapping[str, Any]) -> str:
    who = _word(proof, "host", "reporting_mta") or "a server on the way"
    status = event.status or _word(proof, "status", "enhanced")
    return f"A delivery report came from {who}{f' with status {status}' if status else ''}{_quoted(proof)}"


def _complaint(event: Event, proof: Mapping[str, Any]) -> str:
    return f"A complaint report came from {_word(proof, 'host', 'provider') or 'the mail provider'}{_quoted(proof)}"


def _answer(event: Event, proof: Mapping[str, Any]) -> str:
    return f"An automatic answer came back from {_word(proof, 'from', 'host') or 'the recipient'}"


def _request(event: Event, proof: Mapping[str, Any]) -> str:
    what = _word(proof, "target") or "the message's image or link"
    who = _word(proof, "ip") or "an address that is not kept"
    agent = _word(proof, "user_agent")
    return f"A request for {what} came from {who}{f', which calls itself “{agent}”' if agent else ''}"


def _names(event: Event, proof: Mapping[str, Any]) -> str:
    trouble = _word(proof, "trouble").replace("_", " ")
    return f"We asked the internet's directory for {_word(proof, 'domain') or 'the domain'}: {trouble or 'no answer'}"


def _person(event: Event, proof: Mapping[str, Any]) -> str:
    return f"{_word(proof, 'by') or 'A person'} did it here"


_TELLERS = {
    "smtp": _smtp,
    "connection": _connection,
    "closed": _closed,
    "dsn": _report,
    "arf": _complaint,
    "answer": _answer,
    "http": _request,
    "dns": _names,
    "person": _person,
}
