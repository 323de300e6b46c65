"""Do what recipients choose: no more mail of a kind, or none at all, or no more tracking. In force once it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from aftersend.clock import Clock
from aftersend.ledger.events import key_of
from aftersend.ledger.facts import Fact
from aftersend.policy import suppression
from aftersend.store import Store, record, suppressions, tracking_modes
from aftersend.store.hits import Reader
from aftersend.store.tracking_modes import RECIPIENT, Mode
from aftersend.tracking import pages
from aftersend.tracking.http import Reply

ALL = ""


class OptOut:
    """Writes down what recipients choose."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def leave(self, reader: Reader, stream: str, visitor: Mapping[str, str], *, by: str) -> None:
        """Stop mail of a stream, or all (""), to this recipient; return when it is in force. Again is harmless."""
        now = self._clock()
        place = (reader.account_id, reader.delivery_id)
        evidence = msgspec.json.encode({**visitor, "target": by}).decode()
        key = key_of("unsubscribed", *place, stream)
        event = record.event_row(
            *place,
            key,
            Fact.UNSUBSCRIBED.word,
            int(Fact.UNSUBSCRIBED),
            now,
            now,
            detail=stream or None,
            evidence=evidence,
        )
        judge = partial(suppression.after_unsubscription, stream)
        step = record.Step(*place, [event], Fact.UNSUBSCRIBED.bit, now, judge=judge, is_note=True)
        await self._store.join(record.steps, step)

    async def shown(self, reader: Reader) -> Reply:
        """Show what can be chosen, and what holds."""
        return pages.choose(reader, await self._told(reader))

    async def choose(self, reader: Reader, form: Mapping[str, str], visitor: Mapping[str, str]) -> Reply:
        """Do what was chosen."""
        choice = form.get("choice", "")
        if choice in ("leave_stream", "leave_all"):
            await self.leave(reader, ALL if choice == "leave_all" else reader.stream, visitor, by="the page of choices")
        elif choice in ("track_off", "track_on"):
            mode = Mode.OFF if choice == "track_off" else Mode.FULL
            await self._store.run(
                tracking_modes.put, reader.account_id, RECIPIENT, reader.folded, mode,
                source="the recipient, on the page of choices", now=self._clock(),
            )  # fmt: skip
        elif choice != "stay":
            return pages.choose(reader, ["Choose one of these."], 400)
        return pages.choose(reader, ["Saved.", *await self._told(reader)])

    async def _told(self, reader: Reader) -> list[str]:
        entries = await self._store.ask(suppressions.why, reader.account_id, reader.folded)
        told = []
        if any(entry["stream"] == ALL for entry in entries):
            told.append("You get no mail from this sender.")
        elif any(entry["stream"] == reader.stream for entry in entries):
            told.append("You get no mail of this kind.")
        (modes,) = await self._store.ask(tracking_modes.of_recipients, [(reader.account_id, [reader.folded])])
        if modes.get(reader.folded) == Mode.OFF:
            told.append("What you open and follow is not noticed.")
        return told
