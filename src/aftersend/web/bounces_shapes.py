"""The JSON of bounces and of their numbers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from aftersend.web.shapes import Out, page_of


class Bounce(Out):
    """One bounce."""

    id: Annotated[str, Meta(description="The delivery and the event in one.")]
    delivery_id: str
    recipient: str
    provider: Annotated[
        str, Meta(description="Who keeps the mailbox, such as Google; the domain itself where that is not known.")
    ]
    domain: str
    stream: str
    broadcast_id: str | None
    category: Annotated[str, Meta(description="The category of 002.", examples=["Soft"])]
    reason: Annotated[str, Meta(description="The reason in the words of 002.", examples=["Mailbox is full"])]
    detail: Annotated[str, Meta(description="The finest word that is known for it.", examples=["mailbox_full"])]
    sentence: str
    who_must_act: str
    advice: str
    enhanced_status: str | None
    said: Annotated[str | None, Meta(description="What the other side said, as long as the evidence is kept.")]
    created_at: Annotated[str | None, Meta(description="When the delivery was created.")]
    occurred_at: str


class BounceNumber(Out):
    """How many bounces one word counts."""

    word: str
    category: str | None
    reason: str | None
    meaning: str | None
    count: int
    list: Annotated[str, Meta(description="Where the list behind the number is; it has as many rows.")]


class BounceNumbers(Out):
    """How many bounces there are, by one of their sides."""

    report: str
    by: str
    asked: dict[str, str]
    total: int
    rows: list[BounceNumber]
    has_more: Annotated[bool, Meta(description="Whether there are more words than `limit`; the total counts them too.")]


BouncePage = page_of(Bounce)
