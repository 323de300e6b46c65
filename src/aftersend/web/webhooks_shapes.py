"""The JSON of webhooks."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from aftersend import ids
from aftersend.web.shapes import In, Out, page_of

_EVENTS = Meta(description="Types of events, such as delivery.bounced; empty for all.", examples=[["delivery.bounced"]])
_STREAMS = Meta(description="Only events of mail in these streams; empty for all.")
_TAGS = Meta(description="Only events of mail with one of these tags; empty for all.")
_BATCH = Meta(description="So many events at the most in one request, as a list; 1: one event, not in a list.")
_OWNER = Meta(description="Who is told by mail when it is paused.", examples=["dev@example.com"])


class WebhookIn(In):
    """A webhook to be made."""

    url: Annotated[
        str,
        Meta(description="Where events are sent: https, on the public internet.", examples=["https://example.com/m"]),
    ]
    name: str = ""
    events: Annotated[list[str], _EVENTS] = field(default_factory=list)
    streams: Annotated[list[str], _STREAMS] = field(default_factory=list)
    tags: Annotated[list[str], _TAGS] = field(default_factory=list)
    batch: Annotated[int, _BATCH] = 1
    owner: Annotated[str | None, _OWNER] = None
    secret: Annotated[str | None, Meta(description="whsec_ and 24 to 64 bytes in base64; without it we make one.")] = (
        None
    )


class WebhookChange(In):
    """What of a webhook is to be changed; what is left out stays."""

    url: str | None = None
    name: str | None = None
    events: Annotated[list[str] | None, _EVENTS] = None
    streams: Annotated[list[str] | None, _STREAMS] = None
    tags: Annotated[list[str] | None, _TAGS] = None
    batch: Annotated[int | None, _BATCH] = None
    owner: Annotated[str | None, _OWNER] = None


class ResumeIn(In):
    """How a webhook goes on."""

    skip: Annotated[bool, Meta(description="Whether what happened meanwhile is left out.")] = False


class RotateIn(In):
    """A new secret."""

    secret: Annotated[str | None, Meta(description="whsec_ and 24 to 64 bytes in base64; without it we make one.")] = (
        None
    )


class ReplayIn(In):
    """What is to be sent again: one of `sequence`, `since` (with or without `until`), `failed`."""

    sequence: Annotated[
        Annotated[int, Meta(ge=1, le=ids.MOST)] | None, Meta(description="The sequence of one event.")
    ] = None
    since: Annotated[str | None, Meta(description="All from this time on: RFC 3339, or 24h for a day ago.")] = None
    until: Annotated[str | None, Meta(description="Up to this time.")] = None
    failed: Annotated[bool, Meta(description="All that was given up.")] = False


class Webhook(Out):
    """A webhook, and how it is getting on."""

    id: str
    name: str
    url: str
    events: Annotated[list[str], _EVENTS]
    streams: Annotated[list[str], _STREAMS]
    tags: Annotated[list[str], _TAGS]
    batch: Annotated[int, _BATCH]
    owner: Annotated[str | None, _OWNER]
    state: Literal["active", "paused"]
    why: Annotated[str | None, Meta(description="Why it is paused.")]
    failures: Annotated[int, Meta(description="Requests that failed since the last that did not.")]
    failing_since: str | None
    next_try_at: Annotated[str | None, Meta(description="Until when it is left alone.")]
    good_at: Annotated[str | None, Meta(description="When it took something last.")]
    sequence: Annotated[int, Meta(description="All events up to this one were taken, or are `waiting` or `given_up`.")]
    behind: Annotated[int, Meta(description="Events in the ledger that have not come to their turn.")]
    behind_is_exact: bool
    waiting: Annotated[int, Meta(description="Events that were not taken and are tried again.")]
    given_up: Annotated[int, Meta(description="Events that were not taken in three days; they can be replayed.")]
    replaying: bool
    created_at: str
    changed_at: str


class WebhookMade(Webhook):
    """A webhook with its secret, which is shown only once."""

    secret: str


class Attempt(Out):
    """A request to a webhook and what came of it."""

    id: str
    at: str
    outcome: Annotated[str, Meta(description="taken, failed, busy (429) or gone (410).")]
    status: Annotated[int | None, Meta(description="What was answered; null for no answer.")]
    answer: Annotated[str | None, Meta(description="The beginning of the answer, or why none came; hostile text.")]
    request: Annotated[str | None, Meta(description="The beginning of what was sent, if it was not taken.")]
    events: int
    types: list[str]
    first_sequence: int
    last_sequence: int
    try_: int = field(name="try")
    took_ms: int
    bytes: int
    ip: str


class NotTaken(Out):
    """An event that a webhook did not take."""

    sequence: int
    delivery_id: str
    event_id: str
    recipient: str
    state: Literal["waiting", "given_up"]
    tries: int
    next_try_at: str | None
    said: Annotated[str | None, Meta(description="What came of the last try.")]


class Replayed(Out):
    """How much is sent again."""

    events: Annotated[int, Meta(description="So many at the most; of these, those that the webhook wants are sent.")]


class Tested(Out):
    """What an endpoint made of a test."""

    taken: bool
    said: str
    attempt: Attempt


WebhookPage = page_of(Webhook)
AttemptPage = page_of(Attempt)
NotTakenPage = page_of(NotTaken)
