"""Own the JSON of broadcasts."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from aftersend.web.shapes import In, Out, RecipientIn, page_of


class BroadcastIn(In):
    """A broadcast to be written down."""

    name: Annotated[str, Meta(description="What you call it.", max_length=200, examples=["March news"])]
    message: Annotated[
        dict[str, Any],
        Meta(
            description="What it says: a message as for `POST /v1/messages`, without recipients. Merge tags are filled from "
            "name and attributes of each contact. Its stream is broadcast unless it names another.",
            examples=[{"from": "shop@example.com", "subject": "News for {{ name }}", "text": "Dear {{ name }}"}],
        ),
    ]
    lists: Annotated[list[str], Meta(description="The names of the lists that it goes to.", max_length=50)] = field(
        default_factory=list
    )
    where: Annotated[
        str,
        Meta(
            description="What must be true of those on the lists or, without lists, of all contacts who get it.",
            max_length=2000,
            examples=["city = Vienna and opened since 90d"],
        ),
    ] = ""
    type: Annotated[
        str,
        Meta(
            description="The type of broadcast that this is. Everybody gets it at the first address chosen for this type, or "
            "for all types; without it, at the first address chosen for all.",
            max_length=60,
        ),
    ] = ""
    needs_consent: Annotated[
        bool, Meta(description="Whether only those on the lists get it who have agreed to this type, or to all.")
    ] = False


class RecipientsIn(In):
    """Recipients of a broadcast, beside its lists."""

    recipients: Annotated[
        list[RecipientIn],
        Meta(
            description="With the address as it is written and the data of each; an empty address is a person without one.",
            max_length=10_000,
        ),
    ]


class StartIn(In):
    """When a broadcast is to begin."""

    scheduled_at: Annotated[str | None, Meta(description="RFC 3339, within a year; without it, now.")] = None


class ProbeIn(In):
    """To whom a broadcast is to be shown before it goes out."""

    to: Annotated[str | list[str], Meta(description="One or more addresses.", examples=["ann@example.com"])]
    data: Annotated[
        dict[str, Any] | None,
        Meta(description="Values of the merge tags; without them, those of the first person of the audience."),
    ] = None


class Tested(Out):
    """A test that was sent."""

    message_id: Annotated[str, Meta(description="The id of the message.")]
    to: list[str]
    data: Annotated[dict[str, Any], Meta(description="The values with which it was made.")]


class BroadcastOut(Out):
    """A broadcast."""

    id: Annotated[str, Meta(description="The id.", examples=["brd_01j9z3k8m4q2w"])]
    name: str
    type: str
    stream: str
    state: Annotated[str, Meta(description="draft, scheduled, sending, paused, cancelled or ended.")]
    lists: list[str]
    where: Annotated[str, Meta(description="What must be true of those who get it.")]
    needs_consent: bool
    message: Annotated[dict[str, Any], Meta(description="What it says; of attachments the names.")]
    message_id: Annotated[str | None, Meta(description="The message, once it was started.")]
    who: str
    created_at: str
    changed_at: str
    scheduled_at: str | None
    started_at: str | None
    ended_at: str | None


class Progress(Out):
    """How far a broadcast has come."""

    expected: Annotated[
        int,
        Meta(
            description="How many people the audience has, as its lists are now, or when its condition was last looked at."
        ),
    ]
    written: Annotated[int, Meta(description="How many of them have a delivery.")]
    is_whole: Annotated[bool, Meta(description="Whether everybody has.")]
    audience: int
    conserved: bool
    ended: int
    under_way: int
    returned_later: int
    by_outcome: dict[str, int]


class BroadcastWhole(BroadcastOut):
    """A broadcast and how far it has come."""

    recipients: Annotated[int, Meta(description="How many were handed over beside the lists and are not sent to yet.")]
    progress: Progress


class Recipients(Out):
    """How many recipients a broadcast has beside its lists."""

    recipients: int


class BroadcastCount(Out):
    """One word of a vocabulary and how many it is true of."""

    word: str
    meaning: str
    count: int


class BroadcastVocabulary(Out):
    """One vocabulary, counted for a broadcast."""

    title: str
    question: str
    counts: list[BroadcastCount]


class Results(Out):
    """What has become of everybody: audience = what has ended and what is under way."""

    id: str
    name: str
    state: str
    is_whole: Annotated[bool, Meta(description="Whether everybody of the audience has a delivery by now.")]
    audience: int
    conserved: bool
    ended: int
    under_way: int
    returned_later: int
    by_outcome: dict[str, int]
    vocabularies: dict[str, BroadcastVocabulary]


class AddressToUpdate(Out):
    """An address that failed."""

    delivery_id: str
    address: str
    contact_id: str | None
    reason: str | None
    said: Annotated[str | None, Meta(description="What the server said, or why it was refused here.")]
    suggestion: Annotated[str | None, Meta(description="What was probably meant.")]


BroadcastPage = page_of(BroadcastOut)
AddressPage = page_of(AddressToUpdate)
