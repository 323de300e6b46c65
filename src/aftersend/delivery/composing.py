"""Make what each recipient of a compiled message gets: fetch what is said to him alone, fill the slots.

Compiled messages are kept in memory for as long as they are sent; what is personal is fetched a batch at a time.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from aftersend.clock import SECOND, Clock
from aftersend.delivery.content import Content
from aftersend.errors import SubmissionError, TooLarge
from aftersend.mail import dates, merge, tags, tracked
from aftersend.mail.compiled import Compiled, decode
from aftersend.mail.tracking_tokens import Kind, Tokens
from aftersend.store import Store, personal, tracking_modes
from aftersend.store.queue import Claim
from aftersend.store.tracking_modes import Mode

COMPILED_REMEMBERED = 64
COPY_MOST = 64 * 1024 * 1024
"""Octets of what one recipient gets; what is put in may be much larger than the template."""
TOGETHER_MOST = 64 * 1024 * 1024
"""Octets that are made in one go; what is beyond is left for the next."""
RENDERING_MOST_S = 1.0
"""After so long with templates others of them are left for the next: who needs none does not wait for all of them."""
_DATA = msgspec.json.Decoder(dict[str, Any])


class Visits:
    """Fills the slots by which a recipient comes back: links, picture, opt-out. Without addresses or destinations in them."""

    def __init__(self, url: str, tokens: Tokens, clock: Clock) -> None:
        self._url = url.rstrip("/")
        self._tokens = tokens
        self._clock = clock

    def slots(self, claim: Claim, names: Sequence[str], mode: str | None) -> dict[str, str]:
        """Return what the slots named are filled with; a recipient's own choice of `mode` leaves some as they were."""
        now = self._clock() // SECOND
        place = (claim.account_id, claim.message_id, claim.delivery_id)
        make, url = self._tokens.make, self._url
        slots = {}
        for name in names:
            letter = name[:2]
            if letter == tracked.CLICK and name[2:].isdigit():
                if mode is None or mode == Mode.FULL:
                    slots[name] = f"{url}/c/{make(Kind.CLICK, *place, int(name[2:]), now)}"
            elif letter in (tracked.PICTURE, tracked.COUNTED) and len(name) == 2:
                if mode != Mode.OFF:
                    is_counted = letter == tracked.COUNTED or mode == Mode.DELIVERABILITY
                    token = make(Kind.OPEN, *place, int(is_counted), now)
                    slots[name] = f'<img src="{url}/o/{token}.gif" width="1" height="1" border="0" alt="">'
            elif name == tracked.OPT_OUT:
                slots[name] = f"{url}/u/{make(Kind.UNSUBSCRIBE, *place, 0, now)}"
            elif name == tracked.LIST_FIELD:
                slots[name] = f"<{url}/u/{make(Kind.UNSUBSCRIBE, *place, 0, now)}>"
            elif name == tracked.PREFERENCES:
                slots[name] = f"{url}/p/{make(Kind.PREFERENCES, *place, 0, now)}"
        return slots


class Composer:
    """Makes contents for the courier. One for each process."""

    def __init__(self, store: Store, visits: Visits | None = None) -> None:
        self._store = store
        self._visits = visits
        self._numbers = itertools.count()
        self._compiled: OrderedDict[tuple[int, bytes], Compiled] = OrderedDict()

    async def compose(
        self, claimed: Sequence[Claim], bodies: Mapping[tuple[int, bytes], bytes]
    ) -> dict[int, Content | SubmissionError | None]:
        """Return what each delivery says, or why that cannot be made: a merge tag has no value. Some are left out when the
        copies get large or templates take long, all but the first. Raise TryLater.
        """
        wanted: dict[int, list[int]] = {}
        people: dict[int, list[str]] = {}
        for claim in claimed:
            wanted.setdefault(claim.account_id, []).append(claim.delivery_id)
            people.setdefault(claim.account_id, []).append(claim.folded)
        asked = [self._store.join(personal.load, place) for place in wanted.items()]
        chosen: dict[tuple[int, str], str] = {}
        if self._visits is not None:
            modes = [self._store.join(tracking_modes.of_recipients, place) for place in people.items()]
            for account_id, found in zip(people, await asyncio.gather(*modes), strict=True):
                chosen |= {(account_id, folded): mode for folded, mode in found.items()}
        data: dict[int, str] = {}
        for found in await asyncio.gather(*asked):
            data |= found
        contents: dict[int, Content | SubmissionError | None] = {}
        together, rendering_s = 0, 0.0
        for claim in claimed:
            if together > TOGETHER_MOST:
                break
            compiled = self._kept(claim, bodies[claim.account_id, claim.body])
            mode = chosen.get((claim.account_id, claim.folded))
            given = (claim, compiled, data.get(claim.delivery_id), mode)
            if not compiled.is_rendered:
                made = self._made(*given)
            elif rendering_s <= RENDERING_MOST_S:
                began = time.monotonic()
                # Another process renders; connections and the lease of this one do not wait for it.
                made = await asyncio.to_thread(self._made, *given)
                rendering_s += time.monotonic() - began
            else:
                continue
            contents[claim.delivery_id] = made
            if isinstance(made, Content):
                together += len(made.headers) + len(made.body)
        return contents

    def _made(self, claim: Claim, compiled: Compiled, data: str | None, mode: str | None) -> Content | SubmissionError:
        try:
            values = _DATA.decode(data) if data else {}
        except RecursionError:
            return tags.CannotRender(tags.TOO_DEEP)
        slots = {
            merge.TO: merge.recipient_field(claim.recipient, values),
            merge.DATE: dates.rfc5322(claim.created_us),
        }
        if self._visits is not None and compiled.ours:
            slots |= self._visits.slots(claim, compiled.ours, mode)
        try:
            headers, made = compiled.render(values, slots)
        except SubmissionError as error:
            return error
        if len(made) > COPY_MOST:
            return TooLarge(
                f"With the data of this recipient the message has {len(made)} bytes; {COPY_MOST} are the most."
            )
        # Made anew for each attempt, with links of that second: what was signed before is never the signature of this.
        return Content(headers, made, b"%d %d" % (claim.delivery_id, next(self._numbers)))

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
