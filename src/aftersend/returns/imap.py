"""Look into a mailbox over IMAP for what came back, where a smart host's users have it sent. Deletes nothing, marks nothing.

How far it was read (RFC 3501: UIDVALIDITY and the last UID) is kept in the same transaction as the mail itself.
"""

from __future__ import annotations

import asyncio
import imaplib
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from aftersend.clock import Clock
from aftersend.errors import SettingsError, TryLater
from aftersend.ids import IdSource
from aftersend.logs import Logger
from aftersend.store import Store, meta, returned
from aftersend.store.returned import Returned

log = Logger("returns")

EVERY_S = 60.0
TIMEOUT_S = 30.0
BATCH = 50
SIZE_MOST = 32 * 1024 * 1024
_NUMBER = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


@dataclass(frozen=True, slots=True)
class Account:
    """A mailbox on a server."""

    host: str
    port: int
    tls: str
    """`at_once` (993) or `no`."""
    user: str
    password: str
    folder: str

    @property
    def name(self) -> str:
        """How it is called in logs, and where its position is kept: without the password."""
        return f"{self.user}@{self.host}:{self.port}/{self.folder}"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a mailbox was read. When its validity changes, its numbers begin anew (RFC 3501 §2.3.1.1)."""

    validity: int = 0
    last: int = 0

    @classmethod
    def read(cls, text: str | None) -> Position:
        """Read what `str` wrote."""
        validity, _, last = (text or "0:0").partition(":")
        return cls(int(validity), int(last))

    def __str__(self) -> str:
        return f"{self.validity}:{self.last}"


def account(url: str) -> Account:
    """Read `imaps://user:password@host:993/FOLDER`. Raise SettingsError, which does not repeat the password."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("imaps", "imap") or not parts.hostname or not parts.username or port == -1:
        raise SettingsError("returns.imap has the form imaps://user:password@host:993/INBOX.")
    is_tls = parts.scheme == "imaps"
    return Account(
        parts.hostname, port or (993 if is_tls else 143), "at_once" if is_tls else "no",
        unquote(parts.username), unquote(parts.password or ""), unquote(parts.path.strip("/")) or "INBOX",
    )  # fmt: skip


def fetched(account: Account, position: Position) -> Iterator[tuple[Position, list[bytes]]]:
    """Yield the mails behind a position, some at a time, each with the position then. Blocks. Raises OSError or imaplib's."""
    client = _open(account)
    try:
        client.login(account.user, account.password)
        _checked(client.select(_quoted(account.folder), readonly=True))
        validity = int(client.response("UIDVALIDITY")[1][0] or 0)
        last = position.last if validity == position.validity else 0
        numbers = _after(client, last)
        for start in range(0, len(numbers), BATCH):
            batch = numbers[start : start + BATCH]
            yield Position(validity, batch[-1]), _bodies(client, batch)
    finally:
        try:
            client.logout()
        except (OSError, imaplib.IMAP4.error):
            pass


def _open(account: Account) -> imaplib.IMAP4:
    if account.tls == "at_once":
        context = ssl.create_default_context()
        return imaplib.IMAP4_SSL(account.host, account.port, ssl_context=context, timeout=TIMEOUT_S)
    return imaplib.IMAP4(account.host, account.port, timeout=TIMEOUT_S)


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _checked(answer: tuple[str, list[Any]]) -> list[Any]:
    kind, found = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(str(found[:1]))
    return found


def _after(client: imaplib.IMAP4, last: int) -> list[int]:
    """The numbers behind the last one that was read. A server answers `n:*` with the last mail even if it is before n."""
    found = _checked(client.uid("SEARCH", f"UID {last + 1}:*"))
    numbers = (int(number) for number in (found[0] or b"").split())
    return sorted(number for number in numbers if number > last)


def _bodies(client: imaplib.IMAP4, numbers: list[int]) -> list[bytes]:
    sizes = _checked(client.uid("FETCH", ",".join(map(str, numbers)), "(RFC822.SIZE)"))
    wanted = []
    for line in sizes:
        text = line if isinstance(line, bytes) else line[0]
        number, size = _NUMBER.search(text or b""), _SIZE.search(text or b"")
        if number and size and int(size[1]) <= SIZE_MOST:
            wanted.append(int(number[1]))
    found = []
    for uid in sorted(wanted):
        parts = _checked(client.uid("FETCH", str(uid), "(BODY.PEEK[])"))
        found += [part[1] for part in parts if isinstance(part, tuple)]
    return found


class Poller:
    """Looks into a mailbox every minute. One in the whole installation is enough; two do no harm."""

    def __init__(
        self, account: Account, store: Store, clock: Clock, ids: IdSource, *, every_s: float = EVERY_S
    ) -> None:
        self._account = account
        self._store = store
        self._clock = clock
        self._ids = ids
        self._every_s = every_s
        self._place = f"imap {account.name}"

    async def run(self) -> None:
        """Look until cancelled; a server that is away is asked again a minute later."""
        while True:
            try:
                found = await self.look()
                if found:
                    log.info("mailbox_read", mailbox=self._account.name, mails=found)
            except (OSError, imaplib.IMAP4.error, TryLater, ValueError) as error:
                log.warning("mailbox_not_read", mailbox=self._account.name, error=str(error)[:300])
            await asyncio.sleep(self._every_s)

    async def look(self) -> int:
        """Fetch what is new; return how many mails were kept."""
        loop = asyncio.get_running_loop()
        position = Position.read(await self._store.ask(meta.get, self._place))
        batches = fetched(self._account, position)
        number = 0
        while True:
            batch = await loop.run_in_executor(None, next, batches, None)
            if batch is None:
                return number
            position, mails = batch
            now = self._clock()
            items = [Returned(self._ids(), "", "", self._account.name, raw, now) for raw in mails]
            await self._store.run(returned.keep_from_mailbox, items, self._place, str(position))
            number += len(items)
