"""Turn a message that a client hands in into rows, and wait until they are durable.

Both faces come here, so what is refused by SMTP is refused by HTTP, with the same words. Nothing is half kept: a message
is either written with a row for every recipient, or refused with a reason that names what to mend.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec

from aftersend import ids
from aftersend.clock import SECOND, Clock, Instant
from aftersend.errors import BadField, NotAllowed, SubmissionError, TooLarge
from aftersend.ids import IdSource
from aftersend.intake.tracking import Tracking
from aftersend.mail import headers as mail_headers
from aftersend.mail import instructions, tracked
from aftersend.mail.compiled import FLAG_COMPILED, Compiled
from aftersend.mail.tracked import Tracker
from aftersend.policy import gates, pace, structure, windows
from aftersend.policy import throttles as throttling
from aftersend.policy.gates.schedule import check_ahead
from aftersend.policy.moderation import OFF, Oversight
from aftersend.policy.pace import Pace, Rate
from aftersend.policy.score.typos import suggest
from aftersend.policy.verdict import PASS
from aftersend.policy.windows import Window
from aftersend.store import Store, accounts, credits, moderation, record, throttles, tracking_modes, turns
from aftersend.store.accounts import Stream
from aftersend.store.queue import Claim

RECEIVED_HEADERS_MOST = 100
"""More Received lines than this mean a loop (RFC 5321 §6.3)."""
TAGS_MOST = 20
TAG_LENGTH = 128
METADATA_MOST = 50
METADATA_LENGTH = 2000
FLAG_8BIT = 1
FLAG_UTF8 = 2
FLAG_RET_FULL = 4
FLAG_RET_HDRS = 8
FLAG_OWN = 32
"""A report of ours to a sender: it costs nothing."""
NEVER_SENT_ON = frozenset({"bcc", "resent-bcc", "return-path"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Who hands a message in, and by which way."""

    account_id: int
    via: str
    """`smtp`, `http` or `broadcast`."""
    peer: str
    hello: str = ""
    tls: str = ""
    key_id: int | None = None
    user: str = ""


class Recipient(NamedTuple):
    """One recipient: the address as given, its folded form and its domain (A-label), and what was asked for it (RFC 3461)."""

    address: str
    folded: str
    domain: str
    notify: str | None = None
    orcpt: str | None = None


@dataclass(slots=True)
class Request:
    """A message as it is handed in. What is None here may be said by headers of the message itself."""

    origin: Origin
    sender: str
    recipients: Sequence[Recipient]
    content: bytes
    stream: str | None = None
    tags: Sequence[str] | None = None
    metadata: Mapping[str, str] | None = None
    send_at: Instant | None = None
    idempotency_key: str | None = None
    track: dict[str, Any] | None = None
    envid: str | None = None
    ret: str | None = None
    smtputf8: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    compiled: Compiled | None = None
    """What is made for each recipient; `content` is then its header as it is shown."""
    personal: Sequence[str] | None = None
    """The data of each recipient, JSON, in their order."""
    tracker: Tracker | None = None
    """What has rewritten `compiled`, with its links."""
    fingerprint: bytes | None = None
    """Names what was asked for, for the idempotency key, where `content` does not."""
    broadcast_id: int | None = None
    """The broadcast whose message it is; its recipients are written down later."""


@dataclass(slots=True)
class Fresh:
    """A recipient as the gates see it before the store has been asked."""

    recipient: str
    domain: str
    stream: str
    scheduled_us: Instant | None
    suppressed: str | None = None
    suppression_origin: str | None = None
    suppressed_until: Instant | None = None
    window: Window | None = None
    facts: int = 0
    pace: Pace | None = None
    known: gates.Known | None = None
    has_waited: bool = False


class Taker(Protocol):
    """Delivers at once what was just taken in, without a way through the queue; the courier."""

    def reserve(self, deliveries: int, size: int) -> int:
        """Return the node that takes so many deliveries of so many bytes each; 0 if they are to wait for their turn."""

    def bring(self, node: int, deliveries: int, size: int, claims: Sequence[Claim], body: bytes) -> None:
        """Hand over what became of so many deliveries that a node reserved; none if they were not written down."""


class Intake:
    """Takes messages in for all accounts. Made once; `refresh` keeps up with what people change."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids_: IdSource,
        *,
        hostname: str,
        max_size: int,
        refuse_unverified: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids_
        self._hostname = hostname
        self.max_size = max_size
        self._refuse_unverified = refuse_unverified
        self.streams: dict[tuple[int, str], Stream] = {}
        self.domains: dict[tuple[int, str], bool] = {}
        self.lifetimes: dict[str, float] = {}
        self.metered: frozenset[int] = frozenset()
        """Accounts whose mail costs credits: it is treated before it goes to delivery."""
        self.tracking = Tracking()
        self.throttles = throttling.Throttles()
        self.taker: Taker | None = None
        """Who takes what has passed its gates; without one, all of it is claimed from the queue."""
        self.oversight: dict[int, Oversight] = {}
        """How mail is moderated, by account; 0 for all others."""
        self._date = (0, "")
        self._refreshing = asyncio.Lock()

    async def refresh(self) -> None:
        """Read again what is kept in memory: streams, domains, and whose mail is looked at.

        One at a time: who asks after a change must not be overtaken by what was read before it.
        """
        async with self._refreshing:
            self.streams = await self._store.ask(accounts.all_streams)
            self.domains = await self._store.ask(accounts.all_domains)
            self.tracking.modes = await self._store.ask(tracking_modes.general)
            self.metered = await self._store.ask(credits.metered)
            self.throttles = throttling.read(await self._store.ask(throttles.everything))
            overseen = await self._store.ask(moderation.overseen)
            self.oversight = {account: Oversight(*rule) for account, rule in overseen.items()}

    def accept(self, request: Request) -> asyncio.Future[record.Receipt]:
        """Take a message in; the future has the receipt once it is durable. Raise SubmissionError at once if it is refused."""
        submission = self.submission(request)
        passed = 0 if self.taker is None else sum(entry.passed for entry in submission.entries)
        if self.taker is None or not passed:
            return self._store.join(record.accepted, submission)
        submission.holder = self.taker.reserve(passed, record.size(submission))
        written = self._store.join(record.accepted, submission)
        if not submission.holder:
            return written
        written.add_done_callback(partial(self._bring, submission, passed))
        return asyncio.shield(written)  # who stops waiting for the receipt must not stop what is held from going out

    def _bring(self, submission: record.Submission, reserved: int, written: asyncio.Future[record.Receipt]) -> None:
        assert self.taker is not None
        is_kept = not written.cancelled() and written.exception() is None
        claims = record.claims(submission) if is_kept else ()
        self.taker.bring(submission.holder, reserved, record.size(submission), claims, submission.body[2])

    def submission(self, request: Request) -> record.Submission:
        """Turn a request into rows. Raise SubmissionError that names the field and the remedy."""
        content = request.content
        if len(content) > self.max_size:
            raise TooLarge(f"The message has {len(content)} bytes; this server takes {self.max_size} at most.")
        if not request.recipients and request.broadcast_id is None:
            raise BadField("#/to", "Name at least one recipient.", code="no-recipient", smtp=(554, "5.5.1"))
        block, body = mail_headers.split(content)
        found = mail_headers.scan(block)
        self._check(found, request)
        now = self._clock()
        wanted = instructions.read(found)
        scheduled = self._scheduled(request.send_at if request.send_at is not None else wanted.send_at, now)
        stream = self._stream(request, wanted.stream)
        account = request.origin.account_id
        message_id = self._ids()
        given = block
        block, rfc_message_id = self._dress(block, found, request.origin, message_id, now)
        size = len(content)
        is_ours = request.origin.via == "report"
        fields = [] if is_ours else self.tracking.list_fields(stream, found)
        track = request.track or _track(wanted)
        compiled, tracker = request.compiled, request.tracker
        if compiled is not None:
            compiled = compiled.prefixed(block[: len(block) - len(given)], *fields)
            size = compiled.size
        elif not is_ours:
            tracker = self.tracking.tracker(account, stream.name, track)
            compiled = self.tracking.made_ready(block, body, tracker, fields)
        as_given = body
        if compiled is not None:
            if size > self.max_size:
                raise TooLarge(
                    f"With the data of its recipients the message has about {size} bytes; this server takes {self.max_size}."
                )
            body = compiled.encode()
        digest = hashlib.sha256(body).digest()
        header_from = mail_headers.text(found, "from")
        flags = (
            (0 if content.isascii() else FLAG_8BIT)
            | (FLAG_UTF8 if request.smtputf8 and not block.isascii() else 0)
            | (FLAG_COMPILED if compiled is not None else 0)
            | (FLAG_OWN if is_ours else 0)
            | (FLAG_RET_FULL if request.ret == "FULL" else FLAG_RET_HDRS if request.ret == "HDRS" else 0)
        )
        tags = self._tags(request.tags if request.tags is not None else wanted.tags)
        metadata = self._metadata(request.metadata if request.metadata is not None else wanted.metadata)
        origin = request.origin
        evidence = msgspec.json.encode(
            {"via": origin.via, "peer": origin.peer, "hello": origin.hello, "tls": origin.tls, "user": origin.user}
        ).decode()
        options = dict(request.options)
        if wanted.sandbox:
            options["sandbox"] = True
        if track:
            options["track"] = track
        message = (
            account, message_id, stream.name, origin.via, request.sender, header_from,
            mail_headers.text(found, "subject"), rfc_message_id, block, digest, size, flags, request.envid,
            tags, metadata, msgspec.json.encode(options).decode() if options else None, evidence, origin.key_id,
            request.broadcast_id, now, scheduled,
        )  # fmt: skip
        lifetime = int(self.lifetimes.get(stream.name, stream.lifetime_s) * SECOND)
        expires = max(now, scheduled or 0) + lifetime
        key = request.idempotency_key or wanted.idempotency_key
        is_odd = request.compiled is None and structure.is_suspicious(found, given, as_given)
        must_wait = (self._is_looked_at(account) or is_odd) and not flags & FLAG_OWN
        entries = self._entries(account, request.recipients, stream, scheduled, now, must_wait=must_wait)
        personal = None
        if request.personal is not None:
            said = zip(entries, request.personal, strict=True)
            personal = [(account, entry.id, None, data) for entry, data in said]
        fingerprint = b"" if key is None else request.fingerprint or self._fingerprint(request, as_given, found)
        return record.Submission(
            account,
            message_id,
            stream.name,
            message,
            (account, digest, body, len(body), now),
            entries,
            now,
            expires,
            None if key is None else (_checked_key(key), fingerprint),
            personal=personal,
            links=_links(account, message_id, tracker, compiled),
            lane=turns.TRANSACTIONAL if stream.kind == "transactional" else turns.BULK,
            broadcast_id=request.broadcast_id,
        )

    def opt_out_of(self, request: Request) -> bytes:
        """Return the fields for opting out that a message would get, with an address as long as a recipient's; often none."""
        found = mail_headers.scan(mail_headers.split(request.content)[0])
        fields = self.tracking.list_fields(self._stream(request, instructions.read(found).stream), found)
        return self.tracking.as_got(fields)

    def entries(self, account_id: int, stream: str, recipients: Sequence[Recipient]) -> tuple[list[record.Entry], int]:
        """Return recipients of a message that was written down before, and for how many microseconds they are tried.

        Raise BadField if the stream is gone.
        """
        known = self.streams.get((account_id, stream))
        if known is None:
            raise BadField("#/stream", f"There is no stream {stream[:60]!r} any more.", code="unknown-stream")
        lifetime = int(self.lifetimes.get(stream, known.lifetime_s) * SECOND)
        must_wait = self._is_looked_at(account_id)
        return self._entries(account_id, recipients, known, None, self._clock(), must_wait=must_wait), lifetime

    def _is_looked_at(self, account_id: int) -> bool:
        """Whether mail of an account has to be treated before it goes to delivery, whatever it is."""
        return account_id in self.metered or self.overseen(account_id) is not None

    def _entries(
        self,
        account_id: int,
        recipients: Sequence[Recipient],
        stream: Stream,
        scheduled: Instant | None,
        now: Instant,
        *,
        must_wait: bool,
    ) -> list[record.Entry]:
        """Ask the gates at once about every recipient; most mail passes, and need not wait for treatment.

        What has to be looked at in any case (`must_wait`) does, as does what counts for a rate, and an address whose domain
        looks misspelt: whether that takes mail is asked before it goes.
        """
        fresh_ids = iter(self._ids.block(2 * len(recipients)))
        window, must_wait = windows.read(stream.hours), must_wait or bool(stream.rate)
        throttled = self.throttles if self.throttles.known else None
        made = []
        for r in recipients:
            passed = (
                not must_wait
                and suggest(r.domain) is None
                and (throttled is None or not throttled.may_concern(account_id, r.domain))
                and gates.decide(Fresh(r.address, r.domain, stream.name, scheduled, window=window), now) is PASS
            )
            made.append(
                record.Entry(next(fresh_ids), r.address, r.folded, r.domain, r.notify, r.orcpt, passed, next(fresh_ids))
            )
        return made

    def overseen(self, account_id: int) -> Oversight | None:
        """Say how an account's mail is moderated; None if it is not."""
        if not self.oversight:
            return None
        found = self.oversight.get(account_id) or self.oversight.get(moderation.PLATFORM)
        return None if found is None or found.mode == OFF else found

    def is_urgent(self, account_id: int, stream: str) -> bool:
        """Say whether a stream is transactional."""
        known = self.streams.get((account_id, stream))
        return known is not None and known.kind == "transactional"

    def hours(self, account_id: int, stream: str) -> Window | None:
        """Return the hours in which mail of a stream may go out; None for any time, or a stream that is gone."""
        known = self.streams.get((account_id, stream))
        return None if known is None else windows.read(known.hours)

    def rate(self, account_id: int, stream: str) -> Rate | None:
        """Return how fast mail of a stream may go out; None for no limit."""
        known = self.streams.get((account_id, stream))
        return None if known is None else pace.read(known.rate)

    def _check(self, found: Mapping[str, Any], request: Request) -> None:
        if not mail_headers.text(found, "from"):
            raise SubmissionError(
                "The message has no From header: add one, such as “From: Ann <ann@example.com>”.",
                code="no-from",
                smtp=(550, "5.6.0"),
            )
        if mail_headers.count(found, "received") > RECEIVED_HEADERS_MOST:
            raise SubmissionError(
                "The message has passed more than 100 servers; it goes in circles. Look for a forwarding loop.",
                code="mail-loop",
                smtp=(554, "5.4.6"),
            )
        if self._refuse_unverified:
            domain = mail_headers.from_domain(found)
            if not self.domains.get((request.origin.account_id, domain)):
                raise NotAllowed(
                    f"{domain or 'The From domain'} is not verified for this account: add it with “aftersend domain add "
                    f"{domain}”, publish its records, then run “aftersend domain check {domain}”.",
                    code="unverified-domain",
                    smtp=(550, "5.7.1"),
                )

    def _dress(
        self, block: bytes, found: Mapping[str, Any], origin: Origin, message_id: int, now: Instant
    ) -> tuple[bytes, str]:
        """Take off what is meant for us, put on what a submission server must add (RFC 6409 §8, RFC 5321 §4.4)."""
        gone = instructions.names_in(found) | (NEVER_SENT_ON & found.keys())
        if gone:
            block = mail_headers.remove(block, gone)
        shown = ids.show("msg", message_id)
        date = self._now(now)
        protocol = (
            ("ESMTP" + ("S" if origin.tls else "") + ("A" if origin.user else "")) if origin.via == "smtp" else "HTTP"
        )
        added = f"Received: from {origin.hello or 'client'} ([{origin.peer}])\r\n\tby {self._hostname} with {protocol} id {shown};\r\n\t{date}\r\n"
        rfc_message_id = mail_headers.text(found, "message-id")
        if not rfc_message_id:
            rfc_message_id = f"<{shown}@{self._hostname}>"
            added += f"Message-ID: {rfc_message_id}\r\n"
        if not mail_headers.text(found, "date"):
            added += f"Date: {date}\r\n"
        return added.encode("ascii", "replace") + block, rfc_message_id

    def _now(self, now: Instant) -> str:
        second = now // SECOND
        if self._date[0] != second:
            self._date = (second, time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(second)))
        return self._date[1]

    def _stream(self, request: Request, named: str | None) -> Stream:
        name = request.stream or named or "transactional"
        stream = self.streams.get((request.origin.account_id, name))
        if stream is None:
            known = sorted(stream for account, stream in self.streams if account == request.origin.account_id)
            raise BadField(
                "#/stream",
                f"There is no stream {name[:60]!r}; the account has {', '.join(known)}.",
                code="unknown-stream",
                smtp=(554, "5.6.0"),
            )
        return stream

    def _scheduled(self, wanted: Instant | None, now: Instant) -> Instant | None:
        if wanted is None or wanted <= now:
            return None
        check_ahead(wanted, now)
        return wanted

    @staticmethod
    def _tags(tags: Sequence[str]) -> str | None:
        if not tags:
            return None
        if len(tags) > TAGS_MOST:
            raise BadField("#/tags", f"A message has {TAGS_MOST} tags at most.", code="too-many-tags")
        for i, tag in enumerate(tags):
            if not tag or len(tag) > TAG_LENGTH or not tag.isprintable():
                raise BadField(f"#/tags/{i}", f"A tag has 1 to {TAG_LENGTH} printable characters.", code="invalid-tag")
        return msgspec.json.encode(list(tags)).decode()

    @staticmethod
    def _metadata(metadata: Mapping[str, str]) -> str | None:
        if not metadata:
            return None
        if len(metadata) > METADATA_MOST or sum(len(k) + len(v) for k, v in metadata.items()) > METADATA_LENGTH:
            raise BadField(
                "#/metadata",
                f"Metadata has {METADATA_MOST} names and {METADATA_LENGTH} characters in all at most.",
                code="too-much-metadata",
            )
        return msgspec.json.encode(dict(sorted(metadata.items()))).decode()

    @staticmethod
    def _fingerprint(request: Request, body: bytes, found: Mapping[str, Any]) -> bytes:
        """What makes two requests the same message: who to, what it says, and how it is to be treated; not when it came or
        on which connection, nor what differs by itself at every try (Date, Message-ID, Received)."""
        shown = [mail_headers.text(found, name) for name in ("from", "to", "cc", "reply-to", "subject")]
        parts = [
            request.sender,
            *sorted(r.folded for r in request.recipients),
            *shown,
            str(request.stream),
            str(request.send_at or ""),
            *(request.tags or ()),
            *(f"{key}={value}" for key, value in sorted((request.metadata or {}).items())),
        ]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "replace") + hashlib.sha256(body).digest()).digest()


def _links(account: int, message_id: int, tracker: Tracker | None, compiled: Compiled | None) -> list[Any] | None:
    """Return the rows of the links that have got a slot; in a text for the template engine some stay as they are."""
    if tracker is None or compiled is None:
        return None
    slots = set(compiled.ours)
    return [(account, message_id, *each) for each in tracker.targets if f"{tracked.CLICK}{each.number}" in slots]


def _track(wanted: instructions.Instructions) -> dict[str, bool]:
    said = {"opens": wanted.track_opens, "clicks": wanted.track_clicks}
    return {name: value for name, value in said.items() if value is not None}


def _checked_key(key: str) -> str:
    if not 1 <= len(key) <= 256 or not key.isprintable():
        raise BadField("#/idempotency_key", "An idempotency key has 1 to 256 printable characters.", code="invalid-idempotency-key")  # fmt: skip
    return key
