"""Own what a search of the email log can ask for, as a value. The words that people write are read by `reports.search`."""

from __future__ import annotations

from dataclasses import dataclass

from aftersend.clock import Instant


@dataclass(frozen=True, slots=True)
class BounceWanted:
    """Bounce events of one reason; several of these mean or."""

    facts: tuple[int, ...]
    """The facts that are bounces."""
    reason: str | None
    """The reason, or None for events without one."""
    details: tuple[str, ...] = ()
    """Finer words beside it."""
    is_other_detail: bool = False
    """Whether `details` are those that it must not have."""
    of_mailbox: bool | None = None
    """Whether the enhanced status speaks of the one mailbox (RFC 3463, subject 2), if that matters."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows of the log are wanted. Several values of one field mean or; different fields mean and."""

    recipient: tuple[str, ...] = ()
    """Folded addresses."""
    domain: tuple[str, ...] = ()
    sender: tuple[str, ...] = ()
    subject: str | None = None
    """A part of the subject."""
    tag: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    stream: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    """Further domains, by the name of who provides their mailboxes."""
    begins: tuple[str, ...] = ()
    """Further domains, by how they begin."""
    broadcast: tuple[int, ...] = ()
    message: tuple[int, ...] = ()
    delivery: tuple[int, ...] = ()
    rfc_message_id: tuple[str, ...] = ()
    results: tuple[int, ...] = ()
    """Ranks of delivery results (001)."""
    lives: tuple[int, ...] = ()
    """Ranks of the life cycle (004)."""
    having: tuple[tuple[int, int], ...] = ()
    """(bits that must be there, bits that must not), any of these pairs."""
    reason: tuple[str, ...] = ()
    since: Instant | None = None
    until: Instant | None = None
    text: str | None = None
    """Free text: a part of recipient or subject."""
    live: bool | None = None
    """Only those that have not ended, or only those that have."""
    bounces: tuple[BounceWanted, ...] = ()
    """Those with a bounce event of any of these kinds."""
