"""Find the delivery that a returned mail is about: by the token in the address it was sent to, or in what it quotes.

Nothing else counts. A recipient named in a report, or a Message-ID, is known to too many to prove anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aftersend.mail import verp
from aftersend.mail.verp import Refusal

PURPOSES = (verp.BOUNCE, verp.FEEDBACK)
FOR_PEOPLE = frozenset({"postmaster", "abuse"})
"""Every domain with mail must take mail for these (RFC 5321 §4.5.1, RFC 2142)."""
LOOKED_AT = 1 << 18
CANDIDATES_MOST = 20
_TOKEN = re.compile(rb"(?<![0-9A-Za-z-])([bfBF]-[0-9a-vA-V]{32})@([0-9A-Za-z.-]{1,253})")


@dataclass(frozen=True, slots=True)
class Place:
    """What is ours: the secrets that signed our return paths, the newest first, and the domains that they are under."""

    secrets: Sequence[bytes]
    domains: frozenset[str]


@dataclass(frozen=True, slots=True)
class Named:
    """The delivery that a token names, and what the address is for."""

    delivery_id: int
    purpose: str


def of_address(address: str, place: Place, today: int) -> Named | Refusal | str | None:
    """Read an address of ours: what it names, why it names nothing, `postmaster` or `abuse`; None if it is not ours at all."""
    local, at, domain = address.rpartition("@")
    if not at:
        return address.lower() if address.lower() == "postmaster" else None
    if domain.lower().rstrip(".") not in place.domains:
        return None
    local = local.strip('"').lower()
    if local in FOR_PEOPLE:
        return local
    if local[:1] not in PURPOSES:
        return Refusal.MALFORMED
    found = verp.read(place.secrets, local, today, purpose=local[0])
    return found if isinstance(found, Refusal) else Named(found, local[0])


def quoted_in(raw: bytes, place: Place, today: int) -> Named | Refusal | None:
    """Look for a return path of ours in the beginning of a mail: whoever quotes it had the message in hand.

    Returns the first that holds; else why the first that was found does not; None if there is none.
    """
    refusal = None
    seen = 0
    for found in _TOKEN.finditer(raw[:LOOKED_AT]):
        if found[2].decode("ascii").lower().rstrip(".") not in place.domains:
            continue
        token = found[1].decode("ascii").lower()
        read = verp.read(place.secrets, token, today, purpose=token[0])
        if not isinstance(read, Refusal):
            return Named(read, token[0])
        refusal = refusal or read
        seen += 1
        if seen >= CANDIDATES_MOST:
            break
    return refusal
