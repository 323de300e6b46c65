"""Own the ids: 63-bit numbers that grow with time, and the text form that people and programs see.

41 bits of milliseconds since 2020, 10 bits of node number, 12 bits of sequence. The text form is a prefix that
names the kind and thirteen characters of Crockford's base 32, which sort as the numbers do and survive upper-casing.
"""

from __future__ import annotations

import secrets
import threading

from aftersend.clock import MILLISECOND, Clock, Instant
from aftersend.errors import NotFound

EPOCH_MS = 1_577_836_800_000
"""2020-01-01T00:00:00Z."""

NODES = 1024
MOST = (1 << 63) - 1
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE = {c: i for i, c in enumerate(_ALPHABET)} | {"o": 0, "i": 1, "l": 1}
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


class IdSource:
    """Give ids that no other call and no other node gives; safe to share between threads."""

    def __init__(self, clock: Clock, node: int) -> None:
        if not 0 <= node < NODES:
            raise ValueError(f"node number {node} is not between 0 and {NODES - 1}")
        self._clock = clock
        self._node = node << 12
        self._last = 0
        self._sequence = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Return the next id; ids of one source strictly increase, also when the clock steps back."""
        with self._lock:
            tick = self._clock() // MILLISECOND - EPOCH_MS
            if tick > self._last:
                self._last, self._sequence = tick, 0
            else:
                self._sequence += 1
                if self._sequence > 0xFFF:
                    self._last, self._sequence = self._last + 1, 0
            return self._last << 22 | self._node | self._sequence

    def block(self, count: int) -> list[int]:
        """Return `count` ids at once, for less than they cost one by one."""
        given = []
        with self._lock:
            tick = self._clock() // MILLISECOND - EPOCH_MS
            if tick > self._last:
                self._last, self._sequence = tick, -1
            last, node, sequence = self._last, self._node, self._sequence
            for _ in range(count):
                sequence += 1
                if sequence > 0xFFF:
                    last, sequence = last + 1, 0
                given.append(last << 22 | node | sequence)
            self._last, self._sequence = last, max(sequence, 0)
        return given


def encode(number: int) -> str:
    """Write a 63-bit number as thirteen characters that sort as the numbers do."""
    pairs = _PAIRS
    return (
        _ALPHABET[number >> 60]
        + pairs[number >> 50 & 1023]
        + pairs[number >> 40 & 1023]
        + pairs[number >> 30 & 1023]
        + pairs[number >> 20 & 1023]
        + pairs[number >> 10 & 1023]
        + pairs[number & 1023]
    )


def decode(text: str) -> int:
    """Read what `encode` wrote, in either case. Raise ValueError for anything else."""
    if len(text) != 13:
        raise ValueError("an id has thirteen characters after its prefix")
    number = 0
    for character in text.lower():
        try:
            number = number << 5 | _VALUE[character]
        except KeyError:
            raise ValueError(f"{character!r} does not occur in an id") from None
    if number >> 63:
        raise ValueError("the id is too large")
    return number


def show(prefix: str, number: int) -> str:
    """Write an id as people see it: `msg_01j9z3k8m4q2w`."""
    return f"{prefix}_{encode(number)}"


def read(prefix: str, text: str) -> int:
    """Read an id of the given kind. Raise NotFound when it cannot name anything of that kind."""
    head, _, tail = text.strip().partition("_")
    try:
        if head != prefix:
            raise ValueError(head)
        return decode(tail)
    except ValueError:
        raise NotFound(
            f"{text[:60]!r} is not an id of the form {prefix}_… with thirteen characters behind it"
        ) from None


def created_us(number: int) -> int:
    """Return when an id was given, in microseconds, to the millisecond."""
    return ((number >> 22) + EPOCH_MS) * MILLISECOND


GRACE_MS = 60_000
"""Nodes' clocks differ a little, and under load an id may run ahead of its clock."""


def least_at(instant: Instant) -> int:
    """Return a number that every id given at an instant or later has reached; ids grow with time, a minute is for grace."""
    return min(max(0, instant // MILLISECOND - EPOCH_MS - GRACE_MS) << 22, MOST)


def beyond(instant: Instant) -> int:
    """Return a number that no id given before an instant has reached; ids grow with time, a minute is for grace."""
    return min(max(0, instant // MILLISECOND - EPOCH_MS + GRACE_MS + 1) << 22, MOST)


def token(bits: int = 256) -> str:
    """Return a secret that cannot be guessed, in the alphabet of ids."""
    return "".join(secrets.choice(_ALPHABET) for _ in range((bits + 4) // 5))
