"""One delivery made ready to go out: who from, who to, the bytes, and what was asked for it."""

from __future__ import annotations

from dataclasses import dataclass

from aftersend.store.queue import Claim

FLAG_UTF8 = 2
"""In `messages.flags`: a header needs SMTPUTF8 (RFC 6531)."""


@dataclass(slots=True, eq=False)
class Parcel:
    """A claimed delivery with its content; made anew for every attempt."""

    claim: Claim
    sender: str
    """The return path: our own, with a token that names this delivery; empty for mail that must not be answered."""
    content: tuple[bytes, ...]
    """The message in pieces, CRLF lines, not dot-stuffed."""
    is_7bit: bool = False
    """Whether it was rewritten for a server without 8BITMIME."""
    feedback_day: int | None = None
    """The day in its address for complaints, if it has one."""

    @property
    def size(self) -> int:
        """Bytes of content."""
        return self.claim.size
