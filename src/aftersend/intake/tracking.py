"""Decide for a message that is taken in whether its opens and clicks are tracked, and make it ready for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aftersend.mail import compiled, headers, tracked, tracking_tokens
from aftersend.mail.compiled import Compiled, Piece
from aftersend.mail.tracked import Tracker
from aftersend.store.accounts import Stream
from aftersend.store.tracking_modes import ACCOUNT, STREAM, Mode

BODY_MOST = 2 * 1024 * 1024
"""Octets of a message that is looked into; a longer one is nearly all attachments, and goes as it is."""


@dataclass(slots=True)
class Tracking:
    """What is to be tracked, as the settings and people say. Kept by the intake; `modes` is renewed by whoever changes them."""

    url: str = ""
    """Where visits come in; "" for no tracking at all."""
    opt_out: Sequence[str] = ("general", "broadcast")
    """Kinds of stream whose mail offers to opt out with one click."""
    modes: Mapping[tuple[int, str, str], str] = field(default_factory=dict)

    def mode(self, account_id: int, stream: str, asked: Mapping[str, Any] | None = None) -> Mode:
        """Return how much is tracked: what the message says, else its stream, else its account, else all."""
        if not self.url:
            return Mode.OFF
        said = (asked or {}).get("mode")
        chosen = said or self.modes.get((account_id, STREAM, stream)) or self.modes.get((account_id, ACCOUNT, ""))
        return Mode(chosen or Mode.FULL)

    def tracker(self, account_id: int, stream: str, asked: Mapping[str, Any] | None) -> Tracker | None:
        """Return what rewrites the texts of a message; None where nothing is installed that could answer visits."""
        if not self.url:
            return None
        mode, said = self.mode(account_id, stream, asked), asked or {}
        is_full = mode is Mode.FULL
        # Whoever asks for the opens of one message gets them, whatever the stream says; and the other way round.
        opens = bool(said.get("opens", is_full or mode is Mode.DELIVERABILITY))
        return Tracker(opens=opens, clicks=bool(said.get("clicks", is_full)), is_counted=mode is Mode.DELIVERABILITY)

    def list_fields(self, stream: Stream, found: Mapping[str, Any]) -> list[Piece]:
        """Return the fields for opting out that a message gets: none on streams of other kinds, or if it has its own."""
        if not self.url or stream.kind not in self.opt_out or headers.text(found, "list-unsubscribe"):
            return []
        return tracked.list_fields()

    def as_got(self, fields: Sequence[Piece]) -> bytes:
        """Return the fields for opting out as a recipient gets them, with an address that leads nowhere."""
        address = f"{self.url.rstrip('/')}/u/{'x' * tracking_tokens.LENGTH}"
        return Compiled(fields, ()).render({}, {tracked.LIST_FIELD: f"<{address}>"})[0] if fields else b""

    def made_ready(
        self, block: bytes, body: bytes, tracker: Tracker | None, fields: Sequence[Piece]
    ) -> Compiled | None:
        """Return an ordinary message as one that is made for each recipient; None if nothing in it is."""
        made = None
        if tracker is not None and len(body) <= BODY_MOST and _may_have_slots(block, body):
            made = compiled.from_mime(block, body, tracker.rewrite)
        if made is None and fields:
            made = Compiled((block,), (body,))
        return made.prefixed(*fields) if made is not None and fields else made


def _may_have_slots(block: bytes, body: bytes) -> bool:
    """Whether there can be anything to rewrite: most mail in plain text need not be looked into."""
    return b"text/html" in block.lower() or b"ultipart/" in block or b"unsubscribe_url" in body
