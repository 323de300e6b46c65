"""A plain client that says line for line what it is told to say, and a server with what stands behind it."""

from __future__ import annotations

import asyncio
import ssl

from aftersend.smtpd import SubmissionServer
from aftersend.store import Store

PATIENCE_S = 90.0


class Client:
    """One connection; speaks lines, hears replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def hear(self) -> str:
        """Return the next reply, its lines joined; "" when the server has closed."""
        lines = []
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self._reader.readline()).decode():
                lines.append(line.rstrip("\r\n"))
                if line[3:4] != "-":
                    break
        return "\n".join(lines)

    async def say(self, *lines: str) -> str:
        """Say each line and return the reply to the last one."""
        said = ""
        for line in lines:
            self.write(line.encode() + b"\r\n")
            said = await self.hear()
        return said

    def write(self, data: bytes) -> None:
        """Send octets, without waiting for anything."""
        self._writer.write(data)

    async def submit(self, content: bytes, *recipients: str, sender: str = "shop@example.com") -> str:
        """Hand a message in and return the last reply."""
        said = await self.say(
            f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients or ("ann@example.net",)), "DATA"
        )
        assert said.startswith("354"), said
        self.write(content + b"\r\n.\r\n")
        return await self.hear()

    async def begin_tls(self) -> None:
        """Take part in the handshake after STARTTLS."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        await self._writer.start_tls(context)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class House:
    """A running server and what stands behind it."""

    def __init__(self, server: SubmissionServer, store: Store, places: list[tuple[str, int]]) -> None:
        self.server = server
        self.store = store
        self.places = places
        self.clients: list[Client] = []

    async def connect(self, *, hello: bool = True, place: int = 0, tls: ssl.SSLContext | None = None) -> Client:
        """Connect and hear the greeting, say EHLO; or only connect."""
        client = Client(*await asyncio.open_connection(*self.places[place], ssl=tls))
        self.clients.append(client)
        if hello:
            assert (await client.hear()).startswith("220 ")
            assert (await client.say("EHLO client.test")).startswith("250")
        return client
