"""A process beside this one that renders templates with loops and blocks, and one that makes pages of what was saved.

The template engine counts steps, but not what a value grows to: a list put into itself some twenty times makes it ask for
more memory than there is, and then it ends the process. So it runs where that harms nobody: with little memory and little
time, and started again when it is gone. A page with many styles for many elements is made in the same way. Frames are a
length of four bytes, then a pickle there and MessagePack back.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, BinaryIO

import msgspec

from aftersend.errors import BadField, TryLater
from aftersend.mail import tags, templates

MEMORY_MOST = 1024 * 1024 * 1024
"""Bytes of address space of the process, the interpreter's own included."""
SECONDS_MOST = 2.0
STARTS_WITHIN_S = 20.0
DONE, UNDEFINED, CANNOT, BAD = "done", "undefined", "cannot", "bad"
RENDER, MAKE = "render", "make"
PAGE_SECONDS_MOST = 5.0
ALONE_MOST_S = 30
"""A text that takes longer ends the process also where nobody is left to do it."""
_LENGTH = struct.Struct("!I")
_PROGRAM = "import sys; from aftersend.app.rendering import main; main(sys.stdin.buffer, sys.stdout.buffer)"
TOO_MUCH = "With its data the template takes too much memory or time; make its lists and loops shorter."
PAGE_TOO_MUCH = (
    "Putting its styles into its elements takes too much memory or time; make the styles fewer, or the page shorter."
)


class RenderingProcess:
    """Renders one text at a time, from any thread; whoever calls waits. The process is started when first needed."""

    def __init__(self, *, seconds: float = SECONDS_MOST) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._seconds = seconds

    def render(self, source: str, data: Mapping[str, Any], *, is_html: bool) -> str:
        """As `tags.render`, and a text that would take too much raises CannotRender."""
        try:
            found = self._asked((RENDER, source, dict(data), is_html))
        except RecursionError:  # met while it is packed
            raise tags.CannotRender(tags.TOO_DEEP) from None
        if found is None:
            raise tags.CannotRender(TOO_MUCH)
        outcome, said = found
        if outcome == UNDEFINED:
            raise tags.Undefined(said)
        if outcome == CANNOT:
            raise tags.CannotRender(said)
        return said

    def make(self, source: str, kind: str) -> tuple[str, str]:
        """As `templates.made`, and a page that would take too much raises BadField."""
        found = self._asked((MAKE, source, kind))
        if found is None:
            raise BadField("#/source", PAGE_TOO_MUCH, code="template-failed")
        outcome, *said = found
        if outcome == BAD:
            pointer, detail, code = said
            raise BadField(pointer, detail, code=code)
        html, text = said
        return html, text

    def _asked(self, wanted: tuple[Any, ...]) -> list[str] | None:
        """Return what the process said, outcome first; None when it took too much and was ended.

        Raise TryLater when no process could be started: that says nothing of what is wanted.
        """
        frame = pickle.dumps(wanted, protocol=5)
        with self._lock:
            try:
                process = self._running()
            except (OSError, EOFError, TimeoutError):
                self._end()
                raise TryLater("The process that renders templates could not be started.") from None
            try:
                _write(process, frame)
                return msgspec.msgpack.decode(_read(process, self._seconds), type=list[str])
            except (OSError, EOFError, TimeoutError):
                self._end()
                return None

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
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Terminals and service managers tell every process; the one that started us ends us when it needs us no more.
        signal.signal(name, signal.SIG_IGN)
    _answer(target, b"")
    while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
        job, *given = pickle.loads(source.read(_LENGTH.unpack(head)[0]))  # from the process that started us
        signal.alarm(ALONE_MOST_S)
        told = _rendered(*given) if job == RENDER else _made(*given)
        signal.alarm(0)
        _answer(target, msgspec.msgpack.encode(told))


def _rendered(text: str, data: Mapping[str, Any], is_html: bool) -> tuple[str, ...]:
    try:
        return DONE, tags.render(text, data, is_html=is_html)
    except tags.Undefined as error:
        return UNDEFINED, error.name
    except tags.CannotRender as error:
        return CANNOT, error.detail
    except MemoryError:
        return CANNOT, TOO_MUCH


def _made(source: str, kind: str) -> tuple[str, ...]:
    try:
        return DONE, *templates.made(source, kind)
    except BadField as error:
        return BAD, error.pointer, error.detail, error.code
    except MemoryError:
        return BAD, "#/source", PAGE_TOO_MUCH, "template-failed"


def _answer(target: BinaryIO, frame: bytes) -> None:
    target.write(_LENGTH.pack(len(frame)) + frame)
    target.flush()
