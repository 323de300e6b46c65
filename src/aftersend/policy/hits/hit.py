"""What the tracking host saw of one message to one recipient, and what can be said of it.

Owns the shapes of the question and of the answer. Times are seconds after the receiving server's 250 to the message.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Verdict(StrEnum):
    """Who made a hit, from the weakest to the strongest word for a message."""

    MACHINE = "machine"
    UNKNOWN = "unknown"
    PRIVACY_PROXY = "privacy_proxy"
    HUMAN = "human"


class Headers(msgspec.Struct, frozen=True):
    """The request headers that tell something; None if absent."""

    accept_language: str | None = None
    referer: str | None = None
    sec_purpose: str | None = None
    sec_ch_ua_platform: str | None = None


class Hold(msgspec.Struct, frozen=True):
    """How an answer ended that was held back or dripped to see how long the message stays open."""

    mode: str
    seconds: float
    ended: str


class Hit(msgspec.Struct, frozen=True):
    """One request: `kind` is open, click, unsub or read; `target` is px or the link's id."""

    t: float
    kind: str
    method: str = "GET"
    target: str = "px"
    ip: str = ""
    asn: int | None = None
    as_name: str | None = None
    ip_class: str = "unknown"
    rdns: str | None = None
    ua: str | None = None
    h: Headers = Headers()
    hold: Hold | None = None
    fanout: int = 0


class Link(msgspec.Struct, frozen=True):
    """A tracked link: `kind` is content, unsubscribe or honeypot."""

    id: str
    kind: str = "content"


class Letter(msgspec.Struct, frozen=True):
    """What is known of the message: its links, and whether reading time is measured (off, stream, redirect)."""

    links: tuple[Link, ...] = ()
    read_mode: str = "off"


class Recipient(msgspec.Struct, frozen=True):
    """What is known of the recipient: who takes the mail in, as a class or as the host that said 250; "" if unknown."""

    mx_class: str = ""
    mx: str = ""


class Deed(msgspec.Struct, frozen=True):
    """Something that this recipient did earlier and that only a person can do."""

    ip: str | None = None
    asn: int | None = None
    ua_family: str | None = None


class Sequence(msgspec.Struct, frozen=True):
    """All hits of one message to one recipient, in any order."""

    message: Letter = Letter()
    recipient: Recipient = Recipient()
    history: tuple[Deed, ...] = ()
    events: tuple[Hit, ...] = ()


class Reason(msgspec.Struct, frozen=True):
    """One signal with its points (towards machine if positive; None: it decides alone) and what was seen."""

    signal: str
    points: float | None
    evidence: str


class Label(msgspec.Struct, frozen=True):
    """Who made one hit, the sum of the points, and at least one reason."""

    verdict: Verdict
    score: float
    reasons: tuple[Reason, ...]


class Labels(msgspec.Struct, frozen=True):
    """The labels of all hits in the order given, and what follows for the message."""

    events: tuple[Label, ...]
    open: str
    click: str
    read: str
    unsubscribe: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told
