"""The JSON of credits."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from aftersend.web.shapes import In, Out, page_of

_ACCOUNT = Meta(description="The account that is meant, by name or number; without it, the key's own.")


class CreditPlan(Out):
    """How a purse is filled again and again."""

    amount: int
    period: Annotated[str, Meta(description="day, week, month or year.")]
    mode: Annotated[str, Meta(description="fill: up to the amount; add: the amount to what is there.")]
    renews_at: str | None


class Credits(Out):
    """What an account has."""

    counted: Annotated[bool, Meta(description="Whether its mail costs credits at all.")]
    available: Annotated[int | None, Meta(description="What it can spend; null if its mail costs none.")]
    reserved: Annotated[int, Meta(description="What is set aside for mail on its way.")]
    charged: Annotated[int, Meta(description="What mail has cost so far.")]
    plan: CreditPlan | None
    waiting: Annotated[int, Meta(description="Deliveries that wait for credits, each for 24 hours at the most.")]


class CreditEntry(Out):
    """What a person or a plan did to a purse."""

    id: str
    at: str
    kind: Annotated[str, Meta(description="top_up, taken, plan or renewal.")]
    amount: int
    available: Annotated[int, Meta(description="What was available then.")]
    who: str
    why: str


class CreditDay(Out):
    """What mail did to a purse on one day."""

    day: str
    reserved: int
    charged: int
    released: Annotated[int, Meta(description="Given back: it never left, or nobody took it.")]


class TopUpIn(In):
    """Credits put in, or taken out."""

    amount: Annotated[int, Meta(description="How many; a negative number takes some out.", examples=[1000])]
    why: Annotated[str, Meta(description="Kept in the ledger.", examples=["Invoice 4711"], max_length=500)] = ""
    account: Annotated[str | None, _ACCOUNT] = None


class CreditPlanIn(In):
    """A plan."""

    amount: Annotated[int, Meta(description="So many credits.", examples=[10_000], ge=1)]
    period: Annotated[str, Meta(description="day, week, month or year.", examples=["month"])] = "month"
    mode: Annotated[str, Meta(description="fill up to the amount, or add it to what is there.", examples=["fill"])] = (
        "fill"
    )
    account: Annotated[str | None, _ACCOUNT] = None


CreditEntries = page_of(CreditEntry)
CreditDays = page_of(CreditDay)
