"""A small IMAP server, as far as a reader of mailboxes needs one (RFC 3501): log in, select, search by UID, fetch."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Mailbox:
    """What the server holds, and what it was told to do."""

    def __init__(self) -> None:
        self.validity = 7
        self.mails: dict[int, bytes] = {}
        self.password = "sesame"
        self.commands: list[str] = []

    def add(self, raw: bytes) -> int:
        """Put a mail in; return its UID."""
        uid = max(self.mails, default=0) + 1
        self.mails[uid] = raw
        return uid


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Serve one client."""
        box: Mailbox = self.server.box  # type: ignore[attr-defined]
        self.wfile.write(b"* OK ready\r\n")
        while line := self.rfile.readline():
            tag, _, rest = line.decode().strip().partition(" ")
            box.commands.append(rest)
            verb = rest.upper()
            if verb == "CAPABILITY":
                self._say("* CAPABILITY IMAP4rev1")
            elif verb.startswith("LOGIN") and box.password not in rest:
                self._say(f"{tag} NO wrong password")
                continue
            elif verb.startswith("EXAMINE"):
                self._say(f"* {len(box.mails)} EXISTS", f"* OK [UIDVALIDITY {box.validity}] valid")
                self._say(f"{tag} OK [READ-ONLY] selected")
                continue
            elif verb.startswith("UID SEARCH"):
                low = int(re.search(r"UID (\d+):\*", rest)[1])  # type: ignore[index]
                found = [uid for uid in box.mails if uid >= low] or list(box.mails)[-1:]
                self._say("* SEARCH " + " ".join(map(str, found)))
            elif verb.startswith("UID FETCH"):
                self._fetch(box, rest)
            elif verb == "LOGOUT":
                self._say("* BYE", f"{tag} OK")
                return
            self._say(f"{tag} OK done")

    def _say(self, *lines: str) -> None:
        for line in lines:
            self.wfile.write(line.encode() + b"\r\n")

    def _fetch(self, box: Mailbox, rest: str) -> None:
        _, _, numbers, what = rest.split(" ", 3)
        for number in map(int, numbers.split(",")):
            raw = box.mails[number]
            if "SIZE" in what:
                self._say(f"* {number} FETCH (UID {number} RFC822.SIZE {len(raw)})")
            else:
                self.wfile.write(f"* {number} FETCH (UID {number} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")\r\n")


@contextmanager
def serving(box: Mailbox) -> Iterator[tuple[str, int]]:
    """Serve a mailbox on a port of its own."""

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), _Session) as server:
        server.box = box  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[:2]  # type: ignore[misc]
        finally:
            server.shutdown()
            thread.join(10)
