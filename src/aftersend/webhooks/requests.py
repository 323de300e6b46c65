"""One request to a webhook: what is sent, what came of it, what is written down of it."""

from __future__ import annotations

from typing import Any

import msgspec

from aftersend.clock import SECOND, Instant, iso
from aftersend.store.hooks import Hook
from aftersend.webhooks import ladder, signing
from aftersend.webhooks.client import Client, NoAnswer
from aftersend.webhooks.guard import Refused, read
from aftersend.webhooks.ladder import Outcome

TEST = "webhook.test"
"""The type of an event that is sent so that whoever sets an endpoint up sees what it makes of our requests."""
REQUEST_KEPT = 16 * 1024
"""So much of a request that failed is kept for people to look at."""
ANSWER_KEPT = 1024


def body_of_test(hook: Hook, shown: str, now: Instant) -> bytes:
    """Return what is sent: an event of a type of its own, which no real one has."""
    event = {
        "type": TEST,
        "timestamp": iso(now),
        "data": {"type": TEST, "webhook_id": shown, "sentence": "This is a test; nothing has happened."},
    }
    return msgspec.json.encode([event] if hook.batch > 1 else event)


async def ask(client: Client, hook: Hook, keys: list[bytes], message_id: str, body: bytes, *, now: Instant) -> Outcome:
    """Send a signed request to a webhook, and say what its answer means; whatever goes wrong is an outcome too."""
    try:
        target = read(hook.url)
        headers = signing.headers(keys, message_id, now // SECOND, body)
        answer = await client.request("POST", target, headers, body)
    except Refused as error:
        return Outcome("failed", f"Not sent: {error.detail}")
    except NoAnswer as error:
        return Outcome("failed", error.detail)
    return ladder.of_response(answer.status, answer.headers, answer.body, answer.ip, now)


def attempt_row(
    hook: Hook, attempt_id: int, outcome: Outcome, began: Instant, ended: Instant, body: bytes, *, first: int, last: int,
    number: int, kinds: str, tries: int,
) -> tuple[Any, ...]:  # fmt: skip
    """Return a row of `hook_attempts`."""
    kept = None if outcome.is_good else body[:REQUEST_KEPT].decode("utf-8", "ignore")
    answer = None if outcome.is_good else (outcome.answer or outcome.said)[:ANSWER_KEPT]
    return (
        hook.account_id, hook.id, attempt_id, outcome.word, outcome.status, first, last, number, kinds, tries, began,
        max(0, ended - began), len(body), outcome.ip, answer, kept,
    )  # fmt: skip
