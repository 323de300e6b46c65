"""Own the JSON of contacts and lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from aftersend.web.shapes import Accepted, In, Out, page_of

_TYPE = Annotated[str, Meta(min_length=1, max_length=60)]


class SpotIn(In):
    """An address of a contact."""

    address: Annotated[str, Meta(description="The address.", examples=["ann@example.net"])]
    types: Annotated[
        list[_TYPE], Meta(description="The types of broadcast that it was chosen for; without any, all.", max_length=50)
    ] = field(default_factory=list)


class ContactIn(In):
    """Somebody to be written down."""

    addresses: Annotated[list[SpotIn], Meta(description="The addresses, the first choice first; 1 to 20.")]
    name: Annotated[str, Meta(description="The name, 200 characters at most.", examples=["Ann"])] = ""
    attributes: Annotated[
        dict[str, str | int | float | bool | None],
        Meta(description="What merge tags find: `{{ city }}`.", examples=[{"city": "Vienna"}]),
    ] = field(default_factory=dict)
    lists: Annotated[list[str], Meta(description="The names of the lists that the contact is on.", max_length=100)] = (
        field(default_factory=list)
    )


class SpotOut(Out):
    """An address of a contact."""

    address: str
    types: Annotated[list[str], Meta(description="The types of broadcast that it was chosen for; empty for all.")]


class Contact(Out):
    """Somebody who is known."""

    id: Annotated[str, Meta(description="The id.", examples=["con_01j9z3k8m4q2w"])]
    name: str
    addresses: list[SpotOut]
    attributes: dict[str, Any]
    lists: list[str]
    created_at: str
    changed_at: str


class ConsentIn(In):
    """What somebody said about broadcasts of a type."""

    state: Annotated[Literal["granted", "withdrawn"], Meta(description="Whether he agrees.")]
    source: Annotated[str, Meta(description="Where he said it.", max_length=200, examples=["form on shop.example.com"])]
    type: Annotated[str, Meta(description="The type of broadcast; without it, all.", max_length=60)] = ""
    wording: Annotated[str, Meta(description="Which version of which text was shown.", max_length=2000)] = ""
    evidence: Annotated[dict[str, Any] | None, Meta(description="What proves it, such as address and time.")] = None
    occurred_at: Annotated[str | None, Meta(description="When he said it, RFC 3339; without it, now.")] = None


class ConsentOut(Out):
    """What somebody said."""

    id: str
    type: str
    state: str
    source: str
    wording: str
    evidence: dict[str, Any] | None
    occurred_at: str


class OptInIn(In):
    """A request to confirm an address."""

    message: Annotated[
        dict[str, Any],
        Meta(
            description="What it says: a message as for `POST /v1/messages`, without recipients, with `{{ confirm_url }}` in it.",
            examples=[{"from": "shop@example.com", "subject": "Please confirm", "text": "Here: {{ confirm_url }}"}],
        ),
    ]
    type: Annotated[
        str, Meta(description="The type of broadcast that is agreed to; without it, all.", max_length=60)
    ] = ""
    wording: Annotated[str, Meta(description="Which version of which text was shown.", max_length=2000)] = ""
    list: Annotated[str | None, Meta(description="The list that is joined by confirming.")] = None
    address: Annotated[str | None, Meta(description="The address to be confirmed; without it, the first.")] = None
    hours: Annotated[int, Meta(description="For how long it can be answered.", ge=1, le=24 * 90)] = 24 * 7


class OptInOut(Out):
    """A request to confirm an address."""

    message_id: str
    type: str
    wording: str
    asked_at: str
    expires_at: str
    answered_at: str | None


class ConsentPage(Out):
    """All that somebody said, the latest first, and what he was asked to confirm."""

    object: Literal["list"]
    data: Sequence[ConsentOut]
    opt_ins: Sequence[OptInOut]


class Counted(Out):
    """Of how many contacts something is true."""

    people: int


class ErasureIn(In):
    """Who is to be erased: by an address, or by the contact."""

    address: Annotated[
        str | None, Meta(description="An address; a contact that has it is erased with all addresses.")
    ] = None
    contact_id: Annotated[str | None, Meta(description="A contact, with all addresses.")] = None


class Erasure(Out):
    """What was erased."""

    contacts: int
    addresses: Annotated[int, Meta(description="How many addresses the person has.")]
    cancelled: Annotated[int, Meta(description="How many deliveries waited, and were cancelled.")]
    deliveries: Annotated[int, Meta(description="From how many rows of the log the address was taken.")]
    messages: Annotated[int, Meta(description="How many messages were emptied of what names the person.")]
    suppressions: Annotated[int, Meta(description="How many suppressions are now kept as a hash.")]
    later: Annotated[
        int, Meta(description="What cannot be erased yet, since it is being sent, to others too: ask again later.")
    ]


class ImportFault(Out):
    """A row of a file that was left out."""

    line: Annotated[int, Meta(description="The line on which the row begins.")]
    row: str
    why: str


class Imported(Out):
    """What came of a file of contacts."""

    rows: Annotated[int, Meta(description="How many rows there were: created, changed and wrong.")]
    created: int
    changed: int
    wrong: int
    is_kept: Annotated[bool, Meta(description="Whether anything was written down.")]
    faults: list[ImportFault]


class ImportOut(Out):
    """A file of contacts that is taken in beside everything else, and how far that has come."""

    id: Annotated[str, Meta(description="The id.", examples=["imp_01j9z3k8m4q2w"])]
    state: Annotated[str, Meta(description="waiting, reading, ready, keeping, done or failed.")]
    about: str
    why: Annotated[str | None, Meta(description="Why it failed.")]
    list: Annotated[str | None, Meta(description="The list that everybody is put on.")]
    strict: bool
    preview: Annotated[bool, Meta(description="Whether it waits to be told before anything is kept.")]
    total: Annotated[int, Meta(description="How many rows the file has, about, until it was read.")]
    rows: Annotated[int, Meta(description="How many were read.")]
    created: Annotated[int, Meta(description="How many people are new, once it was read.")]
    changed: Annotated[int, Meta(description="How many were known.")]
    wrong: Annotated[int, Meta(description="How many rows were left out.")]
    is_over: bool
    who: str
    created_at: str
    ended_at: str | None


class ListAccepted(Accepted):
    """A message to a list that was taken and written down: members = deliveries + those who have chosen no address for it."""

    members: Annotated[int, Meta(description="How many are on the list.")]
    no_email_selected: Annotated[
        int, Meta(description="How many of them have chosen no address for this; they get nothing.")
    ]


class ListIn(In):
    """A list to be made."""

    name: Annotated[str, Meta(description="Its name.", examples=["newsletter"])]
    about: Annotated[str, Meta(description="What it is for.", max_length=500)] = ""


class ListOut(Out):
    """A list and how many people are on it."""

    name: str
    about: str
    members: int
    created_at: str


ImportPage = page_of(ImportOut)
FaultPage = page_of(ImportFault)
ContactPage = page_of(Contact)
ListPage = page_of(ListOut)
