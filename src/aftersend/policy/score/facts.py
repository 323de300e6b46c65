"""What a message is scored by beside itself: how it is to be sent, what the DNS says, what spam filters say. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Sending:
    """How the message is to be sent."""

    is_broadcast: bool = True
    """It goes to many, so the duties of bulk mail hold."""
    our_domains: frozenset[str] = frozenset()
    """Domains whose Message-ID is no surprise: this server's, and the account's."""
    link_length: int = 0
    """Bytes of a tracked link, which takes the place of each link; 0 when links stay as they are."""
    now_s: int | None = None
    """The present second, to hold the Date against; None: it is not looked at."""


class KeyFact(NamedTuple):
    """A DKIM key by which the message will be signed, and what the DNS says of it."""

    host: str
    """Where the DNS is asked for it."""
    state: str
    """`found`, `missing`, `different`, `revoked`, `unknown`."""
    bits: int = 0
    """The length of an RSA key; 0 for other kinds."""
    record: str = ""
    """What to publish, as far as we know it."""


class SpfFact(NamedTuple):
    """What the SPF record of the return domain says of our address."""

    domain: str
    result: str
    """As RFC 7208 §2.6."""
    record: str = ""
    lookups: int = 0
    void: int = 0
    address: str = ""
    trouble: str = ""


class DmarcFact(NamedTuple):
    """The DMARC policy that holds for the From domain."""

    domain: str
    record: str = ""
    """Empty: there is none."""
    at: str = ""
    policy: str = ""
    tags: Mapping[str, str] = {}
    trouble: str = ""


class HostFact(NamedTuple):
    """What others see of the server that sends."""

    hostname: str
    addresses: tuple[str, ...] = ()
    """Of the host name."""
    reverse: Mapping[str, str | None] = {}
    """The name of each sending address; None where the DNS did not answer, empty where there is none."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """What the DNS says of the sender. None stands for what nobody could tell."""

    is_ours: bool | None = None
    """Whether the From domain belongs to the account that sends, so that we sign for it."""
    keys: tuple[KeyFact, ...] | None = None
    spf: SpfFact | None = None
    dmarc: DmarcFact | None = None
    host: HostFact | None = None
    takes_mail: bool | None = None
    """Whether the From domain has a server for replies."""
    unknown: tuple[str, ...] = ()
    """What was asked and got no answer."""


class Heard(NamedTuple):
    """What a spam filter said."""

    name: str
    score: float
    threshold: float
    symbols: tuple[tuple[str, float, str], ...] = ()
    """(name, points, description), the heaviest first."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All of it."""

    sending: Sending = field(default_factory=Sending)
    authentication: Authentication | None = None
    """None: the DNS was not asked."""
    heard: tuple[Heard, ...] = ()
    absent: tuple[str, ...] = ()
    """Why filters said nothing, a sentence each."""
