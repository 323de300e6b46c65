"""What is made for each recipient is signed as it goes out, in every attempt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dkim as dkimpy
import pytest

from aftersend import clock
from aftersend.app import run
from aftersend.delivery import Signer, composing
from aftersend.delivery.composing import Composer, Visits
from aftersend.delivery.content import Content
from aftersend.delivery.signing import Draft
from aftersend.mail import dkim, tags, tracked
from aftersend.mail.compiled import Compiled, Rendered, Slot
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


def test_templates_that_take_long_leave_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process does other things while they are rendered; what needs none of it is made, and one of them after the other."""
    monkeypatch.setattr(composing, "RENDERING_MOST_S", 0.1)

    def slowly(source: str, _data: Mapping[str, Any], *, is_html: bool) -> str:
        time.sleep(0.3)
        return source

    slow = Compiled((*HEADERS, b""), (Rendered("{% if a %}{% endif %}", False, "quoted-printable"), b"\r\n"), 100)
    bodies = {(1, b"slow"): slow.encode(), (1, b"h"): Compiled(HEADERS, (b"Hi\r\n",), 100).encode()}
    claimed = [Claimed(delivery_id=n, body=b"slow" if n < 4 else b"h") for n in range(1, 6)]

    async def work() -> tuple[list[int], int]:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.01)
                beats += 1

        beating = asyncio.ensure_future(beat())
        made = await Composer(NothingKept(), None).compose(claimed, bodies)  # type: ignore[arg-type]
        beating.cancel()
        return sorted(made), beats

    tags.render_elsewhere(slowly)
    try:
        made, beats = run(work())
    finally:
        tags.render_elsewhere(None)
    assert made == [1, 4, 5]
    assert beats >= 3
