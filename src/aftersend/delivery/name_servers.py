"""Ask name servers: over UDP, each question from a port and with a number that nobody can guess, over TCP what is too long.

A port is open while answers are awaited on it and a moment longer, serves a limited number of questions, and hears only
the server that was asked (RFC 5452 §9.2). Servers are asked one after the other, each again with more patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from aftersend.delivery import dns_packet as packets
from aftersend.delivery.dns_packet import Answer, Truncated, Unusable

PATIENCE = (0.4, 0.6, 1.0)
"""How long an answer is awaited in each round, in parts of the time limit."""
QUESTIONS_A_PORT = 50
QUIET_S = 0.25
"""So long a port waits for another question: to open one costs more than to ask."""
READ_AT_ONCE = 64
ANSWER_MOST = 4096
"""More than we say that we take; what is longer is broken anyway."""
RANDOM_AT_ONCE = 512
SERVERS_ASKED = 3
RESOLV_CONF = Path("/etc/resolv.conf")
_KNOWS_NO_EXTENSION = frozenset({1, 4})

Server = tuple[str, int]


class NoAnswer(Exception):
    """Nobody answered, or not sensibly; it says nothing about the name."""


class NameServers:
    """Some servers, any of which will do. May be made anywhere, and used on one event loop."""

    def __init__(self, servers: Sequence[Server], *, timeout_s: float = 5.0) -> None:
        self.servers = tuple(servers)
        self._timeout_s = timeout_s
        self._ports: dict[Server, _Port] = {}
        self._old: set[Server] = set()
        self._numbers = _numbers()

    async def ask(self, name: str, kind: int) -> Answer:
        """Ask for the records of a name. Raise NoAnswer after twice the time limit, or when no server can answer."""
        try:
            section = packets.asked(name, kind)
        except ValueError as error:
            raise NoAnswer(str(error)) from None
        loop = asyncio.get_running_loop()
        end = loop.time() + 2 * self._timeout_s
        servers = list(self.servers)
        why = "there is no name server to ask"
        for part in PATIENCE:
            for server in tuple(servers):
                patience = min(part * self._timeout_s, end - loop.time())
                if patience <= 0:
                    break
                try:
                    return await self._ask(server, section, patience)
                except Unusable as error:
                    servers.remove(server)
                    why = str(error)
                except TimeoutError:
                    why = f"{server[0]} did not answer"
                except OSError as error:
                    why = f"{server[0]}: {error.strerror or error}"
                    await asyncio.sleep(min(patience, part * self._timeout_s / len(servers)))
        raise NoAnswer(f"The DNS did not answer for {name[:255]}: {why[:200]}")

    async def _ask(self, server: Server, section: bytes, patience: float) -> Answer:
        """Ask one server. Raise Unusable, TimeoutError or OSError."""
        is_extended = server not in self._old
        end = asyncio.get_running_loop().time() + patience
        try:
            return await self._over_udp(server, section, end, is_extended=is_extended)
        except Truncated:
            async with asyncio.timeout_at(end):
                return await self._over_tcp(server, section, is_extended=is_extended)
        except Unusable as error:
            if error.code not in _KNOWS_NO_EXTENSION or not is_extended:
                raise
            self._old.add(server)
            return await self._over_udp(server, section, end, is_extended=False)

    async def _over_udp(self, server: Server, section: bytes, end: float, *, is_extended: bool) -> Answer:
        port = self._ports.get(server)
        if port is None or port.is_used_up:
            port = self._ports[server] = _Port(server)
        number = next(self._numbers)
        while number in port.waiting:
            number = next(self._numbers)
        try:
            packet = await port.send(packets.question(section, number, extended=is_extended), section, number, end)
        finally:
            port.forget(number)
        return packets.read(packet, section)

    async def _over_tcp(self, server: Server, section: bytes, *, is_extended: bool) -> Answer:
        number = next(self._numbers)
        packet = packets.question(section, number, extended=is_extended)
        reader, writer = await asyncio.open_connection(*server)
        try:
            writer.write(len(packet).to_bytes(2, "big") + packet)
            size = int.from_bytes(await reader.readexactly(2), "big")
            answer = await reader.readexactly(size)
        except EOFError:
            raise Unusable("the name server closed the connection") from None
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        if not packets.is_answer_to(answer, section, number):
            raise Unusable("the name server answered another question")
        try:
            return packets.read(answer, section)
        except Truncated:
            raise Unusable("the name server's answer is cut off") from None


class _Port:
    """One port of ours toward one server. It closes when it is used up and the last answer is there, or after a quiet moment.

    One timer looks after all that is awaited on it; a timer for each question costs as much as the question.
    """

    def __init__(self, server: Server) -> None:
        self._handle = -1
        self._loop = asyncio.get_running_loop()
        self.waiting: dict[int, tuple[bytes, asyncio.Future[bytes], float]] = {}
        """The question, who awaits the answer, and until when, by number."""
        self._asked = 0
        self._used_at = 0.0
        self._look_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        family, _, _, _, place = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as opened:
            opened.setblocking(False)
            opened.connect(place)
            self._handle = opened.detach()
        self._loop.add_reader(self._handle, self._read)

    def __del__(self) -> None:
        if self._handle >= 0:  # its loop has gone without it
            os.close(self._handle)

    @property
    def is_used_up(self) -> bool:
        """Whether no more questions should be asked from it."""
        return self._asked >= QUESTIONS_A_PORT or self._handle < 0

    def send(self, packet: bytes, section: bytes, number: int, end: float) -> asyncio.Future[bytes]:
        """Ask; the future has the packet that answers, or TimeoutError at the time `end` of the loop. Raise OSError;
        `forget` the number in any case."""
        self._asked += 1
        answered = self._loop.create_future()
        self.waiting[number] = (section, answered, end)
        if self._timer is None or end < self._look_at:
            self._look_in(end)
        with contextlib.suppress(BlockingIOError):  # as if it had been lost on the way
            os.write(self._handle, packet)
        return answered

    def forget(self, number: int) -> None:
        """Await no answer with this number any more."""
        self.waiting.pop(number, None)
        if not self.waiting:
            self._used_at = self._loop.time()
            if self.is_used_up:
                self._close()
            elif self._look_at > self._used_at + QUIET_S:
                self._look_in(self._used_at + QUIET_S)

    def _look_in(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._look_at = at
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        """End what has been awaited for long enough; close if nobody has asked for a while."""
        self._timer = None
        now = self._loop.time()
        for _, answered, end in self.waiting.values():
            if end <= now and not answered.done():
                answered.set_exception(TimeoutError())
        if self.waiting:
            self._look_in(max(min(end for _, _, end in self.waiting.values()), now + 0.001))
        elif self._used_at + QUIET_S <= now:
            self._close()
        else:
            self._look_in(self._used_at + QUIET_S)

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._handle >= 0:
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self._handle = -1

    def _read(self) -> None:
        for _ in range(READ_AT_ONCE):
            try:
                packet = os.read(self._handle, ANSWER_MOST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:  # nobody listens there
                for _, answered, _ in self.waiting.values():
                    if not answered.done():
                        answered.set_exception(OSError(error.errno, error.strerror))
                return
            number = int.from_bytes(packet[:2], "big")
            awaited = self.waiting.get(number)
            if awaited is None or awaited[1].done() or not packets.is_answer_to(packet, awaited[0], number):
                continue
            awaited[1].set_result(packet)
            if len(self.waiting) == 1:
                return


def _numbers() -> Iterator[int]:
    """Numbers from 0 to 65535 that cannot be guessed."""
    while True:
        drawn = os.urandom(RANDOM_AT_ONCE)
        for place in range(0, RANDOM_AT_ONCE, 2):
            yield drawn[place] << 8 | drawn[place + 1]


def of_this_machine(path: Path = RESOLV_CONF) -> tuple[Server, ...]:
    """Return the name servers that this machine uses; one on the machine itself where it names none (resolv.conf(5))."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    found = [(line[1], 53) for line in words if len(line) > 1 and line[0] == "nameserver"]
    return tuple(found[:SERVERS_ASKED]) or (("127.0.0.1", 53),)
