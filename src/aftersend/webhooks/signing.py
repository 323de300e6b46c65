"""Sign what is sent, as Standard Webhooks 1.0 says: HMAC-SHA256 over id, time and body, by a secret that begins with `whsec_`."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence


def signature(keys: Sequence[bytes], message_id: str, at_s: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: one for each key, so that either secret verifies while they change."""
    signed = f"{message_id}.{at_s}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)


def headers(keys: Sequence[bytes], message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of a request."""
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": signature(keys, message_id, at_s, body),
    }
