"""Decide which events a reader wants: by type, by stream, by tag. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aftersend.errors import BadField
from aftersend.ledger.events import OTHER_KINDS
from aftersend.ledger.facts import ALL

PREFIX = "delivery."
TYPES = tuple(PREFIX + kind for kind in (*(fact.word for fact in ALL), *OTHER_KINDS))
"""Every type of event."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a reader wants; an empty list means all."""

    events: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __call__(self, kind: str, stream: str, tags: Sequence[str]) -> bool:
        """Say whether an event of this type, on this stream, with these tags is wanted."""
        if self.events and kind not in self.events:
            return False
        if self.streams and stream not in self.streams:
            return False
        return not self.tags or any(tag in self.tags for tag in tags)

    @property
    def is_all(self) -> bool:
        """Whether every event is wanted."""
        return not (self.events or self.streams or self.tags)


def types(words: Iterable[str], pointer: str) -> tuple[str, ...]:
    """Return types of events, given as `delivery.bounced` or as `bounced`. Raise BadField for one that there is not."""
    found = []
    for word in words:
        kind = word.strip().lower().replace("-", "_")
        kind = kind if kind.startswith(PREFIX) else PREFIX + kind
        if kind not in TYPES:
            near = difflib.get_close_matches(kind, TYPES, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise BadField(pointer, f"{word[:60]!r} is no type of event.{hint} There are {', '.join(TYPES)}.")
        found.append(kind)
    return tuple(dict.fromkeys(found))
