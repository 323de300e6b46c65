"""Mail to measure with: a source that submits over many connections, and a sink that takes everything and counts.

Postfix's own smtp-source and smtp-sink where they are installed, since they cost little CPU; else two small ones here.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
import time

from contestants import free_port, greets


def installed(name: str) -> str | None:
    """The path of one of Postfix's tools."""
    return shutil.which(name, path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))


def submit(port: int, *, messages: int, connections: int, size: int = 10_240, recipients: int = 1) -> float:
    """Submit so many messages and return the seconds it took until the last was acknowledged."""
    tool = installed("smtp-source")
    began = time.monotonic()
    if tool:
        command = [
            tool, "-d", "-s", str(connections), "-m", str(messages), "-l", str(size), "-r", str(recipients),
            "-f", "news@sender.test", "-t", "ann@dest.test", f"127.0.0.1:{port}",
        ]  # fmt: skip
    else:
        command = [sys.executable, __file__, "source", *map(str, (port, messages, connections, size, recipients))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    took = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"the source failed: {done.stderr.strip()[-500:]}")
    return took


class Sink:
    """Takes all mail; `defers` says 450 to every recipient. Counts messages."""

    def __init__(self, *, defers: bool = False, port: int = 0) -> None:
        self.port = port or free_port()
        self.messages = 0
        self.first_at = 0.0
        self.last_at = 0.0
        tool = installed("smtp-sink")
        command = [tool, "-c", *(["-r", "rcpt"] if defers else []), f"127.0.0.1:{self.port}", "1024"] if tool else [
            sys.executable, "-u", __file__, "sink", str(self.port), str(int(defers)),
        ]  # fmt: skip
        if tool and os.geteuid() == 0:
            command[1:1] = ["-u", "nobody"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        while not greets(self.port):
            if self._process.poll() is not None:
                raise SystemExit("the sink does not start")
            time.sleep(0.01)

    def _read(self) -> None:
        """Follow the counters that it prints."""
        assert self._process.stdout is not None
        tail = b""
        while data := os.read(self._process.stdout.fileno(), 65536):
            tail = (tail + data)[-200:]
            found = re.findall(rb"mesg=(\d+)", tail[: tail.rfind(b"\r") + 1] + b" ")
            if found and int(found[-1]) > self.messages:
                self.messages = int(found[-1])
                self.last_at = time.monotonic()
                self.first_at = self.first_at or self.last_at

    def wait(self, messages: int, timeout_s: float) -> bool:
        """Wait until so many messages have come; False when time is over."""
        end = time.monotonic() + timeout_s
        while self.messages < messages:
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        self._reader.join(5)


# ---- where Postfix's tools are missing -----------------------------------------------------------------------------


async def source(port: int, messages: int, connections: int, size: int, recipients: int) -> None:
    """Submit in lock step, as smtp-source does."""
    left = iter(range(messages))
    line = b"x" * 76 + b"\r\n"
    content = (
        b"From: news@sender.test\r\nTo: ann@dest.test\r\nSubject: bench\r\n\r\n" + line * (size // len(line)) + b".\r\n"
    )

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def say(data: bytes) -> None:
            writer.write(data)
            answer = b""
            while answer[3:4] != b" ":
                answer = await reader.readline()
            if answer[:1] not in b"23":
                raise SystemExit(answer.decode(errors="replace"))

        await say(b"")
        await say(b"HELO source.test\r\n")
        for _ in left:
            await say(b"MAIL FROM:<news@sender.test>\r\n")
            for n in range(recipients):
                await say(b"RCPT TO:<%dann@dest.test>\r\n" % n if recipients > 1 else b"RCPT TO:<ann@dest.test>\r\n")
            await say(b"DATA\r\n")
            await say(content)
        writer.write(b"QUIT\r\n")

    await asyncio.gather(*(connection() for _ in range(connections)))


async def sink(port: int, defers: bool) -> None:
    """Take everything, print a counter as smtp-sink does."""
    count = 0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        writer.write(b"220 sink\r\n")
        while command := (await reader.readline()).upper():
            if command.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                count += 1
                sys.stdout.write(f"mesg={count}\r")
                writer.write(b"250 2.0.0 ok\r\n")
            elif command.startswith(b"EHLO"):
                writer.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif defers and command.startswith(b"RCPT"):
                writer.write(b"450 4.3.0 later\r\n")
            else:
                writer.write(b"221 bye\r\n" if command.startswith(b"QUIT") else b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", port, limit=64 * 1024 * 1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    if what == "source":
        asyncio.run(source(*map(int, numbers)))
    else:
        asyncio.run(sink(int(numbers[0]), bool(int(numbers[1]))))
