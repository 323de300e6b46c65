"""Own the judgement whether a person has to look at a message first: a table of rules, each with its plain sentence.

What the engines say is one of them. Nothing here ever says no for good: that is a moderator's to say.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aftersend.errors import BadField

VOLUME_LEAP = 5
"""So many times the usual volume of a day is a leap …"""
VOLUME_LEAST = 1000
"""… from so many recipients on."""
RULES_VERSION = 1


OFF, WATCH, NEW, ALL = MODES = ("off", "watch", "new", "all")
FIRST_MOST = 1000


@dataclass(frozen=True, slots=True)
class Oversight:
    """How an account's mail is moderated."""

    mode: str = OFF
    """`off`; `watch`: what looks like spam; `new`: also the first messages of a sender; `all`: everything."""
    first: int = 3
    """So many messages of a new sender are looked at, in mode `new`."""


def oversight(mode: str, first: int) -> Oversight:
    """Return a way of moderating. Raise BadField."""
    if mode not in MODES:
        raise BadField("#/mode", f"{mode[:40]!r} is no mode; choose {', '.join(MODES)}.")
    if not 0 <= first <= FIRST_MOST:
        raise BadField("#/first", f"From 0 to {FIRST_MOST} messages of a new sender can be looked at.")
    return Oversight(mode, first)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What an anti-spam engine says of a message, or why it said nothing."""

    engine: str
    score: float = 0.0
    threshold: float = 0.0
    action: str = ""
    symbols: tuple[str, ...] = ()
    version: str = ""
    absent: str = ""
    """Why there is no opinion; "" if there is one."""

    @property
    def is_spam(self) -> bool:
        """Whether it is over the engine's own threshold."""
        return not self.absent and self.score >= self.threshold > 0


@dataclass(frozen=True, slots=True)
class Sender:
    """What is known of an account's mail so far."""

    accepted: int = 0
    """Messages that a moderator said yes to."""
    quarantined: int = 0
    """Messages that a moderator said no to in the last 90 days."""
    usual: int = 0
    """Recipients on a usual day of the last 30."""

    def is_trusted(self, oversight: Oversight) -> bool:
        """Whether enough was accepted, and nothing refused of late."""
        return self.accepted >= max(1, oversight.first) and not self.quarantined


@dataclass(frozen=True, slots=True)
class Look:
    """A message as the rules see it."""

    oversight: Oversight
    sender: Sender
    recipients: int
    opinions: Sequence[Opinion] = ()
    links: Sequence[tuple[str, str]] = ()
    """Address and text of each link."""
    filenames: Sequence[str] = ()
    asks_for_password: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why a person should look."""

    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a person has to look, and all that was found."""

    is_pending: bool
    findings: tuple[Finding, ...]

    @property
    def why(self) -> str:
        """The reasons in plain words."""
        return " ".join(finding.why for finding in self.findings)


def judge(look: Look) -> Judgement:
    """Ask every rule; any of them is enough."""
    findings = tuple(Finding(name, why) for name, rule in RULES.items() if (why := rule(look)) is not None)
    return Judgement(bool(findings), findings)


def _by_hand(look: Look) -> str | None:
    return "A person looks at every message of this account." if look.oversight.mode == ALL else None


def _new_sender(look: Look) -> str | None:
    if look.oversight.mode != NEW or look.sender.accepted >= look.oversight.first:
        return None
    return f"A person looks at the first {look.oversight.first} messages of a new sender; {look.sender.accepted} were accepted so far."


def _said_no_before(look: Look) -> str | None:
    return "A moderator said no to an earlier message of this account." if look.sender.quarantined else None


def _engine(look: Look) -> str | None:
    said = [
        f"{opinion.engine} takes it for spam ({opinion.score:g} of {opinion.threshold:g} points)."
        for opinion in look.opinions
        if opinion.is_spam
    ]
    return " ".join(said) or None


def _no_engine(look: Look) -> str | None:
    """Of a sender who is not trusted yet, no answer is no good news; a trusted one does not wait for a broken engine."""
    absent = [opinion for opinion in look.opinions if opinion.absent]
    if not absent or look.sender.is_trusted(look.oversight):
        return None
    return " ".join(
        f"The anti-spam engine {opinion.engine} could not be asked: {opinion.absent}." for opinion in absent
    )


def _leap(look: Look) -> str | None:
    if look.recipients < VOLUME_LEAST or look.recipients <= VOLUME_LEAP * max(look.sender.usual, 1):
        return None
    return f"It goes to {look.recipients:,} recipients; on a usual day this account writes to {look.sender.usual:,}."


DANGEROUS = frozenset({
    "ade", "adp", "apk", "bat", "chm", "cmd", "com", "cpl", "dll", "exe", "hta", "img", "iso", "jar", "js", "jse", "lnk",
    "msc", "msi", "msp", "pif", "ps1", "reg", "scr", "sct", "vb", "vbe", "vbs", "wsf",
})  # fmt: skip
"""Kinds of file that run when they are opened."""


def _attachment(look: Look) -> str | None:
    bad = [name for name in look.filenames if name.rpartition(".")[2].strip().lower() in DANGEROUS and "." in name]
    return f"The attachment {bad[0]!r} is a program." if bad else None


def _link_to_number(look: Look) -> str | None:
    for address, _ in look.links:
        host = _host(address)
        try:
            ipaddress.ip_address(host)
        except ValueError:
            continue
        return f"A link leads to a bare network address ({host})."
    return None


_LOOKS_LIKE_HOST = re.compile(r"^(?:https?://)?((?:[a-z0-9-]{1,63}\.)+[a-z]{2,24})(?:[/?#].*)?$", re.IGNORECASE)


def _link_that_lies(look: Look) -> str | None:
    """A link whose text is the address of one place and that leads to another."""
    for address, text in look.links:
        shown = _LOOKS_LIKE_HOST.match(text.strip())
        host = _host(address)
        if shown is None or not host:
            continue
        named = shown[1].lower().removeprefix("www.")
        if not (host == named or host.endswith("." + named) or named.endswith("." + host.removeprefix("www."))):
            return f"A link that reads {named} leads to {host}."
    return None


def _password(look: Look) -> str | None:
    return "It has a form that asks for a password." if look.asks_for_password else None


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


RULES: dict[str, Callable[[Look], str | None]] = {
    "by_hand": _by_hand,
    "new_sender": _new_sender,
    "said_no_before": _said_no_before,
    "engine": _engine,
    "no_engine": _no_engine,
    "volume": _leap,
    "attachment": _attachment,
    "link_to_number": _link_to_number,
    "link_that_lies": _link_that_lies,
    "password": _password,
}
"""Each rule by its name; it returns its sentence, or None."""

_LINK = re.compile(
    r"<a\s[^>]{0,2000}?href\s*=\s*[\"']?([^\"'\s>]{1,2000})[^>]{0,2000}>(.{0,500}?)</a", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"<[^>]{0,500}>")
_PASSWORD = re.compile(r"<input\s[^>]{0,500}type\s*=\s*[\"']?password", re.IGNORECASE)
LINKS_MOST = 200


def read_html(html: str) -> tuple[list[tuple[str, str]], bool]:
    """Return the links of an HTML text with what they show, and whether it asks for a password. Bounded; never raises."""
    links = [
        (found[1], _TAG.sub("", found[2]).strip())
        for found, _ in zip(_LINK.finditer(html), range(LINKS_MOST), strict=False)
    ]
    return links, _PASSWORD.search(html) is not None
