"""The JSON of returned mail that nobody understood."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from aftersend.web.shapes import In, Out, page_of


class Unread(Out):
    """A returned mail that no rule understood."""

    id: str
    received_at: str | None
    recipient: Annotated[
        str, Meta(description="The address that it was sent to; empty for one that was found in a mailbox.")
    ]
    sender: Annotated[str, Meta(description="The envelope's sender; empty for a bounce.")]
    from_: Annotated[str, Meta(description="Who wrote it, by its own word (From); it is not to be trusted.")] = field(
        name="from"
    )
    peer: Annotated[str, Meta(description="Who handed it over, or the mailbox that it was found in.")]
    subject: str
    why: Annotated[str, Meta(description="Why it is here.")]
    delivery_id: Annotated[
        str | None, Meta(description="The delivery that it is about, where its return path proves that.")
    ]
    size: int


class UnreadWhole(Unread):
    """A returned mail with its original."""

    report: Annotated[dict[str, Any], Meta(description="What the rules make of it.")]
    original: Annotated[str, Meta(description="The mail; bytes that are no UTF-8 are escaped. It is hostile text.")]


class TeachIn(In):
    """What a returned mail means."""

    reason: Annotated[
        str, Meta(description="A reason, such as mailbox_full, complaint or delivered.", examples=["mailbox_full"])
    ]
    detail: Annotated[str, Meta(description="A finer word beside it.", max_length=60)] | None = None
    is_delayed: Annotated[bool, Meta(description="It is a notice of delay: somebody is still trying.")] = False
    delivery_id: Annotated[str | None, Meta(description="The delivery that it is about, where that is not known.")] = (
        None
    )


class Taught(Out):
    """What was written down."""

    id: str
    reason: str
    detail: str | None
    delivery_id: str


UnreadPage = page_of(Unread)
