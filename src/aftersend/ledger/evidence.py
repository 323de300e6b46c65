"""Own how evidence is told: one plain sentence from what an event keeps as proof. A remote's words are not trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aftersend.ledger.events import Event
from aftersend.ledger.facts import Phase
from aftersend.ledger.spoken import Slot, Spoken

LONGEST = 200
"""How many characters of somebody else's words are quoted; the raw original stays with the event."""

_PROVEN_BY_OTHERS = frozenset({Phase.TRYING, Phase.FINISHED, Phase.READ})


def how_we_know(event: Event) -> Spoken:
    """Say in one sentence how we know that the event happened, and when; what others said stands in it as their words.

    `evidence` may hold `kind` (smtp, connection, closed, dsn, arf, answer, http, dns, person) and what that kind tells: `host`,
    `ip`, `command`, `code`, `status` or `enhanced`, `text`; `site`, `tried`; `user_agent`, `target`; `domain`,
    `trouble`; `by`. Anything may be missing.
    """
    proof = event.evidence
    kind = _word(proof, "kind") or ("smtp" if "code" in proof else "")
    teller = _TELLERS.get(kind)
    when: dict[str, Slot] = {"at": event.occurred_us}
    if teller is not None:
        return Spoken("%(told)s (%(at)s).", {"told": teller(event, proof), **when})
    if event.fact is not None and event.fact.phase in _PROVEN_BY_OTHERS and not proof:
        return Spoken("It was written down when it happened (%(at)s); the proof itself is not kept.", when)
    return Spoken("We did it ourselves and wrote it down (%(at)s).", when)


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


def _quoted(told: Spoken, proof: Mapping[str, Any]) -> Spoken:
    text = _word(proof, "text")
    return Spoken("%(told)s: “%(text)s”", {"told": told, "text": text}) if text else told


def _smtp(event: Event, proof: Mapping[str, Any]) -> Spoken:
    who = _word(proof, "host", "ip") or Spoken("The recipient's server")
    code = " ".join(filter(None, (_word(proof, "code"), event.status or _word(proof, "status", "enhanced"))))
    command = _word(proof, "command")
    told = Spoken("%(who)s answered %(code)s" if code else "%(who)s gave no answer", {"who": who, "code": code})
    if command:
        asked = _ASKED.get(command.lower())
        told = Spoken(
            "%(told)s %(asked)s",
            {"told": told, "asked": Spoken("to %(command)s", {"command": command}) if asked is None else Spoken(asked)},
        )
    return _quoted(told, proof)


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


def _connection(event: Event, proof: Mapping[str, Any]) -> Spoken:
    tried = proof.get("tried")
    told = clean("; ".join(map(str, tried)) if isinstance(tried, (list, tuple)) else tried or "")
    site = _word(proof, "site", "host") or Spoken("any server")
    form = "We could not connect to %(site)s (%(told)s)" if told else "We could not connect to %(site)s"
    return Spoken(form, {"site": site, "told": told})


def _closed(event: Event, proof: Mapping[str, Any]) -> Spoken:
    site = _word(proof, "site", "host") or Spoken("The receiving site")
    return Spoken("%(site)s had turned us away shortly before", {"site": site})


def _report(event: Event, proof: Mapping[str, Any]) -> Spoken:
    who = _word(proof, "host", "reporting_mta") or Spoken("a server on the way")
    status = event.status or _word(proof, "status", "enhanced")
    form = "A delivery report came from %(who)s"
    if status:
        form = "A delivery report came from %(who)s with status %(status)s"
    return _quoted(Spoken(form, {"who": who, "status": status}), proof)


def _complaint(event: Event, proof: Mapping[str, Any]) -> Spoken:
    who = _word(proof, "host", "provider") or Spoken("the mail provider")
    return _quoted(Spoken("A complaint report came from %(who)s", {"who": who}), proof)


def _answer(event: Event, proof: Mapping[str, Any]) -> Spoken:
    who = _word(proof, "from", "host") or Spoken("the recipient")
    return Spoken("An automatic answer came back from %(who)s", {"who": who})


def _request(event: Event, proof: Mapping[str, Any]) -> Spoken:
    what = _word(proof, "target") or Spoken("the message's image or link")
    who = _word(proof, "ip") or Spoken("an address that is not kept")
    agent = _word(proof, "user_agent")
    form = "A request for %(what)s came from %(who)s"
    if agent:
        form = "A request for %(what)s came from %(who)s, which calls itself “%(agent)s”"
    return Spoken(form, {"what": what, "who": who, "agent": agent})


def _names(event: Event, proof: Mapping[str, Any]) -> Spoken:
    trouble = _word(proof, "trouble").replace("_", " ")
    return Spoken(
        "We asked the internet's directory for %(domain)s: %(trouble)s",
        {"domain": _word(proof, "domain") or Spoken("the domain"), "trouble": Spoken(trouble or "no answer")},
    )


def _person(event: Event, proof: Mapping[str, Any]) -> Spoken:
    who = {"who": _word(proof, "by") or Spoken("A person")}
    if _word(proof, "taught"):
        return Spoken("%(who)s read what came back and said what it means", who)
    return Spoken("%(who)s did it here", who)


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
