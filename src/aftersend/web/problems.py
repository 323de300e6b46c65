"""Own what a client is told when something is wrong: RFC 9457, with an address of our own for every kind of problem.

The kinds are one closed list, shared with the replies over SMTP. A fault of ours says no more than that it is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aftersend.errors import AftersendError, BadField, BadFields, OutOfSpace, SettingsError, TryLater
from aftersend.web.allowance import TooManyRequests

MEDIA_TYPE = "application/problem+json"


class BadRequest(AftersendError):
    """The request itself cannot be read."""

    code = "bad-request"
    status = 400


class BadJson(BadRequest):
    """The body is not JSON."""

    code = "bad-json"


class WrongMethod(AftersendError):
    """There is such an address, but not with this method."""

    code = "method-not-allowed"
    status = 405

    def __init__(self, detail: str, allowed: str) -> None:
        super().__init__(detail)
        self.allowed = allowed


class WrongMediaType(AftersendError):
    """The body is of a type that is not taken here."""

    code = "unsupported-media-type"
    status = 415


class OurFault(AftersendError):
    """A bug of ours."""

    code = "our-fault"
    status = 500


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem as its help page shows it."""

    title: str
    means: str
    mend: str


_FIELD = "The field that `pointer` names (RFC 6901) says what is wrong with it."

KINDS: dict[str, Kind] = {
    "error": Kind(
        "The request could not be done",
        "Something in the request is wrong.",
        "Read `detail`: it says what, and how to mend it.",
    ),
    "bad-request": Kind(
        "The request cannot be read",
        "Its form is not that of a request that this server takes.",
        "Read `detail`, and compare with the description at /openapi.json.",
    ),
    "bad-json": Kind(
        "The body is not JSON",
        "The body of the request cannot be read as JSON (RFC 8259) in UTF-8.",
        "Check quotes, commas and brackets at the place that `detail` names.",
    ),
    "invalid-field": Kind(
        "A field is wrong",
        "One field of the request, or several, cannot be taken as they are; nothing was kept.",
        "Mend every field listed in `errors`; all of them are named at once.",
    ),
    "unknown-field": Kind(
        "There is no such field",
        "A field has a name that is not known here; most likely it is misspelt.",
        "Compare its name with the description at /openapi.json.",
    ),
    "missing-field": Kind("A field is missing", "A field that has to be there is not.", "Add it."),
    "undefined-tag": Kind(
        "A merge tag has no value",
        "The subject, the text, the HTML or a header has a merge tag such as `{{ name }}` for which the data of a recipient "
        "has no value; nothing was kept.",
        'Give the value in the recipient\'s data or in `data`, or write a default: `{{ name | default("friend") }}`.',
    ),
    "template-failed": Kind(
        "The merge tags cannot be used",
        "A tag or a block of the template language cannot be read, or takes too many steps.",
        "Mend the line that `detail` names.",
    ),
    "duplicate-recipient": Kind(
        "A recipient is named twice",
        "With data of their own, each recipient gets one copy; the same address stands in the list twice.",
        "Leave one of them.",
    ),
    "invalid-message": Kind(
        "The message cannot be taken",
        "Something in the message makes it impossible to send.",
        "Mend what `detail` names, then send it again.",
    ),
    "invalid-address": Kind(
        "An address cannot be used",
        "No email address can have this form.",
        "Correct it: an address looks like ann@example.com, with a name in front like Ann <ann@example.com>.",
    ),
    "invalid-subject": Kind(
        "The subject cannot be used",
        "A subject is one line, of 2,000 characters at most.",
        "Take line breaks and other controls out, or shorten it.",
    ),
    "invalid-text": Kind(
        "The text cannot be used", "It has half a character, which no mail can carry.", "Send whole Unicode characters."
    ),
    "invalid-instruction": Kind(
        "An instruction in the header cannot be followed",
        "A header field such as X-Aftersend-Send-At has a value that is not understood.",
        "`detail` names the field and what it takes.",
    ),
    "invalid-domain": Kind(
        "This is not a domain",
        "A sending domain is what stands behind the @ of your senders.",
        "Write it in full, such as example.com.",
    ),
    "too-many-attachments": Kind(
        "Too many attachments", "A message has 200 attachments at most.", "Put them into one archive, or link to them."
    ),
    "too-many-parts": Kind(
        "The message has too many parts", "Its structure is nested too deep, or has too many parts.", "Make it simpler."
    ),
    "invalid-header": Kind(
        "A header field cannot be used",
        "Its name or its value is not allowed in a message.",
        "Names have letters, digits and hyphens; values have no line breaks. Some names are set by this server alone.",
    ),
    "invalid-attachment": Kind(
        "An attachment cannot be used",
        "Its content is not base64, or its name or type cannot be used.",
        "Encode the file's bytes as base64 (RFC 4648), without line breaks, and give it a name and a type like application/pdf.",
    ),
    "invalid-time": Kind(
        "This is not a time",
        "A time could not be read.",
        "Write it as RFC 3339, such as 2026-12-01T09:00:00Z; in searches also how long ago, such as 24h.",
    ),
    "invalid-limit": Kind(
        "The page is too large or too small", "A page has 1 to 100 rows.", "Ask for fewer, and follow `next`."
    ),
    "invalid-cursor": Kind(
        "The place in the list is not known",
        "`after` and `before` take the id of a row, one of them at a time.",
        "Follow the addresses in `next` and `previous` as they are.",
    ),
    "unknown-status": Kind(
        "There is no such status", "The word is in none of the five vocabularies.", "`detail` lists the words."
    ),
    "mixed-status": Kind(
        "These statuses cannot be alternatives",
        "Words of the bounce categories and other words cannot be alternatives in one search.",
        "Search twice, or give the category as `reason`.",
    ),
    "unknown-fact": Kind(
        "There is no such fact", "The word names no fact in the life of an email.", "`detail` lists the facts."
    ),
    "unknown-reason": Kind(
        "There is no such reason", "The word names no reason for which mail comes back.", "`detail` lists the reasons."
    ),
    "unknown-action": Kind(
        "There is no such action", "The queue knows hold, release, retry and cancel.", "Choose one of them."
    ),
    "unknown-scope": Kind(
        "There is no such scope", "A key may have send, read, admin, operate, or * for all.", "Choose among them."
    ),
    "invalid-network": Kind(
        "This is not a network",
        "A key can be bound to networks, written as an address with the length of its prefix.",
        "Write 192.0.2.0/24 or 2001:db8::/32.",
    ),
    "no-recipient": Kind(
        "Nobody is named to send it to", "A message needs at least one recipient.", "Name one in to, cc or bcc."
    ),
    "too-many-recipients": Kind(
        "Too many recipients", "One message goes to so many recipients at most.", "Send several messages."
    ),
    "no-content": Kind(
        "The message is empty", "It has neither text, nor HTML, nor an attachment.", "Give text or html."
    ),
    "no-from": Kind(
        "Nobody is named as the author",
        "The message has no From header.",
        "Add one, such as From: Ann <ann@example.com>.",
    ),
    "mail-loop": Kind(
        "The message goes in circles",
        "It has passed more than a hundred servers.",
        "Look for a forwarding that leads back here.",
    ),
    "line-endings": Kind(
        "Line endings are wrong",
        "A message has lines that end with CR LF; a CR alone, or a NUL, can be read in two ways and is refused.",
        "Send the message as it was made, as bytes; from text, end every line with CR LF or with LF.",
    ),
    "unverified-domain": Kind(
        "The sender's domain is not verified",
        "This installation takes mail only from domains whose records were found.",
        "Add the domain, publish its records, then check it: aftersend domain add, records, check.",
    ),
    "unknown-stream": Kind(
        "There is no such stream",
        "The account has no stream of this name.",
        "`detail` lists the streams; make one with POST /v1/streams.",
    ),
    "unknown-template": Kind(
        "There is no such template",
        "The account has no template of this name.",
        "Save it with PUT /v1/templates/NAME, or correct the name.",
    ),
    "unknown-list": Kind(
        "There is no such list",
        "The account has no list of this name.",
        "Make it with POST /v1/lists, or correct the name.",
    ),
    "invalid-file": Kind(
        "The file cannot be used",
        "It is not a CSV file (RFC 4180) in UTF-8 with names of columns in its first line; nothing was kept.",
        "Mend what `detail` names.",
    ),
    "schedule-too-far": Kind(
        "Planned too far ahead", "Mail can be planned for a year ahead.", "Choose an earlier time."
    ),
    "too-many-tags": Kind("Too many tags", "A message has 20 tags at most.", "Leave some out."),
    "invalid-tag": Kind(
        "A tag cannot be used", "A tag has 1 to 128 printable characters.", "Shorten it, or take the odd character out."
    ),
    "too-much-metadata": Kind(
        "Too much metadata",
        "Metadata has 50 names and 2,000 characters in all at most.",
        "Keep it elsewhere, and put its id here.",
    ),
    "invalid-idempotency-key": Kind(
        "The idempotency key cannot be used",
        "It has 1 to 256 printable characters.",
        "Make it from your own id of what the message is about, such as order-4711/receipt.",
    ),
    "idempotency-key-reused": Kind(
        "The idempotency key was used for another message",
        "Within 24 hours one key means one message; this one came with other content.",
        "Use a new key for a new message. To repeat a request, repeat it exactly.",
    ),
    "too-large": Kind(
        "The message is too large",
        "It is over the size that this installation takes.",
        "Link to large files instead of attaching them.",
    ),
    "unauthenticated": Kind(
        "Who are you?",
        "No key was given, or it is not one of ours, or it was revoked.",
        "Send the header Authorization: Bearer as_live_…, with all of the key.",
    ),
    "not-allowed": Kind(
        "This key may not do that",
        "The key is valid, but not for this.",
        "Use another key, or ask whoever administers the account.",
    ),
    "scope-missing": Kind(
        "The key lacks a scope",
        "Each key may do only what its scopes say: send, read, admin, operate.",
        "Use a key with the scope that `detail` names.",
    ),
    "network-not-allowed": Kind(
        "The key may not be used from here",
        "The key is bound to networks, and the request came from another.",
        "Use it from there, or make a key without networks.",
    ),
    "not-found": Kind(
        "There is no such thing",
        "Nothing of this name exists for this account.",
        "Check the id; ids of other accounts are not found either.",
    ),
    "method-not-allowed": Kind(
        "Not with this method", "There is such an address, but it takes other methods.", "The header Allow lists them."
    ),
    "unsupported-media-type": Kind(
        "A body of this type is not taken here",
        "The Content-Type is not one that is understood here.",
        "Send application/json, or message/rfc822 for a whole message.",
    ),
    "conflict": Kind("It contradicts what is already there", "The request does not fit what exists.", "Read `detail`."),
    "no-public-address": Kind(
        "Recipients cannot reach this service",
        "A link in a mail needs an address of the web at which this service answers.",
        "Set `tracking.url` and `tracking.listen`.",
    ),
    "broadcast-state": Kind(
        "The broadcast is in another state",
        "Only a draft can be changed or started, only what is under way can be paused or cancelled.",
        "Look at its `state`.",
    ),
    "import-state": Kind(
        "The import is in another state",
        "Only a file that was looked at with `preview`, and that was read to its end, waits to be kept.",
        "Look at its `state`.",
    ),
    "not-good-enough": Kind(
        "The broadcast is not good enough to be started",
        "This installation wants a quality score, and it is too low, or the broadcast was not scored since it was changed.",
        "Score it (`POST /v1/broadcasts/ID/score`), mend what it says, and score it again.",
    ),
    "cannot-hold": Kind(
        "It cannot be held", "Only what has not ended and is not being worked on can be held.", "Read `detail`."
    ),
    "cannot-release": Kind("It cannot be released", "Only what is on hold can be released.", "Read `detail`."),
    "cannot-retry": Kind(
        "It cannot be tried again",
        "Only what has not ended can be tried now; what has ended is sent again as a new message.",
        "Read `detail`.",
    ),
    "cannot-reschedule": Kind(
        "It cannot be planned anew",
        "Only a message that was planned for a later time, and whose time has not come, can be given another.",
        "Read `detail`.",
    ),
    "cannot-cancel": Kind(
        "It cannot be cancelled", "What has ended, or was handed over, cannot be called back.", "Read `detail`."
    ),
    "too-many-requests": Kind(
        "Too many tries", "Too many wrong keys came from one address.", "Wait for the time in Retry-After."
    ),
    "rate-limited": Kind(
        "Too many requests",
        "The key has made as many requests as it may in this time; nothing was kept of this one.",
        "Wait for the time in Retry-After. The header RateLimit of every answer says how many are left.",
    ),
    "try-later": Kind(
        "Not just now",
        "It cannot be done at this moment, and nothing was kept.",
        "Repeat the same request after the time in Retry-After; with an idempotency key that is safe.",
    ),
    "out-of-space": Kind(
        "The disk is full", "This server has no room left; nothing was kept.", "Whoever runs it has to free some space."
    ),
    "settings": Kind(
        "A setting cannot be used",
        "This server is not set up for that.",
        "Whoever runs it has to mend the setting that `detail` names.",
    ),
    "our-fault": Kind(
        "A fault of ours",
        "Something went wrong in this server; the request is not to blame.",
        "Try again. If it happens again, tell whoever runs this server the `request_id`.",
    ),
}
"""Every kind of problem, and every finer code that `errors` may have."""

_FALLBACK = KINDS["error"]


def kind_of(code: str) -> Kind:
    """Return what a code means."""
    return KINDS.get(code, _FALLBACK)


def told(error: AftersendError, *, url: str, instance: str, request_id: str) -> dict[str, Any]:
    """Write an error as a problem (RFC 9457)."""
    fields = error.fields if isinstance(error, BadFields) else [error] if isinstance(error, BadField) else []
    code = "invalid-field" if fields else error.code
    problem: dict[str, Any] = {
        "type": f"{url}/p/{code}",
        "title": kind_of(code).title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "request_id": request_id,
    }
    if fields:
        problem["errors"] = [{"pointer": field.pointer, "code": field.code, "detail": field.detail} for field in fields]
    return problem


def headers(error: AftersendError) -> dict[str, str]:
    """Return the header fields that a problem's answer carries."""
    if isinstance(error, WrongMethod):
        return {"allow": error.allowed}
    if error.status == 401:
        return {"www-authenticate": 'Bearer realm="aftersend"'}
    if error.status == 413:
        return {"connection": "close"}
    if isinstance(error, TooManyRequests):
        return {"retry-after": str(error.retry_s)}
    if error.status == 429:
        return {"retry-after": "60"}
    if isinstance(error, OutOfSpace):
        return {"retry-after": "60"}
    if isinstance(error, TryLater):
        return {"retry-after": "2"}
    return {}


def public(error: Exception) -> AftersendError:
    """Return what of an error may be shown: the error itself if the caller can mend it, else that it is our fault."""
    if isinstance(error, AftersendError) and not isinstance(error, SettingsError):
        return error
    return OurFault(
        "A fault of ours; nothing was kept. Try again, and tell whoever runs this server the request_id if it stays."
    )
