"""Hand a planned demonstration in: by SMTP over several connections, by HTTP beside them, in every way there is."""

from __future__ import annotations

import base64
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP as CRLF
from smtplib import SMTP, SMTPException
from typing import Any
from urllib.parse import quote

from aftersend.practice.api import Api, Target
from aftersend.practice.plan import WITHOUT_ADDRESS, Plan
from aftersend.practice.sites import ZONE

SENDER = f"shop@shop.{ZONE}"
SMTP_CONNECTIONS = 4

Progress = Callable[[str, int, int], None]
"""Told the stage (`submitting`, `delivering`), how many are done, and of how many."""


@dataclass
class Submitted:
    """What was handed in."""

    audience: int = 0
    messages: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    """What did not go as it should; empty when all is well."""


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
        with Api(self._target.url, self._target.key) as api:
            self._submit_all(api, plan)

    def _submit_all(self, api: Api, plan: Plan) -> None:
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
                self._cancel(api, said["id"])
        for recipient in plan.repeated:
            self._twice(api, recipient)
        if plan.broadcast:
            self._broadcast(api, plan.broadcast)

    def _broadcast(self, api: Api, audience: Sequence[str]) -> None:
        """Send a broadcast: a draft, its recipients, a start. Its rows are written by and by; they are found by the tag."""
        message = {name: value for name, value in request(self._run, []).items() if name != "to"}
        message |= {"subject": "News for {{ name | default('everybody') }}"}
        made = api.call("POST", "/v1/broadcasts", {"name": f"The news {self._run}", "message": message})
        listed = [{"to": "", "data": {"name": each}} if each == WITHOUT_ADDRESS else {"to": each} for each in audience]
        place = f"/v1/broadcasts/{made.body.get('id')}"
        added = api.call("POST", f"{place}/recipients", {"recipients": listed})
        started = api.call("POST", f"{place}/start", {})
        for answer in (made, added, started):
            if answer.status >= 300:
                self._fault(f"a broadcast could not be sent: {answer.status} {answer.body}")
                return
        self._taken(len(audience))

    def _cancel(self, api: Api, message_id: str) -> None:
        """Cancel a message; ask again while the service is working on it at this very moment."""
        for _ in range(50):
            answer = api.call("POST", f"/v1/messages/{message_id}/cancel")
            if answer.body.get("done"):
                return
            time.sleep(0.05)
        self._fault(f"a planned message could not be cancelled: {answer.status} {answer.body}")

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
    message.add_alternative(page(run), subtype="html")
    return message.as_bytes(policy=CRLF)


def page(run: str) -> str:
    """Write what the message shows, with links that can be followed."""
    shop = f"https://shop.{ZONE}"
    return (
        f'<html><body><p>Hello,</p><p>this is the demonstration <b>{run}</b>.</p><p><a href="{shop}/offers?from={run}&amp;n=1">'
        f'Our offers</a>, <a href="{shop}/news">our news</a>, <a href="{shop}/hours">when we are open</a></p></body></html>'
    )


def request(run: str, recipients: Sequence[str], **more: Any) -> dict[str, Any]:
    """Write a message in the form of the API, tagged with the run."""
    return {
        "from": f"Practice Shop <{SENDER}>",
        "to": list(recipients),
        "subject": "News from the practice shop (http)",
        "text": f"Hello,\n\nthis is the demonstration {run}.\n",
        "html": page(run),
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
