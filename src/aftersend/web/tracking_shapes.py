"""The JSON of opens, clicks and who is tracked how."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from aftersend.web.shapes import In, Out, page_of


class Verdicts(Out):
    """How many, by who did it."""

    human: int
    privacy_proxy: int
    unknown: int
    machine: int


class Rate(Out):
    """A share of what was delivered, as far as it can be known; null where nothing was delivered."""

    least: Annotated[float | None, Meta(description="People alone.")]
    most: Annotated[float | None, Meta(description="Everybody but machines.")]


class WasRead(Out):
    """Kept open for longer than five seconds: only some mail programs show it."""

    yes: int
    no: int
    unsupported: int
    rate: Annotated[float | None, Meta(description="Of those of whom it is known.")]


class Reading(Out):
    """How mail was read."""

    delivered: int
    opens: Verdicts
    clicks: Verdicts
    open_rate: Rate
    click_rate: Rate
    read: WasRead
    unsubscribed: int
    complained: int


class ReadingReport(Reading):
    """How the mail of a period, or one message, was read."""

    since: str | None
    until: str | None
    stream: str | None
    message_id: str | None


class ReadingGroups(Out):
    """How mail was read, for each stream, domain, message or hour."""

    since: str | None
    until: str | None
    stream: str | None
    message_id: str | None
    by: str
    data: Annotated[
        list[dict[str, Any]], Meta(description="`word` and what a reading tells; `hour` and `opened` by hour.")
    ]
    more: bool


class LinkOut(Out):
    """A tracked link of a message."""

    number: int
    url: Annotated[str, Meta(description="Where it leads; merge tags stand in it as they were written.")]
    text: str
    clicks: Annotated[Verdicts, Meta(description="Recipients who followed it, each once.")]


class HitOut(Out):
    """One visit."""

    id: str
    kind: str
    at: str | None
    method: str
    url: str | None
    ip: str
    user_agent: str | None
    verdict: Annotated[str | None, Meta(description="human, privacy_proxy, machine or unknown; null: not judged yet.")]
    reasons: list[dict[str, Any]]
    earlier: Annotated[list[dict[str, Any]], Meta(description="What was thought before later visits came.")]


class ModeIn(In):
    """How much is tracked of an account, a stream or a recipient."""

    mode: Annotated[
        Literal["full", "deliverability", "off"] | None,
        Meta(description="How much; null takes a choice back.", examples=["off"]),
    ]
    stream: Annotated[str | None, Meta(description="Of this stream.", examples=["general"])] = None
    recipient: Annotated[str | None, Meta(description="Of this address; it comes before all other choices.")] = None
    source: Annotated[str, Meta(description="How it is known that they chose so, for a recipient.", max_length=300)] = (
        ""
    )


class ModeOut(Out):
    """A choice of how much is tracked."""

    scope: Annotated[str, Meta(description="account, stream or recipient.")]
    name: str
    mode: str | None
    source: str
    changed_at: str | None


ModePage, LinkPage, HitPage = page_of(ModeOut), page_of(LinkOut), page_of(HitOut)
