"""What the practice servers have received, and what they remember of attempts. Both are bounded: the oldest goes first."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from typing import Any

MESSAGES_MOST = 20_000
BYTES_MOST = 64 * 1024 * 1024
ATTEMPTS_MOST = 200_000


@dataclass(frozen=True, slots=True)
class Received:
    """One message as a server received it, for one recipient."""

    recipient: str
    sender: str
    content: bytes
    at_us: int
    place: str
    """The server's name."""
    hello: str
    """How the sender introduced itself."""
    tls: str
    """The TLS version, "" for none."""
    mail_parameters: Any = None
    recipient_parameters: Any = None
    was_acknowledged: bool = True
    """Whether the sender was told that it was kept."""

    def header(self, name: str) -> str | None:
        """Return the unfolded value of the first header of that name, or None."""
        block = self.content.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
        wanted = name.lower().encode() + b":"
        for line in block.split(b"\r\n"):
            if line[: len(wanted)].lower() == wanted:
                return line[len(wanted) :].strip().decode("utf-8", "replace")
        return None


class Mailbox:
    """Everything that was kept, by recipient. Counts stay when content goes."""

    def __init__(self, *, messages_most: int = MESSAGES_MOST, bytes_most: int = BYTES_MOST) -> None:
        self._messages_most = messages_most
        self._bytes_most = bytes_most
        self._kept: deque[Received] = deque()
        self._by_recipient: dict[str, deque[Received]] = {}
        self._bytes = 0
        self._counts: Counter[str] = Counter()
        self.total = 0

    def keep(self, message: Received) -> None:
        """Put a message in its recipient's mailbox."""
        folded = message.recipient.lower()
        self.total += 1
        self._counts[folded] += 1
        self._kept.append(message)
        self._by_recipient.setdefault(folded, deque()).append(message)
        self._bytes += len(message.content)
        while len(self._kept) > self._messages_most or (self._bytes > self._bytes_most and len(self._kept) > 1):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._kept.popleft()
        self._bytes -= len(oldest.content)
        folded = oldest.recipient.lower()
        theirs = self._by_recipient[folded]
        theirs.popleft()
        if not theirs:
            del self._by_recipient[folded]

    def received(self, address: str) -> list[Received]:
        """Return what an address has received, oldest first, as far as it is still kept."""
        return list(self._by_recipient.get(address.lower(), ()))

    def count(self, address: str) -> int:
        """Say how many messages an address has received in all."""
        return self._counts[address.lower()]

    def counts(self) -> dict[str, int]:
        """Say for every address how many messages it has received."""
        return dict(self._counts)

    def messages(self) -> list[Received]:
        """Return everything that is kept, oldest first."""
        return list(self._kept)

    def clear(self) -> None:
        """Empty every mailbox and forget the counts."""
        self._kept.clear()
        self._by_recipient.clear()
        self._counts.clear()
        self._bytes = self.total = 0


class Memory:
    """How often each sender has tried each recipient, and since when; as greylists remember it."""

    def __init__(self, *, most: int = ATTEMPTS_MOST) -> None:
        self._most = most
        self._seen: OrderedDict[tuple[str, str], list[int]] = OrderedDict()

    def seen(self, sender: str, recipient: str, now_us: int) -> tuple[int, int]:
        """Return how many attempts have counted so far, and how long ago the first was (microseconds)."""
        known = self._seen.get((sender, recipient))
        if known is None:
            while len(self._seen) >= self._most:
                self._seen.popitem(last=False)
            known = self._seen[sender, recipient] = [0, now_us]
        return known[0], now_us - known[1]

    def count(self, sender: str, recipient: str) -> None:
        """Count an attempt."""
        self._seen[sender, recipient][0] += 1

    def clear(self) -> None:
        """Forget everything."""
        self._seen.clear()
