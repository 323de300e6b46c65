"""Own sentences of ours that are made of pieces, so that whoever shows one can put it into their own language and zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Union

from aftersend.ledger.moments import plain

Slot = Union[int, str, "Spoken"]
"""What fills a place: a moment (microseconds UTC), words that are nobody's to change, or a piece of ours."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence or a piece of one: our English form with `%(name)s` for what fills it. Without slots it is said as it stands."""

    form: str
    slots: Mapping[str, Slot] = field(default_factory=dict)

    def said(self, say: Callable[[str], str], when: Callable[[int], str]) -> str:
        """Return it with the forms put into a language by `say` and the moments written by `when`; words stay as they are."""
        form = say(self.form)
        return form % {name: _filled(slot, say, when) for name, slot in self.slots.items()} if self.slots else form

    def __str__(self) -> str:
        """Return it in English and UTC, as the API gives it."""
        return self.said(str, plain)


def _filled(slot: Slot, say: Callable[[str], str], when: Callable[[int], str]) -> str:
    if isinstance(slot, Spoken):
        return slot.said(say, when)
    return when(slot) if isinstance(slot, int) else slot
