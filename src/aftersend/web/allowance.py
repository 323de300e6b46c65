"""Own how many requests a key may make: so many a minute, told in every answer (draft-ietf-httpapi-ratelimit-headers-10).

Each process counts for itself. What was not used is kept for a minute, so a burst is welcome.
"""

from __future__ import annotations

import math

from aftersend.clock import MINUTE, SECOND, Instant
from aftersend.errors import AftersendError

KEPT_MOST = 10_000
"""Keys that are counted at once."""


class TooManyRequests(AftersendError):
    """A key has used up what it may do in this time."""

    code = "rate-limited"
    status = 429

    def __init__(self, most: int, retry_s: int) -> None:
        super().__init__(
            f"This key may make {most} requests a minute, and has made them; go on in {retry_s} s. Several messages fit "
            "into one request: POST /v1/messages/batch."
        )
        self.retry_s = retry_s


class Allowance:
    """What each key has left."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left: dict[int, tuple[float, Instant]] = {}

    def take(self, key_id: int, now: Instant) -> dict[str, str]:
        """Count one request, and return the header fields that tell what is left; none if there is no limit.

        Raise TooManyRequests when nothing is left.
        """
        if not self._most:
            return {}
        left, since = self._left.get(key_id, (float(self._most), now))
        left = min(float(self._most), left + max(0, now - since) * self._most / MINUTE)
        if left < 1:
            raise TooManyRequests(self._most, max(1, math.ceil((1 - left) * MINUTE / self._most / SECOND)))
        if len(self._left) >= KEPT_MOST and key_id not in self._left:
            self._left.clear()
        self._left[key_id] = left - 1, now
        return self.told(key_id)

    def told(self, key_id: int) -> dict[str, str]:
        """Return the header fields: the limit, what is left of it, and in how many seconds all of it is there again."""
        if not self._most:
            return {}
        left = math.floor(self._left[key_id][0]) if key_id in self._left else self._most
        whole_s = math.ceil((self._most - left) * 60 / self._most)
        return {"ratelimit-policy": f'"key";q={self._most};w=60', "ratelimit": f'"key";r={left};t={whole_s}'}
