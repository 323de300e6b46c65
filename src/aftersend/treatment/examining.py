"""Judge messages of moderated accounts: read once, asked of the anti-spam engines beside everything else, written down.

A message that is being judged waits, and delays nobody: however slow an engine is, the judgement is there when its time
limit is over, and says that the engine was not.
"""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from aftersend.clock import Clock, Instant
from aftersend.engines import Absent, Panel
from aftersend.engines import Opinion as Said
from aftersend.errors import AftersendError, NotFound, SubmissionError
from aftersend.logs import Logger
from aftersend.mail import mime
from aftersend.mail.returned import decoded
from aftersend.policy.moderation import RULES_VERSION, Judgement, Look, Opinion, Oversight, Sender, judge, read_html
from aftersend.store import Store, broadcasts, content, moderation
from aftersend.store.connection import Connection
from aftersend.store.queue import Claim

log = Logger("treatment")

LIMIT_S = 5.0
"""So long an engine is waited for."""
SETTLED_WITHIN_S = 0.05
AT_ONCE = 16
HTML_READ = 512 * 1024


TAUGHT_AT_ONCE = 10


class Examiner:
    """Judges messages, each once, some at a time."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        overseen: Callable[[int], Oversight | None],
        panel: Panel,
        *,
        limit_s: float = LIMIT_S,
    ) -> None:
        """`overseen` says how an account's mail is moderated, None if it is not."""
        self._store = store
        self._clock = clock
        self._overseen = overseen
        self._panel = panel
        self._limit_s = limit_s
        self._running: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._some = asyncio.Semaphore(AT_ONCE)

    def begin(self, item: Claim, now: Instant) -> None:
        """Begin to judge the message of a delivery, unless that is under way."""
        place = (item.account_id, item.message_id)
        if place in self._running:
            return
        task = asyncio.ensure_future(self._examine(item, now))
        self._running[place] = task
        task.add_done_callback(lambda _: self._running.pop(place, None))

    @property
    def is_busy(self) -> bool:
        """Whether messages are being judged."""
        return bool(self._running)

    async def settle(self) -> bool:
        """Where no engine is asked, wait a moment for what is being judged; whether there was anything to wait for.

        Such judgements take milliseconds, and what they are about need not be looked at twice.
        """
        if self._panel or not self._running:
            return False
        await asyncio.wait(list(self._running.values()), timeout=SETTLED_WITHIN_S)
        return True

    async def close(self) -> None:
        """Stop; what was not judged is begun again by whoever treats it next."""
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _examine(self, item: Claim, now: Instant) -> None:
        async with self._some:
            try:
                await self._judge(item, now)
            except (AftersendError, OSError) as error:
                # It is tried again when the delivery is looked at next.
                log.warning("not_examined", message_id=item.message_id, error=str(error))
            except Exception:
                log.exception("not_examined", message_id=item.message_id)

    async def _judge(self, item: Claim, now: Instant) -> None:
        oversight = self._overseen(item.account_id)
        if oversight is None:
            return
        number, first = await self._store.ask(moderation.recipients_of, item.account_id, item.message_id)
        if item.broadcast_id is not None:
            number = max(number, await self._store.ask(_audience, item.account_id, item.broadcast_id))
        known = Sender(*await self._store.ask(moderation.standing, item.account_id, now=now))
        raw = await self._store.ask(content.raw, item.account_id, item.message_id)
        opinions = await self._opinions(raw, item.sender, first)
        links, filenames, asks = read(raw)
        judgement = judge(Look(oversight, known, number, opinions, links, filenames, asks))
        await self._store.run(
            moderation.judged, item.account_id, item.message_id, is_pending=judgement.is_pending, why=judgement.why,
            findings=told(judgement, opinions), recipients=number, now=self._clock(),
        )  # fmt: skip

    async def teach(self) -> int:
        """Let the engines learn from what moderators decided, some messages at a time; return how many."""
        if not self._panel:
            return 0
        wanted = await self._store.ask(moderation.to_teach, limit=TAUGHT_AT_ONCE)
        for account_id, message_id, is_spam in wanted:
            try:
                raw = await self._store.ask(content.raw, account_id, message_id)
            except NotFound:
                pass
            else:
                for each in await self._panel.teach(raw, is_spam):
                    if isinstance(each, Absent):
                        log.warning("engine_not_taught", engine=each.name, why=each.why)
            await self._store.run(moderation.taught, account_id, message_id)
        return len(wanted)

    async def _opinions(self, raw: bytes, sender: str, recipients: Sequence[str]) -> list[Opinion]:
        if not self._panel:
            return []
        said = await self._panel.ask(raw, sender=sender, recipients=recipients, time_limit_s=self._limit_s)
        opinions = [_opinion(each) for each in said]
        for opinion in opinions:
            if opinion.absent:
                log.warning("engine_absent", engine=opinion.engine, why=opinion.absent)
        return opinions


def _audience(connection: Connection, account_id: int, broadcast_id: int) -> int:
    """How many a broadcast goes to, most of whom are not written down yet when its message is judged."""
    try:
        return broadcasts.expected(connection, broadcasts.one(connection, account_id, broadcast_id))
    except NotFound:
        return 0


def _opinion(said: Said | Absent) -> Opinion:
    if isinstance(said, Absent):
        return Opinion(said.name, absent=said.why.rstrip("."))
    symbols = tuple(symbol.name for symbol in said.symbols[:20])
    return Opinion(said.name, said.score, said.threshold, said.action, symbols, said.version)


def read(raw: bytes) -> tuple[list[tuple[str, str]], list[str], bool]:
    """Return a message's links, the names of its files, and whether it asks for a password."""
    links: list[tuple[str, str]] = []
    filenames: list[str] = []
    asks = False
    try:
        for part in mime.parts(raw):
            if part.is_attachment:
                filenames.append(part.filename)
            elif part.media == "text/html":
                found, password = read_html(_text(raw, part))
                links += found
                asks = asks or password
    except SubmissionError:
        pass
    return links, filenames, asks


def _text(raw: bytes, part: mime.Part) -> str:
    inner = raw[part.begin : min(part.end, part.begin + HTML_READ)]
    try:
        if part.encoding == "base64":
            inner = binascii.a2b_base64(inner[: len(inner) // 4 * 4])
        elif part.encoding == "quoted-printable":
            inner = binascii.a2b_qp(inner)
    except binascii.Error:
        return ""
    return decoded(inner, part.parameters.get("charset", "utf-8"))


def told(judgement: Judgement, opinions: Sequence[Opinion]) -> dict[str, Any]:
    """Write down what led to a judgement."""
    return {
        "version": RULES_VERSION,
        "findings": [{"rule": finding.rule, "why": finding.why} for finding in judgement.findings],
        "engines": [
            {"name": opinion.engine, "absent": opinion.absent}
            if opinion.absent
            else {
                "name": opinion.engine,
                "score": opinion.score,
                "threshold": opinion.threshold,
                "action": opinion.action,
                "symbols": list(opinion.symbols),
                "version": opinion.version,
            }
            for opinion in opinions
        ],
    }
