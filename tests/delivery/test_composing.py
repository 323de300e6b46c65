"""What is made for each recipient is signed as it goes out, in every attempt."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import dkim as dkimpy

from aftersend import clock
from aftersend.app import run
from aftersend.delivery import Signer
from aftersend.delivery.composing import Composer, Visits
from aftersend.delivery.content import Content
from aftersend.delivery.signing import Draft
from aftersend.mail import dkim, tracked
from aftersend.mail.compiled import Compiled, Slot
from aftersend.mail.tracking_tokens import Tokens

PEM = dkim.generate(dkim.ED25519)
HEADERS = (*tracked.list_fields(), b"From: Shop <shop@example.com>\r\nSubject: Hi\r\n")
BODY = (b'<a href="', Slot(f"{tracked.CLICK}1", otherwise="https://x.test/"), b'">A</a>\r\n')


@dataclass
class Claimed:
    """As much of a claim as is asked for here."""

    account_id: int = 1
    message_id: int = 7
    delivery_id: int = 9
    folded: str = "ann@example.net"
    recipient: str = "ann@example.net"
    created_us: int = 1_800_000_000_000_000
    body: bytes = b"h"


class NothingKept:
    """A store in which nothing personal is kept."""

    def join(self, _function: Any, _item: Any) -> asyncio.Future[Any]:
        """Return nothing."""
        done = asyncio.get_running_loop().create_future()
        done.set_result({})
        return done


def test_another_attempt_is_signed_anew() -> None:
    """Tried again an hour later, its links have the time of then, and the signature is of what is sent then."""
    now = [clock.now() - 2 * clock.HOUR]
    signer = Signer()
    signer.reload([(1, "example.com", "s", lambda: dkim.load("example.com", "s", PEM, is_ours=True))])
    record = dkim.dns_record(dkim.load("example.com", "s", PEM, is_ours=True).private).encode()
    stored = Compiled(HEADERS, BODY, 100).encode()

    async def work() -> list[bytes]:
        composer = Composer(NothingKept(), Visits("https://t.test", Tokens((b"k" * 32,)), lambda: now[0]))  # type: ignore[arg-type]
        copies = []
        for _ in range(2):
            (content,) = (await composer.compose([Claimed()], {(1, b"h"): stored})).values()  # type: ignore[list-item]
            assert isinstance(content, Content)
            draft = Draft(1, 7, "example.com", content.headers, content.body_id, content.body)
            signature = signer.signature(draft, now[0] // clock.SECOND)
            copies.append(signature + content.headers + b"\r\n" + content.body)
            now[0] += clock.HOUR
        return copies

    first, second = run(work())
    assert first.partition(b"\r\n\r\n")[2] != second.partition(b"\r\n\r\n")[2]
    for copy in (first, second):
        assert dkimpy.verify(copy, dnsfunc=lambda name, timeout=5: record)
