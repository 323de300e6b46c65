"""Own the codes of authenticator apps (TOTP, RFC 6238, with HMAC-SHA-1, six digits and thirty seconds, which all of them know)."""

from __future__ import annotations

import base64
import hmac
import os
from urllib.parse import quote

from aftersend.clock import SECOND, Instant

STEP_S = 30
DIGITS = 6
_DRIFT = 1
"""So many steps a clock may be off."""


def fresh_secret() -> bytes:
    """Return a secret of 160 bits (RFC 4226 §4, R6)."""
    return os.urandom(20)


def shown(secret: bytes) -> str:
    """Write a secret as people type it into an app."""
    return base64.b32encode(secret).decode().rstrip("=")


def address(secret: bytes, email: str, issuer: str) -> str:
    """Return the address that authenticator apps understand."""
    label = quote(f"{issuer}:{email}", safe="")
    return (
        f"otpauth://totp/{label}?secret={shown(secret)}&issuer={quote(issuer, safe='')}&digits={DIGITS}&period={STEP_S}"
    )


def code(secret: bytes, step: int) -> str:
    """Return the code of a step of thirty seconds (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    place = digest[-1] & 15
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: bytes, given: str, *, now: Instant) -> int | None:
    """Return the step to which a given code belongs, or None if it is not right at this time."""
    given = "".join(given.split())
    present = now // (STEP_S * SECOND)
    for step in range(present - _DRIFT, present + _DRIFT + 1):
        if hmac.compare_digest(code(secret, step).encode(), given.encode()):
            return step
    return None
