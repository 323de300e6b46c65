"""A process beside the service that signs digests, since an RSA signature costs more than all else about a message.

Frames are a length of four bytes and MessagePack, over the process's own pipes: first the keys, then batches of (key, digest),
each answered by a batch of signatures. It ends when its input ends, so it never outlives the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys
from collections import deque
from collections.abc import Sequence
from typing import BinaryIO

import msgspec

ANSWERS_WITHIN_S = 30.0
_LENGTH = struct.Struct("!I")
_PROGRAM = "import sys; from aftersend.delivery.signing_process import main; main(sys.stdin.buffer, sys.stdout.buffer)"
Work = Sequence[tuple[int, bytes]]


class SigningProcess:
    """The service's side. Start it, then `sign`; when it fails, the caller signs for itself."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: deque[asyncio.Future[list[bytes]]] = deque()
        self._reading: asyncio.Task[None] | None = None

    async def start(self, keys: Sequence[bytes]) -> None:
        """Start, and hand over the private keys (PEM); their place in the list is their number."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._write(msgspec.msgpack.encode(list(keys)))
        self._reading = asyncio.ensure_future(self._read())

    @property
    def is_running(self) -> bool:
        """Whether it takes work."""
        return self._process is not None and self._process.returncode is None

    async def sign(self, work: Work) -> list[bytes]:
        """Sign digests, each with the key of its number. Raise ConnectionError when the process is gone, or does not answer;
        it is ended then."""
        answer: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        self._write(msgspec.msgpack.encode(work))
        self._waiting.append(answer)  # answers come in the order in which was asked
        try:
            return await asyncio.wait_for(answer, ANSWERS_WITHIN_S)
        except TimeoutError:
            if self._process is not None:
                _kill(self._process)
            raise ConnectionError("the signing process does not answer") from None

    def _write(self, frame: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            raise ConnectionError("the signing process is gone")
        self._process.stdin.write(_LENGTH.pack(len(frame)) + frame)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        stream = self._process.stdout
        try:
            while True:
                (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
                signed = msgspec.msgpack.decode(await stream.readexactly(length), type=list[bytes])
                answer = self._waiting.popleft()
                if not answer.done():
                    answer.set_result(signed)
        except (asyncio.IncompleteReadError, OSError):
            self._process = None
            for answer in self._waiting:
                if not answer.done():
                    answer.set_exception(ConnectionError("the signing process is gone"))
            self._waiting.clear()

    async def stop(self) -> None:
        """End it."""
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), ANSWERS_WITHIN_S)
            except TimeoutError:
                _kill(process)
                await process.wait()
        if self._reading is not None:
            await self._reading


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


def main(source: BinaryIO, target: BinaryIO) -> None:
    """The process's side: keys, then batches, until the input ends."""
    from aftersend.mail import dkim

    keys: list[dkim.Private] | None = None
    while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
        frame = source.read(_LENGTH.unpack(head)[0])
        if keys is None:
            pems = msgspec.msgpack.decode(frame, type=list[bytes])
            keys = [dkim.load("signing.invalid", "x", pem, is_ours=True).private for pem in pems]
            continue
        work = msgspec.msgpack.decode(frame, type=list[tuple[int, bytes]])
        answer = msgspec.msgpack.encode([dkim.signature(keys[number], digest) for number, digest in work])
        target.write(_LENGTH.pack(len(answer)) + answer)
        target.flush()
