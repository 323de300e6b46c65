"""Intake: what is taken is durable and complete, what is refused names the remedy, and nothing is half kept."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from aftersend import ids as id_forms
from aftersend.clock import DAY, HOUR, SECOND
from aftersend.errors import AftersendError, BadField, Conflict, NotAllowed, SubmissionError, TooLarge
from aftersend.ids import IdSource
from aftersend.intake import Intake, Origin, Recipient, Request
from aftersend.ledger.facts import Fact, Facts
from aftersend.mail import address
from aftersend.store import Store, accounts, content, deliveries, suppressions
from aftersend.store.deliveries import Filter
from aftersend.store.queue import Stage
from given import ACCOUNT, Clock

MAX_SIZE = 100_000
ORIGIN = Origin(ACCOUNT, "smtp", "192.0.2.1", "client.example", "TLSv1.3", 7, "web shop")
HEADER = "From: Shop <shop@example.com>\r\nTo: ann@example.net\r\nSubject: Hi\r\n"


def message(header: str = HEADER, body: bytes = b"Hello\r\n") -> bytes:
    """A message as a client sends it."""
    return header.encode() + b"\r\n" + body


def recipients(*names: str) -> list[Recipient]:
    """Recipients as a face hands them over."""
    found = [address.parse(name) for name in names]
    return [Recipient(name, a.folded, a.domain) for name, a in zip(names, found, strict=True)]


def request(raw: bytes | None = None, *names: str, **options: Any) -> Request:
    """A message to somebody."""
    origin = options.pop("origin", ORIGIN)
    sender = options.pop("sender", "shop@example.com")
    return Request(origin, sender, recipients(*(names or ("Ann@Example.net",))), raw or message(), **options)


@pytest.fixture
def make_intake(store: Store, clock: Clock, ids: IdSource, write: Callable[..., Any]) -> Callable[..., Intake]:
    """An intake with the usual streams."""

    def make(**options: Any) -> Intake:
        made = Intake(store, clock, ids, hostname="mx.example.org", max_size=MAX_SIZE, **options)
        made.streams = write(accounts.all_streams)
        return made

    return make


@pytest.fixture
def intake(make_intake: Callable[..., Intake]) -> Intake:
    """An intake as it is by default."""
    return make_intake()


async def log(store: Store) -> list[dict[str, Any]]:
    """All that was written down."""
    return list(await store.ask(deliveries.page, ACCOUNT, Filter(), limit=100))


# ---- what is taken -------------------------------------------------------------------------------------------------


async def test_a_receipt_means_that_it_is_kept(intake: Intake, store: Store) -> None:
    """Whoever has a receipt can find a row for every recipient, and the message as it was."""
    receipt = await intake.accept(request(None, "ann@example.net", "Bob@Example.org"))
    rows = await log(store)
    assert {(r["id"], r["recipient"]) for r in rows} == {(i, name) for i, name, _ in receipt.deliveries}
    assert {r["folded"] for r in rows} == {"ann@example.net", "bob@example.org"}
    raw = await store.ask(content.raw, ACCOUNT, receipt.message_id)
    assert raw.endswith(message())
    row = await store.ask(deliveries.one, ACCOUNT, rows[0]["id"])
    assert (row["subject"], row["header_from"], row["sender"]) == ("Hi", "Shop <shop@example.com>", "shop@example.com")
    assert json.loads(row["received"]) == {
        "via": "smtp", "peer": "192.0.2.1", "hello": "client.example", "tls": "TLSv1.3", "user": "web shop",
    }  # fmt: skip


async def test_what_a_submission_server_must_add(intake: Intake, store: Store) -> None:
    """A trace line above everything; Date and Message-ID where they are missing (RFC 6409 §8), and only there."""
    receipt = await intake.accept(request())
    raw = (await store.ask(content.raw, ACCOUNT, receipt.message_id)).decode()
    shown = id_forms.show("msg", receipt.message_id)
    assert raw.startswith("Received: from client.example ([192.0.2.1])\r\n\tby mx.example.org with ESMTPSA id " + shown)
    assert f"\r\nMessage-ID: <{shown}@mx.example.org>\r\n" in raw
    assert raw.count("\r\nDate: Mon, 01 Dec 2025 00:00:00 +0000\r\n") == 1
    given = HEADER + "Message-ID: <mine@example.com>\r\nDate: Sun, 30 Nov 2025 10:00:00 +0100\r\n"
    receipt = await intake.accept(request(message(given)))
    raw = (await store.ask(content.raw, ACCOUNT, receipt.message_id)).decode()
    assert (raw.count("Message-ID:"), raw.count("\r\nDate:")) == (1, 1)
    (row,) = await store.ask(deliveries.page, ACCOUNT, Filter(message=(receipt.message_id,)), limit=9)
    assert row["rfc_message_id"] == "<mine@example.com>"


async def test_what_is_meant_for_us_is_taken_off(intake: Intake, store: Store) -> None:
    """Bcc, Return-Path and instructions do not travel; the rest stays octet for octet."""
    odd = "X-Odd:  two  spaces\r\n\tand a fold \r\n"
    header = (
        "Return-Path: <x@example.com>\r\nBcc: secret@example.net\r\n" + HEADER + odd
        + "X-Aftersend-Tag: receipt, test\r\nX-Aftersend-Metadata-Order: 4711\r\nX-PM-Tag: more\r\n"
    )  # fmt: skip
    receipt = await intake.accept(request(message(header)))
    raw = (await store.ask(content.raw, ACCOUNT, receipt.message_id)).decode()
    assert not any(word in raw for word in ("secret", "Bcc", "Return-Path", "X-Aftersend", "X-PM"))
    assert HEADER + odd in raw
    (row,) = await log(store)
    assert set(json.loads(row["tags"])) == {"receipt", "test", "more"}
    assert json.loads(row["metadata"]) == {"order": "4711"}


async def test_what_the_request_says_counts_before_the_header(intake: Intake, store: Store) -> None:
    """Over HTTP the fields of the request rule; what they leave out, headers may say."""
    header = HEADER + "X-Aftersend-Tag: header\r\nX-Aftersend-Stream: broadcast\r\n"
    await intake.accept(request(message(header), tags=["field"], metadata={"a": "b"}, stream="general"))
    await intake.accept(request(message(header)))
    second, first = await log(store)
    assert (first["tags"], first["metadata"], first["stream"]) == ('["field"]', '{"a":"b"}', "general")
    assert (second["tags"], second["stream"]) == ('["header"]', "broadcast")


async def test_planned_mail_waits_for_its_time(intake: Intake, store: Store, clock: Clock) -> None:
    """The lifetime counts from the planned time; a time that has passed means now."""
    await intake.accept(request(send_at=clock() + 10 * HOUR))
    await intake.accept(request(send_at=clock() - HOUR))
    now, later = await log(store)
    assert (later["stage"], later["scheduled_us"]) == (Stage.TREATMENT, clock() + 10 * HOUR)
    assert later["expires_us"] == clock() + 10 * HOUR + 12 * HOUR
    assert (now["stage"], now["scheduled_us"], now["expires_us"]) == (Stage.DELIVERY, None, clock() + 12 * HOUR)


async def test_the_operators_lifetime_counts(intake: Intake, store: Store, clock: Clock) -> None:
    """A lifetime set for the installation stands over the stream's own."""
    intake.lifetimes = {"transactional": 90.0}
    await intake.accept(request())
    (row,) = await log(store)
    assert row["expires_us"] == clock() + 90 * SECOND


async def test_what_passes_its_gates_is_treated_at_once(
    intake: Intake, store: Store, write: Callable[..., Any], clock: Clock
) -> None:
    """A listed recipient goes to treatment, which says why; the others of the same message do not wait for it."""
    write(suppressions.put, ACCOUNT, "listed@example.net", cause="bounced", origin="learned", now=clock())
    await intake.accept(request(None, "listed@example.net", "free@example.net"))
    by_name = {r["recipient"]: r for r in await log(store)}
    assert by_name["listed@example.net"]["stage"] == Stage.TREATMENT
    assert set(Facts(by_name["free@example.net"]["facts"])) == {Fact.RECEIVED, Fact.TREATED}


async def test_nobody_of_an_audience_disappears(intake: Intake, store: Store) -> None:
    """A recipient without an address keeps a row, which treatment ends with the reason."""
    made = request()
    made.recipients = [Recipient("Ann without address", "ann without address", "")]
    await intake.accept(made)
    (row,) = await log(store)
    assert (row["recipient"], row["stage"]) == ("Ann without address", Stage.TREATMENT)


async def test_hostile_texts_are_kept_or_refused_never_stuck(intake: Intake, store: Store) -> None:
    """Whatever octets a header has, the answer is a receipt or a refusal, the same on both engines, never a fault."""
    subjects = [
        b"=?utf-8?q?=00NUL?=", b"=?utf-7?q?+2AA-?=", b"\xff\xfe\xfa", b"=?utf-16?b?2AA=?=", b"\xed\xa0\x80",
        "größe 🦊 \u2028".encode(), b"=?utf-8?b?////?=", b"=?x?q?=ED=A0=80?=", b"a" * 900, b"=?iso-8859-1?q?=80=9f?=",
    ]  # fmt: skip
    taken = 0
    for subject in subjects:
        raw = b"From: shop@example.com\r\nSubject: " + subject + b"\r\n\r\nHello\r\n"
        try:
            await intake.accept(request(raw, tags=["größe 🦊"], metadata={"k": "\u2028 🦊"}))
            taken += 1
        except AftersendError:
            pass
    rows = await log(store)
    assert len(rows) == taken > 0
    assert not {unicodedata.category(c) for r in rows for c in r["subject"]} & {"Cc", "Cs", "Zl", "Zp"}


# ---- idempotency ---------------------------------------------------------------------------------------------------


async def test_the_same_message_again_is_not_sent_again(intake: Intake, store: Store, clock: Clock) -> None:
    """The same key and message gets the first receipt, however it comes, and however much later its Date is."""
    first = await intake.accept(
        request(message(HEADER + "Date: Mon, 01 Dec 2025 00:00:00 +0000\r\n"), idempotency_key="k")
    )
    clock.forward(HOUR)
    by_header = (
        HEADER + "Idempotency-Key: k\r\nDate: Mon, 01 Dec 2025 01:00:00 +0000\r\nMessage-ID: <2@example.com>\r\n"
    )
    again = await intake.accept(request(message(by_header), origin=Origin(ACCOUNT, "http", "198.51.100.1")))
    assert (again.message_id, again.replayed) == (first.message_id, True)
    assert len(await log(store)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"raw": message(body=b"Something else\r\n")},
        {"raw": message(HEADER.replace("Hi", "Other"))},
        {"names": ("bob@example.net",)},
        {"names": ("ann@example.net", "bob@example.net")},
        {"sender": "other@example.com"},
        {"send_at": 1_764_547_200 * SECOND + DAY},
    ],
)
async def test_another_message_under_the_same_key_is_a_conflict(
    intake: Intake, store: Store, other: dict[str, Any]
) -> None:
    """Whatever differs, the sender is told, and nothing of the second is kept."""
    await intake.accept(request(idempotency_key="k"))
    other = dict(other)
    names = other.pop("names", ())
    with pytest.raises(Conflict, match="key"):
        await intake.accept(request(other.pop("raw", None), *names, idempotency_key="k", **other))
    assert len(await log(store)) == 1


# ---- what is refused -----------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, Any], type[AftersendError], str]] = [
    ({"raw": message(body=b"x" * MAX_SIZE)}, TooLarge, "too-large"),
    ({"raw": message("To: ann@example.net\r\n")}, SubmissionError, "no-from"),
    ({"raw": message("From: \r\nTo: ann@example.net\r\n")}, SubmissionError, "no-from"),
    ({"raw": message("Received: from a\r\n" * 101 + HEADER)}, SubmissionError, "mail-loop"),
    ({"raw": message(HEADER + "From: two@example.com\r\n")}, BadField, "invalid-header"),
    ({"raw": message(HEADER + "no field\r\n")}, SubmissionError, "invalid-message"),
    ({"stream": "nowhere"}, BadField, "unknown-stream"),
    ({"send_at": 1_764_547_200 * SECOND + 367 * DAY}, BadField, "schedule-too-far"),
    ({"tags": [str(i) for i in range(21)]}, BadField, "too-many-tags"),
    ({"tags": ["ok", "x" * 129]}, BadField, "invalid-tag"),
    ({"tags": [""]}, BadField, "invalid-tag"),
    ({"tags": ["a\nb"]}, BadField, "invalid-tag"),
    ({"metadata": {str(i): "x" for i in range(51)}}, BadField, "too-much-metadata"),
    ({"metadata": {"a": "x" * 2000}}, BadField, "too-much-metadata"),
    ({"idempotency_key": "x" * 257}, BadField, "invalid-idempotency-key"),
    ({"idempotency_key": "a\x00b"}, BadField, "invalid-idempotency-key"),
    ({"raw": message(HEADER + "X-Aftersend-Nonsense: 1\r\n")}, BadField, "invalid-instruction"),
    ({"raw": message(HEADER + "X-Aftersend-Send-At: tomorrow\r\n")}, BadField, "invalid-instruction"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "kind", "code"), REFUSED)
async def test_a_refusal_names_what_to_mend(
    intake: Intake, store: Store, wrong: dict[str, Any], kind: type[AftersendError], code: str
) -> None:
    """Refused at once, with a code from the closed list, a sentence, a reply for SMTP; nothing is half kept."""
    wrong = dict(wrong)
    with pytest.raises(kind) as caught:
        await intake.accept(request(wrong.pop("raw", None), **wrong))
    error = caught.value
    assert error.code == code
    assert len(error.detail) > 20
    assert error.smtp[0] >= 500
    assert str(error.smtp[0])[0] == error.smtp[1][0]
    if isinstance(error, BadField):
        assert error.pointer.startswith("#/")
    assert await log(store) == []
    assert await store.ask(lambda c: c.exec_driver_sql("SELECT count(*) FROM messages").scalar()) == 0


async def test_nobody_to_send_to_is_refused(intake: Intake) -> None:
    """A message without recipients is no message."""
    made = request()
    made.recipients = []
    with pytest.raises(BadField, match="at least one"):
        await intake.accept(made)


async def test_one_hundred_servers_are_not_yet_a_loop(intake: Intake) -> None:
    """The limit of RFC 5321 §6.3 is a limit, not an average."""
    await intake.accept(request(message("Received: from a\r\n" * 100 + HEADER)))


async def test_an_operator_may_demand_verified_domains(make_intake: Callable[..., Intake], store: Store) -> None:
    """Then mail From a domain that is not proven is refused, with the two commands that mend it."""
    intake = make_intake(refuse_unverified=True)
    intake.domains = {(ACCOUNT, "example.com"): False, (ACCOUNT, "verified.example"): True}
    for sender in ("shop@example.com", "shop@elsewhere.example"):
        with pytest.raises(NotAllowed, match="aftersend domain add"):
            await intake.accept(request(message(f"From: {sender}\r\n")))
    await intake.accept(request(message("From: Shop <shop@Verified.Example>\r\n")))
    assert len(await log(store)) == 1


async def test_a_stream_of_another_account_is_unknown(intake: Intake) -> None:
    """Accounts do not see each other's streams."""
    with pytest.raises(BadField, match="no stream"):
        await intake.accept(request(origin=Origin(ACCOUNT + 1, "http", "192.0.2.1")))
