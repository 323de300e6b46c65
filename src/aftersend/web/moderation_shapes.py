"""The JSON of moderation."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from aftersend.web.shapes import In, Out, page_of

_ACCOUNT = Meta(description="The account that is meant, by name or number; * for all. Without it, the key's own.")


class Judged(Out):
    """A message that was judged, and what was decided."""

    id: str
    account: str
    state: Annotated[str, Meta(description="pending, accepted, quarantined, or passed: nothing speaks against it.")]
    why: Annotated[str, Meta(description="Why a person has to look, in plain words.")]
    subject: str
    from_: str = field(name="from")
    sender: str
    stream: str
    via: str
    recipients: int
    findings: Annotated[list[dict[str, Any]], Meta(description="Each rule that matched, with its sentence.")]
    engines: Annotated[list[dict[str, Any]], Meta(description="What each anti-spam engine said, or why it did not.")]
    received_at: str
    decided_at: str | None
    decided_by: str | None
    reason: Annotated[str | None, Meta(description="What the moderator told the sender.")]


class JudgedWhole(Judged):
    """A message before the moderator, with what a person needs to decide."""

    first_recipients: list[str]
    content: Annotated[str, Meta(description="The message, 64 KB of it at the most. It is hostile text.")]


class DecisionIn(In):
    """A decision about messages."""

    action: Annotated[str, Meta(description="accept or quarantine.", examples=["accept"])]
    ids: Annotated[list[str], Meta(description="The messages (msg_…).")] = field(default_factory=list)
    state: Annotated[str | None, Meta(description="Instead of ids: all messages in this state …")] = None
    rule: Annotated[str | None, Meta(description="… that this rule found …")] = None
    q: Annotated[str | None, Meta(description="… with this in the subject or the sender.")] = None
    account: Annotated[str | None, _ACCOUNT] = None
    reason: Annotated[str, Meta(description="Why; the sender sees it. A no needs one.", max_length=500)] = ""
    teach: Annotated[bool, Meta(description="Let the anti-spam engines learn from it.")] = False
    preview: Annotated[bool, Meta(description="Only say how many messages it would be.")] = False
    after: Annotated[str | None, Meta(description="Go on behind this message: `next` of the answer before.")] = None
    limit: Annotated[int, Meta(description="So many messages at the most in this request.", ge=1, le=20_000)] = 20_000


class Decided(Out):
    """What a decision did."""

    done: int
    skipped: Annotated[dict[str, int], Meta(description="How many were left alone, by why.")]
    matched: Annotated[int, Meta(description="How many were found.")]
    more: Annotated[bool, Meta(description="Whether there were too many for one request; ask again.")] = False
    next: Annotated[str | None, Meta(description="Where to go on when there are more; give it as `after`.")] = None


class OversightIn(In):
    """How mail is moderated."""

    mode: Annotated[
        str,
        Meta(
            description="off; watch: what looks like spam; new: also a sender's first messages; all: everything.",
            examples=["watch"],
        ),
    ]
    first: Annotated[int, Meta(description="So many messages of a new sender, in mode new.", ge=0, le=1000)] = 3
    account: Annotated[str | None, _ACCOUNT] = None


class OversightOut(Out):
    """How mail is moderated."""

    mode: str
    first: int
    is_own: Annotated[bool, Meta(description="Whether it was set for this account, and not for all.")]
    pending: Annotated[int, Meta(description="Messages that await a moderator.")]


JudgedPage = page_of(Judged)
