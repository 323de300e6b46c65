"""What an answer to a webhook means, and when to try again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from aftersend.clock import DAY, HOUR, MINUTE, SECOND, Instant

LADDER = (
    5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""The waits between the tries of one event (Standard Webhooks 1.0): ten tries in about 76 hours."""
TRIES = len(LADDER) + 1
LASTS = sum(LADDER)
"""An endpoint from which nothing good came for so long is paused."""
KNOCKS = (5 * SECOND, 30 * SECOND, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR)
"""The waits between two looks whether an endpoint that seems to be down is there again; the last one stays."""
DOWN_AFTER = 8
"""After so many failures in a row an endpoint seems to be down: one request at a time, the rest stays in the ledger."""
RETRY_AFTER_MOST = DAY
BUSY_WAIT = 30 * SECOND
"""For how long an endpoint is left alone that answers 429 without saying for how long."""
FAILURES_TO_PAUSE = 30
"""So many failures in a row, over `LASTS`, and an endpoint is paused."""
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request."""

    word: str
    """`taken`, `failed`, `busy` (it asks us to wait) or `gone` (it asks us to stop)."""
    said: str
    """One plain sentence."""
    status: int | None = None
    answer: str = ""
    """The first part of what came back, as text."""
    ip: str = ""
    wait_us: int | None = None
    """For how long it wants to be left alone."""

    @property
    def is_good(self) -> bool:
        """Whether the events were taken."""
        return self.word == "taken"


def of_response(status: int, headers: Mapping[str, str], body: bytes, ip: str, now: Instant) -> Outcome:
    """Say what an answer means: 2xx took it, 410 wants no more, 429 and 503 may say when to come again."""
    answer = _text(body)
    wait = retry_after(headers.get("retry-after", ""), now) if status in (429, 502, 503, 504) else None
    if 200 <= status < 300:
        return Outcome("taken", "It was taken.", status, "", ip)
    if status == 410:
        return Outcome("gone", "The endpoint answered 410: it wants no more events.", status, answer, ip)
    if 300 <= status < 400:
        where = _text(headers.get("location", "").encode())[:200] or "elsewhere"
        said = f"The endpoint answered {status}, a redirect to {where}; redirects are not followed. Give the final URL."
        return Outcome("failed", said, status, answer, ip)
    if status == 429:
        said = "The endpoint answered 429: too many requests."
        return Outcome("busy", said, status, answer, ip, BUSY_WAIT if wait is None else wait)
    return Outcome("failed", f"The endpoint answered {status}.", status, answer, ip, wait)


def retry_after(text: str, now: Instant) -> int | None:
    """Read Retry-After (RFC 9110 §10.2.3): seconds or a date; None for anything else, a day at the most."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(int(text) * SECOND, RETRY_AFTER_MOST)
    try:
        until = int(parsedate_to_datetime(text).timestamp()) * SECOND
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(0, until - now), RETRY_AFTER_MOST)


def is_given_up(failures: int, failing_since: Instant | None, now: Instant) -> bool:
    """Whether an endpoint has taken nothing for so long that it is to be paused."""
    return failures >= FAILURES_TO_PAUSE and failing_since is not None and now - failing_since >= LASTS


def next_try(tries: int, now: Instant, chance: float) -> Instant | None:
    """When to try an event again that was tried so often, or None when it was tried for long enough. `chance` is 0 to 1."""
    return None if tries >= TRIES else now + _spread(LADDER[tries - 1], chance)


def next_knock(failures: int, now: Instant, chance: float) -> Instant:
    """When to look again whether an endpoint is there that seems to be down, after so many failures in a row."""
    step = min(max(0, failures - DOWN_AFTER), len(KNOCKS) - 1)
    return now + _spread(KNOCKS[step], chance)


def _spread(wait: int, chance: float) -> int:
    """Not all at the same moment: up to a fifth sooner or later."""
    return int(wait * (1 + JITTER * (2 * chance - 1)))


def _text(body: bytes) -> str:
    text = body[:1024].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text).strip()
