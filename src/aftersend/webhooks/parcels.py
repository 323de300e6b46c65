"""What is put into one request, and in which order: events of one recipient one after the other, of several at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

LANES_MOST = 32
"""So many requests are under way at once to one endpoint."""


@dataclass(slots=True)
class Item:
    """An event that is to be sent."""

    sequence: int
    delivery_id: int
    key: int
    recipient: str
    """As addresses are compared."""
    told: Mapping[str, Any]
    tries: int = 0
    was_kept: bool = False
    """Whether it was tried, or put off, before."""
    is_again: bool = False
    """Whether it is sent once more because a person wants it."""


def lanes(items: Sequence[Item], batch: int) -> list[list[Item]]:
    """Divide events into lanes that are sent side by side. All events of a recipient are in one lane, in their order, and
    lanes are so few that requests can be filled."""
    number = max(1, min(LANES_MOST, -(-len(items) // batch)))
    divided: list[list[Item]] = [[] for _ in range(number)]
    for item in items:
        divided[_place(item.recipient) % number].append(item)
    return [lane for lane in divided if lane]


def _place(recipient: str) -> int:
    return int.from_bytes(blake2b(recipient.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big")


def body(items: Sequence[Item], *, is_batch: bool) -> bytes:
    """Return the content of a request: one event, or a list of them where the endpoint takes several at once."""
    written = [envelope(item.told) for item in items]
    return msgspec.json.encode(written if is_batch else written[0])


def envelope(told: Mapping[str, Any]) -> dict[str, Any]:
    """Write an event as Standard Webhooks 1.0 wants it: type, timestamp, data."""
    return {"type": told["type"], "timestamp": told["occurred_at"], "data": told}


def message_id(items: Sequence[Item]) -> str:
    """Return the `webhook-id`: the same whenever the same events are sent, so that a receiver knows what it has seen."""
    if len(items) == 1:
        return f"evt_{items[0].delivery_id:x}_{items[0].key:x}"
    text = ",".join(f"{item.delivery_id:x}.{item.key:x}" for item in items)
    return f"evb_{blake2b(text.encode(), digest_size=16).hexdigest()}"
