"""A process beside this one that renders templates with loops and blocks.

The template engine counts steps, but not what a value grows to: a list put into itself some twenty times makes it ask for more
memory than there is, and then it ends the process. So it runs where that harms nobody: with little memory and little time, and
started again when it is gone. Frames are a length of four bytes, then a pickle there and MessagePack back.
"""

from __future__ import annotations

import os
import pickle
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, BinaryIO

import msgspec

from aftersend.mail import tags

MEMORY_MOST = 1024 * 1024 * 1024
"""Bytes of address space of the process, the interpreter's own included."""
SECONDS_MOST = 2.0
STARTS_WITHIN_S = 20.0
DONE, UNDEFINED, CANNOT = "done", "undefined", "cannot"
_LENGTH = struct.Struct("!I")
_PROGRAM = "import sys; from aftersend.app.rendering import main; main(sys.stdin.buffer, sys.stdout.buffer)"
TOO_MUCH = "With its data the template takes too much memory or time; make its lists and loops shorter."


class RenderingProcess:
    """Renders one text at a time, from any thread; whoever calls waits. The process is started when first needed."""

    def __init__(self, *, seconds: float = SECONDS_MOST) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._seconds = seconds

    def render(self, source: str, data: Mapping[str, Any], *, is_html: bool) -> str:
        """As `tags.render`, and a text that would take too much raises CannotRender."""
        frame = pickle.dumps((source, dict(data), is_html), protocol=5)
        with self._lock:
            try:
                process = self._running()
                _write(process, frame)
                outcome, said = msgspec.msgpack.decode(_read(process, self._seconds), type=tuple[str, str])
            except (OSError, EOFError, TimeoutError):
                self._end()
                raise tags.CannotRender(TOO_MUCH) from None
        if outcome == UNDEFINED:
            raise tags.Undefined(said)
        if outcome == CANNOT:
            raise tags.CannotRender(said)
        return said

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            )  # fmt: skip
            _read(self._process, STARTS_WITHIN_S)
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def stop(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()


def _write(process: subprocess.Popen[bytes], frame: bytes) -> None:
    assert process.stdin is not None
    left = memoryview(_LENGTH.pack(len(frame)) + frame)
    while left:
        left = left[os.write(process.stdin.fileno(), left) :]


def _read(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """Return the next frame. Raise TimeoutError, or EOFError when the process has ended."""
    assert process.stdout is not None
    end = time.monotonic() + seconds
    descriptor = process.stdout.fileno()
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    held = b""
    while len(held) < _LENGTH.size or len(held) < _LENGTH.size + _LENGTH.unpack_from(held)[0]:
        if not waiting.poll(max(0.0, end - time.monotonic()) * 1000):
            raise TimeoutError
        piece = os.read(descriptor, 1 << 20)
        if not piece:
            raise EOFError
        held += piece
    return held[_LENGTH.size :]


def main(source: BinaryIO, target: BinaryIO) -> None:
    """The process's side: texts with their data, until the input ends."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST, MEMORY_MOST))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _answer(target, b"")
    while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
        text, data, is_html = pickle.loads(source.read(_LENGTH.unpack(head)[0]))  # from the process that started us
        try:
            told = (DONE, tags.render(text, data, is_html=is_html))
        except tags.Undefined as error:
            told = (UNDEFINED, error.name)
        except tags.CannotRender as error:
            told = (CANNOT, error.detail)
        except MemoryError:
            told = (CANNOT, TOO_MUCH)
        _answer(target, msgspec.msgpack.encode(told))


def _answer(target: BinaryIO, frame: bytes) -> None:
    target.write(_LENGTH.pack(len(frame)) + frame)
    target.flush()
