"""Speak with SpamAssassin's `spamd`, in its own protocol (SPAMC 1.5): REPORT to ask, TELL to teach."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence

from aftersend.engines.opinion import TIME_LIMIT_S, Absent, Learned, Opinion, Symbol, heaviest_first
from aftersend.engines.shortening import short_enough

NAME = "spamassassin"
ANSWER_MOST = 1024 * 1024
AT_ONCE = 4
"""Questions at once: each keeps one child of spamd busy for some tenths of a second."""

_STATUS = re.compile(rb"SPAMD/([0-9.]+) (\d+) (\S*)")
_VERDICT = re.compile(
    rb"^Spam:\s*(True|False|Yes|No)\s*;\s*(-?[0-9.]+)\s*/\s*(-?[0-9.]+)", re.IGNORECASE | re.MULTILINE
)
_RULE = re.compile(r"^\*? {0,3}(-?\d+\.\d+) ([A-Z_][A-Z0-9_]+) *(.*)$")
_MORE = re.compile(r"^\*? {20,}(\S.*)$")
_DID = re.compile(rb"^DidSet:\s*\S", re.IGNORECASE | re.MULTILINE)


class _NoAnswer(Exception):
    pass


class SpamAssassin:
    """A spamd on loopback; each question is a connection, as its protocol wants it."""

    name = NAME

    def __init__(self, host: str, port: int, *, user: str = "") -> None:
        """`user` is whose preferences and statistics are used; empty: those that spamd was started with."""
        self._host, self._port, self._user = host, port, user
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def ask(
        self, message: bytes, *, sender: str, recipients: Sequence[str], time_limit_s: float = TIME_LIMIT_S
    ) -> Opinion | Absent:
        """Return its opinion of a message; the envelope's sender is shown to it as Return-Path."""
        known = sender.encode("ascii", "replace").replace(b"\r", b"").replace(b"\n", b"")
        seen = b"Return-Path: <" + known + b">\r\n" + short_enough(message)
        try:
            version, head, report = await self._exchange("REPORT", {}, seen, time_limit_s)
        except _NoAnswer as error:
            return Absent(NAME, str(error))
        verdict = _VERDICT.search(head)
        if verdict is None:
            return Absent(NAME, f"{self._place} answered without a result.")
        is_spam = verdict[1].lower() in (b"true", b"yes")
        symbols = _symbols(report.decode("utf-8", "replace"))
        return Opinion(
            NAME,
            float(verdict[2]),
            float(verdict[3]),
            "spam" if is_spam else "no action",
            heaviest_first(symbols)[:100],
            f"spamd {version}",
        )

    async def teach(self, message: bytes, spam: bool) -> Learned | Absent:
        """Teach its statistics; spamd must run with `--allow-tell`."""
        asked = {"Message-class": "spam" if spam else "ham", "Set": "local"}
        try:
            _, head, _ = await self._exchange("TELL", asked, short_enough(message), TIME_LIMIT_S)
        except _NoAnswer as error:
            return Absent(NAME, str(error))
        return Learned(NAME, _DID.search(head) is not None)

    async def close(self) -> None:
        """There is nothing to close."""

    @property
    def _place(self) -> str:
        return f"SpamAssassin at {self._host}:{self._port}"

    async def _exchange(
        self, verb: str, asked: dict[str, str], message: bytes, time_limit_s: float
    ) -> tuple[str, bytes, bytes]:
        """(protocol version, head, body) of the answer. Raise _NoAnswer with the reason."""
        lines = [f"{verb} SPAMC/1.5", f"Content-length: {len(message)}"]
        lines += [f"{name}: {value}" for name, value in asked.items()]
        lines += [f"User: {self._user}"] if self._user else []
        request = ("\r\n".join(lines) + "\r\n\r\n").encode() + message
        try:
            async with asyncio.timeout(time_limit_s), self._limit:
                answer = await self._talk(request)
        except TimeoutError:
            raise _NoAnswer(f"SpamAssassin did not answer within {time_limit_s:g} seconds.") from None
        except OSError as error:
            raise _NoAnswer(f"{self._place} does not answer: {error.strerror or error}.") from None
        head, _, body = answer.partition(b"\r\n\r\n")
        status = _STATUS.match(head)
        if status is None:
            raise _NoAnswer(f"What answers at {self._host}:{self._port} is no spamd.")
        if status[2] != b"0":
            said = head.partition(b"\r\n")[0][:150].decode("ascii", "replace")
            hint = " Start it with --allow-tell." if verb == "TELL" and status[2] == b"69" else ""
            raise _NoAnswer(f"{self._place} refused: {said}.{hint}")
        return status[1].decode("ascii"), head + b"\r\n", body

    async def _talk(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request)
            await writer.drain()
            with contextlib.suppress(OSError, NotImplementedError):
                writer.write_eof()
            chunks: list[bytes] = []
            size = 0
            while chunk := await reader.read(65536):
                chunks.append(chunk)
                size += len(chunk)
                if size > ANSWER_MOST:
                    break
            return b"".join(chunks)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _symbols(report: str) -> list[Symbol]:
    """Read the table at the end of the report: points, rule, description over one or more lines."""
    found: list[Symbol] = []
    for line in report.splitlines()[-400:]:
        if rule := _RULE.match(line):
            found.append(Symbol(rule[2], float(rule[1]), rule[3].strip()[:300]))
        elif found and (more := _MORE.match(line)):
            last = found[-1]
            found[-1] = Symbol(last.name, last.score, f"{last.description} {more[1].strip()}"[:300])
    return found
