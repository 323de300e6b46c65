"""The JSON of the event stream."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from aftersend.web.shapes import Event, Later, Out, Status


class NextOut(Out):
    """What happens next."""

    sentence: str
    at: str | None


class StreamEvent(Event):
    """One thing that happened to one delivery, with what was so by then."""

    sequence: Annotated[int, Meta(description="Its place among the account's events; grows, with gaps.")]
    message_id: str
    recipient: str
    rfc_message_id: str
    subject: str
    stream: str
    broadcast_id: str | None
    tags: list[str]
    metadata: dict[str, Any]
    late: Annotated[bool, Meta(description="Whether it came after the delivery had ended.")]
    ended: bool
    headline: str
    status: Status | None
    why: str
    who_must_act: str
    advice: str
    later: list[Later]
    next: Annotated[NextOut | None, Meta(description="What was planned; null for all but the newest event.")]


class StreamPage(Out):
    """A part of the event stream."""

    object: Literal["list"]
    data: list[StreamEvent]
    has_more: bool
    cursor: Annotated[str, Meta(description="Where to read on, now or later: give it as `after`.")]
    next: str | None = None
    previous: str | None = None
