"""Make what each recipient of a compiled message gets: fetch what is said to him alone, fill the slots.

Compiled messages are kept in memory for as long as they are sent; what is personal is fetched a batch at a time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from aftersend.delivery.content import Content
from aftersend.errors import SubmissionError
from aftersend.mail import dates, merge
from aftersend.mail.compiled import Compiled, decode
from aftersend.store import Store, personal
from aftersend.store.queue import Claim

COMPILED_REMEMBERED = 64
_DATA = msgspec.json.Decoder(dict[str, Any])


class Composer:
    """Makes contents for the courier. One for each process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._compiled: OrderedDict[tuple[int, bytes], Compiled] = OrderedDict()

    async def compose(
        self, claimed: Sequence[Claim], bodies: Mapping[tuple[int, bytes], bytes]
    ) -> dict[int, Content | SubmissionError | None]:
        """Return what each delivery says, or why that cannot be made: a merge tag has no value. Raise TryLater."""
        wanted: dict[int, list[int]] = {}
        for claim in claimed:
            wanted.setdefault(claim.account_id, []).append(claim.delivery_id)
        data: dict[int, str] = {}
        for found in await asyncio.gather(*(self._store.join(personal.load, place) for place in wanted.items())):
            data |= found
        return {
            claim.delivery_id: self._made(claim, bodies[claim.account_id, claim.body], data.get(claim.delivery_id))
            for claim in claimed
        }

    def _made(self, claim: Claim, body: bytes, data: str | None) -> Content | SubmissionError:
        compiled = self._kept(claim, body)
        values = _DATA.decode(data) if data else {}
        slots = {
            merge.TO: merge.recipient_field(claim.recipient, values),
            merge.DATE: dates.rfc5322(claim.created_us),
        }
        try:
            headers, made = compiled.render(values, slots)
        except SubmissionError as error:
            return error
        return Content(headers, made, b"%d" % claim.delivery_id)

    def _kept(self, claim: Claim, body: bytes) -> Compiled:
        place = (claim.account_id, claim.body)
        found = self._compiled.get(place)
        if found is None:
            found = self._compiled[place] = decode(body)
            if len(self._compiled) > COMPILED_REMEMBERED:
                self._compiled.popitem(last=False)
        else:
            self._compiled.move_to_end(place)
        return found
