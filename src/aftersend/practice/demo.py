"""The demonstration: submit to a running service in every way there is, wait for the end, tell what became of everybody.

Talks to the service over its ports alone, as a customer would, and believes only what the service's API says.
"""

from __future__ import annotations

import base64
import secrets
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP as CRLF
from smtplib import SMTP, SMTPException
from typing import Any
from urllib.parse import quote

from aftersend.ledger.conservation import sums
from aftersend.ledger.facts import BY_WORD, Fact, Facts, bits_of
from aftersend.ledger.reasons import pair
from aftersend.ledger.vocabularies import VOCABULARIES, tally
from aftersend.practice.api import Api
from aftersend.practice.plan import Plan, plan_for
from aftersend.practice.sites import ZONE

SENDER = f"shop@shop.{ZONE}"
SMTP_CONNECTIONS = 4
POLL_S = 0.2
LOOKED_AT_SINGLY = 60
"""So few unfinished deliveries are asked for one by one, more by the page."""
FAR_AWAY_S = 60.0
"""What is planned for later than this is not waited for: a relay may take days for its last word."""
PATIENCE_S = 180.0

Progress = Callable[[str, int, int], None]
"""Told the stage (`submitting`, `delivering`), how many are done, and of how many."""


@dataclass(frozen=True)
class Target:
    """A running service: where it listens, and a key for it."""

    smtp: tuple[str, int]
    url: str
    """`http://host:port` of the API."""
    key: str
    has_relay: bool = False
    """Whether the service routes the domain `relayed.practice.test` through the practice smart host."""


@dataclass
class Submitted:
    """What was handed in."""

    audience: int = 0
    messages: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    """What did not go as it should; empty when all is well."""


def demonstrate(target: Target, *, recipients: int = 1000, on_progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Run the whole demonstration; return the result as `aftersend demo --json` prints it. Blocks; call it on a thread.

    Raises OSError when the service cannot be reached.
    """
    run = secrets.token_hex(4)
    started = time.monotonic()
    plan = plan_for(recipients, has_relay=target.has_relay)
    submitted = submit(target, plan, run, on_progress)
    seconds_to_submit = time.monotonic() - started
    rows, seen = watch(target, run, submitted.audience, on_progress, to_hold=plan.held)
    result = told(rows, submitted.audience, seen)
    result["seen"]["life_cycle"]["Error"] += submitted.refused
    faults = submitted.faults + check(target, rows, submitted.audience)
    if faults:
        result["conserved"] = False
    return {
        **result,
        "run": run,
        "messages": submitted.messages,
        "refused": submitted.refused,
        "seconds": {"submit": round(seconds_to_submit, 2), "all": round(time.monotonic() - started, 2)},
        "faults": faults,
    }


# ---- submitting ------------------------------------------------------------------------------------------------------


def submit(target: Target, plan: Plan, run: str, on_progress: Progress = lambda *_: None) -> Submitted:
    """Hand everything in, by SMTP over several connections and by HTTP beside them."""
    submission = _Submission(target, run, len(plan.everybody), on_progress)
    lines = [plan.single_smtp[i::SMTP_CONNECTIONS] for i in range(SMTP_CONNECTIONS)]
    with ThreadPoolExecutor(SMTP_CONNECTIONS + 2) as pool:
        work = [pool.submit(submission.by_smtp, line) for line in lines if line]
        work.append(pool.submit(submission.to_many, plan.to_many))
        work.append(pool.submit(submission.by_http, plan))
        for each in work:
            each.result()
    return submission.done


class _Submission:
    """Hands messages in and counts; used by several threads."""

    def __init__(self, target: Target, run: str, audience: int, on_progress: Progress) -> None:
        self._target = target
        self._run = run
        self._audience = audience
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self.done = Submitted()

    def _taken(self, recipients: int, *, messages: int = 1) -> None:
        with self._lock:
            self.done.audience += recipients
            self.done.messages += messages
            self._on_progress("submitting", self.done.audience, self._audience)

    def _fault(self, what: str) -> None:
        with self._lock:
            self.done.faults.append(what)

    def by_smtp(self, recipients: Sequence[str]) -> None:
        """Submit to each recipient alone, all over one connection; the first connection also tries what is refused."""
        with _smtp(self._target) as client:
            for recipient in recipients:
                self._send(client, [recipient], mail(self._run, recipient, "smtp"))

    def _send(self, client: SMTP, recipients: Sequence[str], content: bytes) -> None:
        try:
            refused = client.sendmail(SENDER, list(recipients), content)
        except SMTPException as error:
            self._fault(f"submission to {recipients[0]} failed: {error}")
            return
        if refused:
            self._fault(f"recipients were refused: {refused}")
        self._taken(len(recipients) - len(refused))

    def to_many(self, recipients: Sequence[str]) -> None:
        """Submit one message to many, and one that the service must refuse: it has no From."""
        with _smtp(self._target) as client:
            if recipients:
                self._send(client, recipients, mail(self._run, "our readers", "many"))
            code, said = _data(
                client, SENDER, [f"nobody@one.{ZONE}"], b"Subject: No From\r\n\r\nThis must be refused.\r\n"
            )
            if code < 500:
                self._fault(f"a message without From was not refused: {code} {said!r}")
            self.done.refused += 1

    def by_http(self, plan: Plan) -> None:
        """Submit over the API: one recipient, several, attachments, later, blocked, cancelled, the same twice."""
        api = Api(self._target.url, self._target.key)
        for recipient in plan.list_to_block:
            api.call("PUT", f"/v1/suppressions/{quote(recipient)}", {"cause": "manual"})
            self._post(api, [recipient])
        for recipient in plan.single_http + plan.unusual_letters:
            self._post(api, [recipient])
        for recipient in plan.attached:
            content = base64.b64encode(b"Order, quantity\r\nTea, 2\r\n" * 40).decode()
            self._post(
                api,
                [recipient],
                attachments=[{"filename": "order.csv", "content": content, "content_type": "text/csv"}],
            )
        if plan.to_few:
            self._post(api, plan.to_few)
        for recipient in plan.planned:
            self._post(api, [recipient], scheduled_at=_in_seconds(1.0))
        for recipient in plan.far_ahead:
            self._post(api, [recipient], scheduled_at=_in_seconds(86_400))
        for recipient in plan.held:
            self._post(api, [recipient])
        for recipient in plan.cancelled:
            said = self._post(api, [recipient], scheduled_at=_in_seconds(3600))
            if said is not None:
                api.call("POST", f"/v1/messages/{said['id']}/cancel")
        for recipient in plan.repeated:
            self._twice(api, recipient)

    def _post(self, api: Api, recipients: Sequence[str], **more: Any) -> Any:
        answer = api.call("POST", "/v1/messages", request(self._run, recipients, **more))
        if answer.status != 202:
            self._fault(f"POST /v1/messages to {recipients[0]} was answered {answer.status}: {answer.body}")
            return None
        if len(answer.body["deliveries"]) != len(recipients):
            self._fault(f"{len(recipients)} recipients got {len(answer.body['deliveries'])} deliveries")
        self._taken(len(answer.body["deliveries"]))
        return answer.body

    def _twice(self, api: Api, recipient: str) -> None:
        key = {"Idempotency-Key": f"demo-{self._run}-{recipient}"}
        first, second = (api.call("POST", "/v1/messages", request(self._run, [recipient]), key) for _ in range(2))
        if first.status != 202:
            self._fault(f"POST /v1/messages with an idempotency key was answered {first.status}: {first.body}")
            return
        self._taken(1)
        if second.body.get("id") != first.body.get("id"):
            self._fault(f"one idempotency key gave two messages: {first.body} and {second.body}")


def mail(run: str, recipient: str, way: str) -> bytes:
    """Write a message as a customer's program would, tagged with the run."""
    message = EmailMessage()
    message["From"] = f"Practice Shop <{SENDER}>"
    message["To"] = recipient if recipient.isascii() and "@" in recipient else f"Readers <{SENDER}>"
    message["Subject"] = f"News from the practice shop ({way})"
    message["X-Aftersend-Tag"] = tag(run)
    message.set_content(f"Hello,\n\nthis is the demonstration {run}.\n\nThe practice shop\n")
    return message.as_bytes(policy=CRLF)


def request(run: str, recipients: Sequence[str], **more: Any) -> dict[str, Any]:
    """Write a message in the form of the API, tagged with the run."""
    return {
        "from": f"Practice Shop <{SENDER}>",
        "to": list(recipients),
        "subject": "News from the practice shop (http)",
        "text": f"Hello,\n\nthis is the demonstration {run}.\n",
        "html": f"<p>Hello,</p><p>this is the demonstration <b>{run}</b>.</p>",
        "tags": [tag(run)],
        **more,
    }


def tag(run: str) -> str:
    """The tag by which a run finds its own deliveries again."""
    return f"demo-{run}"


def _in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()  # noqa: TID251 - a client's own clock


def _smtp(target: Target) -> SMTP:
    client = SMTP(*target.smtp, local_hostname=f"shop.{ZONE}", timeout=60)
    client.ehlo()
    if client.has_extn("starttls"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        client.starttls(context=context)
        client.ehlo()
    if client.has_extn("auth"):
        client.login("smtp", target.key)
    return client


def _data(client: SMTP, sender: str, recipients: Iterable[str], content: bytes) -> tuple[int, bytes]:
    """Submit without raising; return the last reply."""
    code, said = client.mail(sender)
    for recipient in recipients:
        code, said = client.rcpt(recipient)
    if code < 400:
        code, said = client.data(content)
    if code >= 400:
        client.rset()
    return code, said


# ---- waiting ---------------------------------------------------------------------------------------------------------


def watch(
    target: Target,
    run: str,
    audience: int,
    on_progress: Progress = lambda *_: None,
    *,
    to_hold: Sequence[str] = (),
    patience_s: float = PATIENCE_S,
) -> tuple[list[dict[str, Any]], set[tuple[str, str]]]:
    """Wait until every delivery of the run has ended, or waits for somebody far away; return the rows of the log.

    The recipients `to_hold` are put on hold once their server has put them off. The second value holds every word that was
    seen on the way, as (vocabulary, word).
    """
    api = Api(target.url, target.key)
    end = time.monotonic() + patience_s
    seen: set[tuple[str, str]] = set()
    rows: dict[str, dict[str, Any]] = {}
    while time.monotonic() < end:
        waiting = [row for row in rows.values() if not is_settled(row)]
        if len(rows) < audience or len(waiting) > LOOKED_AT_SINGLY:
            found = list(api.pages(f"/v1/deliveries?tag={tag(run)}&limit=100"))
        elif waiting:
            found = [api.call("GET", f"/v1/deliveries/{row['id']}").body for row in waiting]
        else:
            break
        for row in found:
            rows[row["id"]] = row
            seen.update(_words_now(row))
            if row["recipient"] in to_hold and "deferred" in row["facts"] and not is_settled(row):
                _hold(api, run, row["recipient"])
        on_progress("delivering", sum(is_settled(row) for row in rows.values()), audience)
        time.sleep(POLL_S)
    return list(api.pages(f"/v1/deliveries?tag={tag(run)}&limit=100")), seen


def _hold(api: Api, run: str, recipient: str) -> None:
    wanted = {"tag": tag(run), "recipient": recipient}
    api.call(
        "POST", "/v1/deliveries/actions", {"action": "hold", "filter": wanted, "why": "the demonstration holds it"}
    )


def is_settled(row: dict[str, Any]) -> bool:
    """Say whether nothing more will happen to a delivery soon."""
    if row["ended"]:
        return True
    due = row["next"]["at_us"]
    return due is None or due > (time.time() + FAR_AWAY_S) * 1e6


def _words_now(row: dict[str, Any]) -> Iterable[tuple[str, str]]:
    status = row["status"]
    yield "delivery_results", status["result"]
    yield "icons", status["icon"]
    yield from (("email_activity", word) for word in status["activity"])
    if status["category"]:
        yield "bounces", f"{status['category']}/{status['reason']}"


# ---- telling ---------------------------------------------------------------------------------------------------------


def told(rows: Sequence[dict[str, Any]], audience: int, seen: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    """Build the result from the rows of the log: the five vocabularies, and whether everybody is accounted for.

    `seen` in the result counts for each word how many deliveries it was true of at some time, since words such as Soft
    Bounced pass. A life-cycle word in step one, Error, belongs to submissions that were refused, which have no row.
    """
    by_bits: Counter[int] = Counter()
    settled: Counter[tuple[int, bool]] = Counter()
    bounced: Counter[str] = Counter()
    for row in rows:
        bits = facts_of(row).bits
        by_bits[bits] += 1
        settled[bits, not row["ended"] and row["next"]["at_us"] is not None] += 1
        if row["status"]["category"] and _is_bounce(bits):
            bounced[f"{row['status']['category']}/{row['status']['reason']}"] += 1
    counted = sums(audience, [(bits, waits, number) for (bits, waits), number in settled.items()])
    people = Counter(row["id"] for row in rows)
    vocabularies = tally(by_bits, bounced)
    results = sum(vocabularies["delivery_results"].values())
    passed = _passed(rows)
    for name, word in seen:
        if passed[name].get(word) == 0:
            passed[name][word] = 1
    return {
        "audience": audience,
        "conserved": counted.is_conserved and len(rows) == audience == results and max(people.values(), default=1) == 1,
        "under_way": counted.under_way,
        "outcomes": {outcome.word: number for outcome, number in counted.by_outcome.items()},
        "vocabularies": vocabularies,
        "seen": passed,
    }


def facts_of(row: dict[str, Any]) -> Facts:
    """Return the facts of a row of the log."""
    return Facts(bits_of(BY_WORD[word] for word in row["facts"]))


_BOUNCES = Facts.of(Fact.GAVE_UP, Fact.BOUNCED, Fact.BOUNCED_INVALID, Fact.REJECTED_AS_SPAM).bits


def _is_bounce(bits: int) -> bool:
    return bool(bits & _BOUNCES)


def _passed(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Count for every word how many deliveries it was true of, now or on the way."""
    passed = {
        name: dict.fromkeys((word for word, _ in vocabulary.words), 0) for name, vocabulary in VOCABULARIES.items()
    }
    for row in rows:
        facts = facts_of(row)
        for name, vocabulary in VOCABULARIES.items():
            words = {word.word for fact in facts for word in vocabulary.words_of(Facts.of(fact))}
            if name == "bounces":
                words = _pairs_of(row, facts)
            for word in words:
                passed[name][word] += 1
    return passed


def _pairs_of(row: dict[str, Any], facts: Facts) -> set[str]:
    found = set()
    if row["status"]["category"]:
        found.add(f"{row['status']['category']}/{row['status']['reason']}")
    if Fact.DEFERRED in facts and row["reason"]:
        trying = pair(row["reason"], row["detail"], is_still_trying=True)
        found |= {trying.word} if trying is not None else set()
    return found


def check(target: Target, rows: Sequence[dict[str, Any]], audience: int) -> list[str]:
    """Compare the log with the service's own reports and look for anything that must not be; return what is wrong."""
    api = Api(target.url, target.key)
    faults = []
    if len(rows) != audience:
        faults.append(f"{audience} recipients have {len(rows)} rows")
    for row in rows:
        if (
            not row["ended"]
            and row["next"]["at_us"] is None
            and not {"uncertain", "relayed", "delayed"} & set(row["facts"])
        ):
            faults.append(f"{row['recipient']} has not ended and waits for nothing: {row['headline']}")
        if not row["why"] or not row["next"]["sentence"]:
            faults.append(f"{row['recipient']} is not explained: {row}")
        if not is_settled(row):
            faults.append(f"{row['recipient']} has not ended in time: {row['headline']}; {row['next']['sentence']}")
    ours = tally(Counter(facts_of(row).bits for row in rows))
    for name, report in REPORTS.items():
        answer = api.call("GET", f"/v1/reports/{report}")
        if answer.status != 200:
            faults.append(f"GET /v1/reports/{report} was answered {answer.status}")
            continue
        counts = {each["word"]: each["count"] for each in answer.body["counts"]}
        for word, number in ours[name].items():
            if name != "bounces" and counts.get(word, 0) < number:
                faults.append(f"the report {report} counts {counts.get(word, 0)} {word}, the log shows {number}")
    return faults


REPORTS = {
    "delivery_results": "results",
    "life_cycle": "lifecycle",
    "email_activity": "activity",
    "bounces": "bounces",
    "icons": "icons",
}
"""The report that counts in each vocabulary."""
