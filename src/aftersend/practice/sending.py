"""Hand one mail to one server, in the simplest way there is: how the practice world sends what comes back."""

from __future__ import annotations

import asyncio

TIMEOUT_S = 30.0


class NotTaken(OSError):
    """The server did not take the mail."""


async def send(server: tuple[str, int], *, hello: str, sender: str, recipient: str, content: bytes) -> str:
    """Send a mail with CRLF lines; return the server's last words. Raises NotTaken, OSError or TimeoutError."""
    reader, writer = await asyncio.wait_for(asyncio.open_connection(*server), TIMEOUT_S)
    try:
        await _reply(reader, "the greeting")
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        end = b"" if stuffed.endswith(b"\r\n") else b"\r\n"
        said = ""
        for what in (
            f"EHLO {hello}\r\n".encode(),
            f"MAIL FROM:<{sender}>\r\n".encode(),
            f"RCPT TO:<{recipient}>\r\n".encode(),
            b"DATA\r\n",
            stuffed + end + b".\r\n",
        ):
            writer.write(what)
            await writer.drain()
            said = await _reply(reader, what[:40].decode("ascii", "replace").strip())
        writer.write(b"QUIT\r\n")
        return said
    finally:
        writer.close()


async def _reply(reader: asyncio.StreamReader, to: str) -> str:
    while True:
        line = (await asyncio.wait_for(reader.readline(), TIMEOUT_S)).decode("utf-8", "replace")
        if not line:
            raise NotTaken(f"the connection was closed after {to!r}")
        if line[3:4] != "-":
            if line[:1] not in "23":
                raise NotTaken(f"{line.strip()} (after {to!r})")
            return line.strip()
