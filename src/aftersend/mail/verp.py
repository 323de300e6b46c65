"""Make and read return-path tokens, so that what comes back names its delivery and cannot be forged.

A token is a letter for its purpose, a hyphen and 32 characters of a base 32 that survives upper-casing: 63 bits of id,
16 bits of day, 81 bits of HMAC-SHA-256 over these and the purpose. Owns the form; who keeps the secrets, and what a
bounce means, is decided elsewhere.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from enum import Enum
from struct import Struct

VALID_DAYS = 30
"""Bounces are accepted that long after sending."""
BOUNCE = "b"
FEEDBACK = "f"
"""The purpose of addresses for complaints (RFC 9477)."""
LENGTH = 34
"""Characters of a token; a local part may have 64."""

_MAC_BITS = 81
_MAC_MASK = (1 << _MAC_BITS) - 1
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
_signed = Struct(">cQH").pack


class Refusal(Enum):
    """Why a token names no delivery."""

    MALFORMED = "This is not one of our return addresses."
    ALTERED = "This return address was changed on its way, or was not made here."
    EXPIRED = "This return address is too old; it is accepted for 30 days."


def make(secret: bytes, delivery_id: int, day: int, *, purpose: str = BOUNCE) -> str:
    """Return the local part of a return path; `day` counts from 1970. A token of one purpose is none of another."""
    mac = hmac.digest(secret, _signed(purpose.encode(), delivery_id, day), "sha256")
    number = (delivery_id << 16 | day) << _MAC_BITS | (int.from_bytes(mac[:11], "big") & _MAC_MASK)
    pairs = _PAIRS
    return (
        f"{purpose}-{pairs[number >> 150]}{pairs[number >> 140 & 1023]}{pairs[number >> 130 & 1023]}"
        f"{pairs[number >> 120 & 1023]}{pairs[number >> 110 & 1023]}{pairs[number >> 100 & 1023]}"
        f"{pairs[number >> 90 & 1023]}{pairs[number >> 80 & 1023]}{pairs[number >> 70 & 1023]}"
        f"{pairs[number >> 60 & 1023]}{pairs[number >> 50 & 1023]}{pairs[number >> 40 & 1023]}"
        f"{pairs[number >> 30 & 1023]}{pairs[number >> 20 & 1023]}{pairs[number >> 10 & 1023]}{pairs[number & 1023]}"
    )


def read(
    secrets: Sequence[bytes], token: str, today: int, *, purpose: str = BOUNCE, valid_days: int = VALID_DAYS
) -> int | Refusal:
    """Return the delivery that a token names, or why it names none. Any of the secrets will do: they may be rotated."""
    if len(token) != LENGTH or token[1] != "-" or token[0].lower() != purpose or not token.isascii():
        return Refusal.MALFORMED
    digits = token[2:]
    try:
        number = int(digits, 32) if digits.isalnum() else -1
    except ValueError:
        number = -1
    if number < 0:
        return Refusal.MALFORMED
    said = (number & _MAC_MASK).to_bytes(11, "big")
    named = number >> _MAC_BITS
    delivery_id, day = named >> 16, named & 0xFFFF
    signed = _signed(purpose.encode(), delivery_id, day)
    if not any(hmac.compare_digest(said, _mac(secret, signed)) for secret in secrets):
        return Refusal.ALTERED
    return Refusal.EXPIRED if today - day > valid_days else delivery_id


def _mac(secret: bytes, signed: bytes) -> bytes:
    mac = int.from_bytes(hmac.digest(secret, signed, "sha256")[:11], "big") & _MAC_MASK
    return mac.to_bytes(11, "big")
