"""Own the JSON of the API as types: what it takes is checked by them, what it gives is described and tested by them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from aftersend.intake.accept import METADATA_MOST, TAG_LENGTH, TAGS_MOST


def _says(text: str, *examples: Any, **bounds: Any) -> Meta:
    return Meta(description=text, examples=list(examples) or None, **bounds)


class In(Struct, forbid_unknown_fields=True):
    """What is taken: a field that is not known is refused."""


class Out(Struct, forbid_unknown_fields=True):
    """What is given. Fields may be added in time; none goes."""


PERSONAL_MOST = 1000
"""Recipients with data of their own in one request."""

# ---- submission ----------------------------------------------------------------------------------------------------

Mailboxes = str | list[str]


class AttachmentIn(In):
    """A file that goes with a message."""

    filename: Annotated[str, _says("Its name.", "invoice.pdf", min_length=1, max_length=255)]
    content: Annotated[str, _says("Its bytes as base64 (RFC 4648).", "JVBERi0xLjQK")]
    content_type: Annotated[
        str | None, _says("Its type; without one, application/octet-stream.", "application/pdf")
    ] = None
    content_id: Annotated[str | None, _says("By which the HTML names an inline image: `cid:logo`.", "logo")] = None


class TrackIn(In):
    """What is tracked of a message."""

    mode: Annotated[
        Literal["full", "deliverability", "off"] | None,
        _says("How much: all; only on which day an address last read its mail; nothing."),
    ] = None
    opens: Annotated[bool | None, _says("Whether opening is noticed.")] = None
    clicks: Annotated[bool | None, _says("Whether following links is noticed.")] = None


class RecipientIn(In):
    """One recipient who gets a copy of his own, made with his data."""

    to: Annotated[str, _says("The address, with or without a name.", "Ann <ann@example.net>")]
    data: Annotated[dict[str, Any], _says("The values of the merge tags.", {"name": "Ann"})] = {}


class MessageIn(In):
    """A message to be sent to one or many recipients."""

    from_: Annotated[str, _says("The author, with or without a name.", "Shop <shop@example.com>")] = field(name="from")
    to: Annotated[
        Mailboxes, _says("Recipients: an address, a list of addresses, or text with commas.", ["Ann <ann@example.net>"])
    ] = []
    cc: Annotated[Mailboxes, _says("Recipients of a copy.")] = []
    bcc: Annotated[Mailboxes, _says("Recipients whom the others do not see.")] = []
    recipients: Annotated[
        list[RecipientIn],
        _says(
            "In place of to, cc and bcc: recipients who each get a copy made for them; `{{ name }}` in subject, text, HTML and "
            "headers is filled from their data.",
            max_length=PERSONAL_MOST,
        ),
    ] = []
    data: Annotated[
        dict[str, Any] | None,
        _says(
            "Values of merge tags that are the same for all recipients; what a recipient's own data says comes first. With "
            "to, cc and bcc the message is filled once.",
            {"shop": "Shoes"},
        ),
    ] = None
    reply_to: Annotated[Mailboxes, _says("Where answers should go.")] = []
    subject: Annotated[str, _says("The subject.", "Your receipt")] = ""
    text: Annotated[str | None, _says("The text for programs that show no HTML.", "Thank you.")] = None
    html: Annotated[str | None, _says("The HTML.", "<p>Thank you.</p>")] = None
    headers: Annotated[
        dict[str, str], _says("Further header fields, by name.", {"X-Order": "4711"}, max_length=50)
    ] = {}
    attachments: Annotated[list[AttachmentIn], _says("Files.", max_length=100)] = []
    template: Annotated[
        str | None,
        _says(
            "A saved template, which gives subject, text and HTML where the message does not.",
            "receipt",
        ),
    ] = None
    stream: Annotated[str | None, _says("The stream; without one, transactional.", "transactional")] = None
    tags: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=TAG_LENGTH)]],
        _says("Words to find it by.", ["receipt"], max_length=TAGS_MOST),
    ] = []
    metadata: Annotated[
        dict[str, str],
        _says("Your own data; 2,000 characters in all.", {"order": "4711"}, max_length=METADATA_MOST),
    ] = {}
    scheduled_at: Annotated[str | None, _says("When to send it: RFC 3339, within a year.", "2026-12-01T09:00:00Z")] = (
        None
    )
    track: Annotated[TrackIn | None, _says("What is tracked; without it, as the stream says.")] = None
    sandbox: Annotated[bool, _says("Treat it as real, deliver it to nobody.")] = False


class AcceptedDelivery(Out):
    """One recipient of a message that was taken."""

    id: Annotated[str, _says("The id of the delivery.", "dlv_01j9z3k8m4q2w")]
    recipient: Annotated[str, _says("The address.", "ann@example.net")]
    status: Annotated[str, _says("The fact that it stands at.", "received")]


class Accepted(Out):
    """A message that was taken and written down."""

    id: Annotated[str, _says("The id of the message.", "msg_01j9z3k8m4q2w")]
    status: Annotated[Literal["received"], _says("It is kept; what becomes of it is said for each delivery.")]
    deliveries: Annotated[list[AcceptedDelivery], _says("One for each recipient.")]


class FieldProblem(Out):
    """One field that is wrong."""

    pointer: Annotated[str, _says("The field (RFC 6901).", "#/to/0")]
    code: Annotated[str, _says("What kind of fault it is.", "invalid-address")]
    detail: Annotated[str, _says("What is wrong and how to mend it.")]


class Problem(Out):
    """Something is wrong (RFC 9457)."""

    type: Annotated[str, _says("The address of a page that explains this kind of problem.")]
    title: str
    status: int
    detail: Annotated[str, _says("What is wrong and how to mend it.")]
    instance: Annotated[str, _says("The path that was asked for.")]
    request_id: Annotated[str, _says("By which the request is found in the log.")]
    errors: Annotated[list[FieldProblem], _says("Every field that is wrong.")] = []


class BatchResult(Out):
    """What became of one message of a batch."""

    status: Annotated[int, _says("As if it had been sent alone.", 202)]
    message: Annotated[Accepted | None, _says("If it was taken.")] = None
    replayed: Annotated[bool, _says("Whether it had been taken before, with the same idempotency key.")] = False
    problem: Annotated[Problem | None, _says("If it was not.")] = None


class Batch(Out):
    """What became of each message of a batch, in their order."""

    object: Literal["list"]
    data: list[BatchResult]
    accepted: int
    refused: int


# ---- the log -------------------------------------------------------------------------------------------------------


class Status(Out):
    """What became of it, in the words of the five vocabularies."""

    result: Annotated[str, _says("Delivery result (001).", "Delivered")]
    lifecycle: Annotated[str, _says("Status in the life cycle (004).", "Bounce (Hardbounce)")]
    activity: Annotated[
        list[str], _says("The boxes of email activity that it lies in (003).", ["Requests", "Delivered"])
    ]
    category: Annotated[str | None, _says("Category of the latest bounce (002).", "Hard")]
    reason: Annotated[str | None, _says("Reason of the latest bounce (002).", "Invalid recipient")]
    icon: Annotated[str, _says("The icon (000).", "Sent")]


class Next(Out):
    """What happens next."""

    sentence: str
    at: Annotated[str | None, _says("When; null if nothing more happens.")]
    at_us: Annotated[int | None, _says("The same in microseconds since 1970.")]


class Later(Out):
    """News that did not move the headline and stands beside it."""

    fact: str
    words: Annotated[str, _says("As it is said behind the headline.", "later returned: mailbox full")]
    why: str
    at: str | None
    at_us: int | None


class DeliveryRow(Out):
    """One row of the email log: one message to one recipient."""

    id: str
    message_id: str
    rfc_message_id: str
    recipient: str
    sender: Annotated[str, _says("The envelope's sender.")]
    from_: str = field(name="from")
    provider: Annotated[str, _says("Who provides the recipient's mailbox; else the domain.", "Google")] = ""
    subject: str = ""
    stream: str = ""
    via: Annotated[str, _says("smtp, http, broadcast, or resend.")] = ""
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    size: int = 0
    broadcast_id: str | None = None
    created_at: str = ""
    changed_at: str = ""
    scheduled_at: str | None = None
    headline: Annotated[str, _says("The result, with all later news.", "Delivered, later returned: mailbox full")] = ""
    status: Status | None = None
    ended: bool = False
    why: Annotated[str, _says("Why, in plain words.")] = ""
    who_must_act: Annotated[str, _says("Whose turn it is.", "nobody")] = ""
    advice: str = ""
    next: Next | None = None
    later: list[Later] = []
    facts: list[str] = []
    tries: int = 0
    reason: Annotated[str | None, _says("The identifier of the reason.", "mailbox_full")] = None
    detail: str | None = None
    said: Annotated[str | None, _says("What the other side said; its words are not to be trusted.")] = None
    suggested_address: Annotated[
        str | None, _says("Where the address does not exist: the one that was probably meant.", "ann@gmail.com")
    ] = None


class Event(Out):
    """One thing that happened to a delivery."""

    id: str
    delivery_id: str
    type: Annotated[str, _says("delivery.FACT, or delivery. and what else happened.", "delivery.deferred")]
    fact: str | None
    sentence: str
    occurred_at: str
    recorded_at: str
    reason: str | None
    detail: str | None
    enhanced_status: Annotated[str | None, _says("RFC 3463.", "5.1.1")]
    evidence: Annotated[dict[str, Any] | None, _says("The raw proof, for as long as it is kept.")]


class Suppression(Out):
    """An address that is not mailed."""

    recipient: str
    stream: Annotated[str, _says("Empty for all streams.")]
    cause: Annotated[str, _says("bounced, unsubscribed, complained, soft_bounces, or what a person wrote.")]
    origin: Annotated[
        str, _says("learned by this service, configured by a person, or platform: listed for all accounts.")
    ]
    created_at: str
    expires_at: str | None
    delivery_id: Annotated[str | None, _says("The delivery that taught it.")]
    evidence: dict[str, Any] | None


class Delivery(DeliveryRow):
    """One delivery whole: its row, how we know, everything that happened."""

    known_by: list[str] = []
    suppressed: Annotated[
        list[Suppression], _says("What stands now on the lists of addresses that are not mailed, for this recipient.")
    ] = []
    received: Annotated[dict[str, Any] | None, _says("How the message came in.")] = None
    received_at: str = ""
    envid: str | None = None
    events: list[Event] = []


class Outcomes(Out):
    """An audience, and what has become of it."""

    audience: int
    conserved: Annotated[bool, _says("Whether everybody is accounted for.")]
    ended: int
    under_way: int
    returned_later: int
    by_outcome: dict[str, int]


class Message(Out):
    """A message that was taken, and what has become of it in numbers."""

    id: str
    rfc_message_id: str
    sender: str
    from_: str = field(name="from")
    subject: str = ""
    stream: str = ""
    via: str = ""
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    size: int = 0
    received_at: str = ""
    scheduled_at: str | None = None
    received: dict[str, Any] | None = None
    envid: str | None = None
    outcomes: Annotated[Outcomes | None, _says("What became of it; null on a list, where it is not counted.")] = None


class PlanIn(In):
    """Another time for a message that was planned for later."""

    scheduled_at: Annotated[
        str,
        _says(
            "When to send it: RFC 3339, within a year; a time that has passed means at once.", "2026-12-01T09:00:00Z"
        ),
    ]
    why: Annotated[str, _says("For the ledger.", "the sale begins later", max_length=500)] = ""


class ActionIn(In):
    """A verb on all deliveries that a filter finds and that have not ended; `resend` is for those that have."""

    action: Annotated[Literal["hold", "release", "retry", "cancel", "resend"], _says("What to do.", "hold")]
    filter: Annotated[
        dict[str, str | list[str]],
        _says("The words of the search, at least one; a list means or.", {"domain": "example.net"}, min_length=1),
    ]
    preview: Annotated[bool, _says("Only count.")] = False
    after: Annotated[str | None, _says("Go on behind this delivery: `next` of the answer before.")] = None
    limit: Annotated[int, _says("So many deliveries at the most in this request.", ge=1, le=20_000)] = 20_000
    why: Annotated[str, _says("For the ledger.", "their server is down", max_length=500)] = ""


class ActionDone(Out):
    """What a verb did."""

    action: str
    preview: bool
    matched: Annotated[int, _says("How many were found.")]
    done: int
    skipped: Annotated[dict[str, int], _says("How many were left alone, by reason.")]
    more: Annotated[bool, _says("Whether there were too many for one request; ask again.")]
    next: Annotated[str | None, _says("Where to go on when there are more; give it as `after`.")] = None


class Refusal(Out):
    """A submission that got an error reply; no delivery follows from it (004: Error)."""

    id: str
    via: str
    peer: str
    sender: str | None
    recipient: str | None
    code: str
    said: str
    occurred_at: str


# ---- reports -------------------------------------------------------------------------------------------------------


class Count(Out):
    """A word, and how many it counts."""

    word: str
    meaning: str
    count: int


class Report(Out):
    """One vocabulary with its numbers."""

    report: str
    vocabulary: str
    seed: str
    title: str
    question: str
    since: str | None
    until: str | None
    stream: str | None
    counts: list[Count]


class SeriesPoint(Out):
    """The numbers of one step, in the order of the series' words."""

    at: str
    counts: list[int]


class Series(Out):
    """One vocabulary's numbers over time."""

    report: str
    step: str
    since: str
    until: str
    stream: str | None
    words: list[str]
    points: list[SeriesPoint]


class Need(Out):
    """One thing that needs somebody."""

    id: Annotated[str, _says("What kind of thing.", "addresses_to_update")]
    severity: Annotated[Literal["critical", "warning", "notice"], _says("How bad it is.")]
    number: int
    sentence: str
    advice: str
    who_must_act: str
    list: Annotated[str, _says("Where the list behind the number is.")]


class Attention(Out):
    """What needs somebody now, worst first."""

    since: str
    items: list[Need]


class Conservation(Out):
    """Whether everybody is accounted for."""

    since: str | None
    until: str | None
    stream: str | None
    audience: int
    conserved: bool
    ended: int
    under_way: int
    returned_later: int
    by_outcome: dict[str, int]


# ---- administration ------------------------------------------------------------------------------------------------


class SuppressionIn(In):
    """Why an address is not to be mailed."""

    cause: Annotated[str, _says("A word for lists and statistics.", "manual", min_length=1, max_length=60)] = "manual"
    why: Annotated[str, _says("For whoever asks later.", "asked by phone", max_length=500)] = ""
    stream: Annotated[str, _says("One stream only; empty for all.", max_length=63)] = ""
    expires_at: Annotated[str | None, _says("Until when: RFC 3339; without it, for ever.")] = None
    everywhere: Annotated[bool, _says("For all accounts; needs the scope `operate`.")] = False


class SuppressionPut(Suppression):
    """The entry that stands after an address was put on a list."""

    kept: Annotated[
        bool, _says("Whether a complaint or an opt-out stood there and stays as it is: adding never weakens it.")
    ]
    says: Annotated[str, _says("What is so now, in a sentence.")]


class KeyIn(In):
    """A key to be made."""

    name: Annotated[str, _says("What it is for.", "web shop", min_length=1, max_length=100)]
    scopes: Annotated[
        list[str],
        _says("send, read, admin, operate (for those who run the installation), or * for all.", ["send"], min_length=1),
    ] = field(default_factory=lambda: ["send"])
    networks: Annotated[
        list[str], _says("From where it may be used; empty for anywhere.", ["192.0.2.0/24"], max_length=50)
    ] = []
    kind: Annotated[Literal["live", "test"], _says("Written into the key, so that people can tell.")] = "live"


class KeyOut(Out):
    """A key, without its secret."""

    id: str
    name: str
    prefix: Annotated[str, _says("The beginning of the key.", "as_live_3fT9xQ")]
    scopes: list[str]
    networks: list[str]
    created_at: str
    used_at: str | None
    revoked_at: str | None


class NewKey(KeyOut):
    """A key that was just made; the secret is shown this once."""

    key: str


class DomainIn(In):
    """A sending domain to be added."""

    name: Annotated[str, _says("The domain behind the @ of your senders.", "example.com", min_length=1, max_length=255)]
    sign_now: Annotated[bool, _says("Sign before the records of the keys have been seen in the DNS.")] = False


class Selectors(Out):
    """New signing keys, by the names under which their records are to be published."""

    selectors: list[str]


class DomainOut(Out):
    """A sending domain."""

    name: str
    created_at: str
    verified_at: str | None
    checked_at: str | None
    signs: Annotated[bool, Meta(description="Whether mail from it is signed: a key's record was seen in the DNS.")]
    findings: list[dict[str, Any]]


class StreamIn(In):
    """A stream to be made, or to be given another kind or lifetime."""

    name: Annotated[str, _says("Its name.", "receipts", pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]
    kind: Annotated[Literal["transactional", "general", "broadcast"], _says("How it is treated.")] = "transactional"
    lifetime_hours: Annotated[float, _says("For how long its mail is tried.", 12, gt=0, le=240)] = 12
    hours: Annotated[
        str,
        _says("In which hours its mail goes out; empty for any.", "mon-fri 09:00-17:00 Europe/Berlin", max_length=100),
    ] = ""
    rate: Annotated[str, _says("How fast its mail goes out; empty for no limit.", "600/hour", max_length=40)] = ""


class StreamOut(Out):
    """A stream."""

    name: str
    kind: str
    lifetime_hours: float
    hours: str
    rate: str


class Waiting(Out):
    """What waits at one stage of the queue."""

    stage: Annotated[str, _says("treatment, delivery, held, relayed, set_aside, depleted or moderation.")]
    deliveries: int
    claimed: Annotated[int, _says("Being worked on at this moment.")]
    first_due_at: str | None
    last_due_at: str | None


class Account(Out):
    """The account that the key belongs to."""

    id: str
    name: str
    created_at: str
    key: KeyOut


class Audit(Out):
    """A change, and who made it."""

    id: str
    who: str
    did: str
    what: str
    occurred_at: str


class Check(Out):
    """One thing that has to be in order."""

    name: str
    ok: bool
    detail: str


class Ready(Out):
    """Whether this server can do its work."""

    status: str
    version: str
    checks: list[Check]


class Health(Out):
    """Whether this process answers."""

    status: str
    version: str


def page_of(kind: type[Struct], **more: Any) -> Any:
    """Return the type of a page of a list."""
    fields: list[Any] = [("object", Literal["list"]), ("data", list[kind])]  # type: ignore[valid-type]
    fields += [("has_more", bool), ("next", str | None, None), ("previous", str | None, None)]
    fields += [("count", int | None, None), ("count_is_exact", bool | None, None)] if more.get("counted") else []
    return msgspec.defstruct(f"{kind.__name__}Page", fields, bases=(Out,), namespace={"__doc__": "A part of a list."})


DeliveryPage = page_of(DeliveryRow, counted=True)
MessagePage = page_of(Message)
EventPage = page_of(Event)
RefusalPage = page_of(Refusal)
SuppressionPage = page_of(Suppression)
KeyPage = page_of(KeyOut)
DomainPage = page_of(DomainOut)
StreamPage = page_of(StreamOut)
WaitingPage = page_of(Waiting)
AuditPage = page_of(Audit)


class RecordOut(Out):
    """One DNS record to publish."""

    purpose: str
    host: Annotated[str, _says("The full name.")]
    relative: Annotated[str, _says("The name as a DNS provider's form wants it.")]
    kind: str
    value: str
    is_required: bool
    why: str
    ttl: int
    zone_line: Annotated[str, _says("The record as a line of a zone file.")]
    strings: Annotated[list[str], _says("The text cut into strings of 255 octets.")] = []


RecordPage = page_of(RecordOut)

EXAMPLES: dict[str, Any] = {
    "makeWebhook": {"url": "https://hooks.example.com/mail", "events": ["delivery.bounced"]},
    "chooseTracking": {"mode": "off", "stream": "general"},
    "send": {
        "from": "Shop <shop@example.com>",
        "to": ["Ann <ann@example.net>"],
        "subject": "Your receipt",
        "text": "Thank you.",
        "html": "<p>Thank you.</p>",
        "attachments": [{"filename": "hello.txt", "content": "SGVsbG8K", "content_type": "text/plain"}],
        "tags": ["receipt"],
        "metadata": {"order": "4711"},
    },
    "sendBatch": [
        {"from": "shop@example.com", "to": "ann@example.net", "subject": "One", "text": "1"},
        {"from": "shop@example.com", "to": "bob@example.net", "subject": "Two", "text": "2"},
    ],
    "actOnDeliveries": {"action": "hold", "filter": {"domain": "example.net"}, "preview": True},
    "createKey": {"name": "web shop", "scopes": ["send"]},
    "decideModeration": {"action": "quarantine", "state": "pending", "reason": "Name the list that people joined."},
    "setModerationPolicy": {"mode": "watch"},
    "setThrottle": {"scope": "domain", "name": "example.net", "rate": "600/hour"},
    "topUpCredits": {"amount": 1000, "why": "Invoice 4711"},
    "setCreditPlan": {"amount": 10_000, "period": "month"},
    "addDomain": {"name": "example.com"},
    "setStream": {"name": "receipts", "kind": "transactional", "lifetime_hours": 12},
    "putSuppression": {"why": "asked by phone"},
    "scoreRecipients": {"addresses": ["ann@example.net", "bob@gmial.com"]},
    "scoreMessage": {
        "from": "Shop <shop@example.com>",
        "to": ["Ann <ann@example.net>"],
        "subject": "What is new",
        "text": "Dear Ann",
        "headers": {"List-Unsubscribe": "<https://example.com/u/4711>"},
    },
    "createContact": {"name": "Ann", "addresses": [{"address": "ann@example.net"}], "attributes": {"city": "Vienna"}},
    "createList": {"name": "newsletter", "about": "Every month"},
}
"""An example of what each operation takes; every one is tried by the tests."""
