"""Own the EHLO keywords: what we offer, and what a server's answer to EHLO offers us."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from aftersend.smtp.events import Profile
from aftersend.smtp.reply import Reply

_NO_LATEST = "9999-12-31T23:59:59Z"
"""RFC 4865 §4 wants a latest moment beside the longest interval; only the interval limits here."""


@lru_cache(maxsize=64)
def offered(profile: Profile, *, tls: bool) -> bytes:
    """Write the answer to EHLO."""
    words = {
        "PIPELINING": profile.pipelining,
        f"SIZE {profile.max_size}": profile.announce_size,
        "8BITMIME": profile.eight_bit,
        "STARTTLS": profile.starttls and not tls,
        f"AUTH {' '.join(profile.auth_mechanisms)}": bool(profile.auth_mechanisms)
        and (tls or profile.auth_without_tls),
        "ENHANCEDSTATUSCODES": True,
        "DSN": profile.dsn,
        "SMTPUTF8": profile.smtputf8,
        "CHUNKING": profile.chunking,
        f"FUTURERELEASE {profile.future_release_s} {_NO_LATEST}": profile.future_release_s > 0,
    }
    lines = [profile.hostname, *(word for word, is_offered in words.items() if is_offered)]
    return Reply(250, "", "\n".join(lines)).to_bytes()


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the other server offers. Nothing, after HELO."""

    pipelining: bool = False
    starttls: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    dsn: bool = False
    chunking: bool = False
    takes_size: bool = False
    size: int = 0
    """The most octets a message may have; 0 if it says no limit (RFC 1870 §3)."""
    auth: frozenset[str] = frozenset()
    future_release_s: int = 0


def read(reply: Reply) -> Extensions:
    """Read the answer to EHLO; unknown keywords and broken values are passed over."""
    words = {}
    auth: set[str] = set()
    for line in reply.text.upper().split("\n")[1:]:
        keyword, _, value = line.strip().replace("AUTH=", "AUTH ", 1).partition(" ")
        if keyword == "AUTH":
            auth.update(value.split())
        else:
            words[keyword] = value.strip()
    return Extensions(
        pipelining="PIPELINING" in words,
        starttls="STARTTLS" in words,
        eight_bit="8BITMIME" in words,
        smtputf8="SMTPUTF8" in words,
        dsn="DSN" in words,
        chunking="CHUNKING" in words,
        takes_size="SIZE" in words,
        size=_number(words.get("SIZE", "")),
        auth=frozenset(auth),
        future_release_s=_number(words.get("FUTURERELEASE", "").partition(" ")[0]),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
