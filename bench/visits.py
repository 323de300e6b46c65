#!/usr/bin/env python3
"""How fast are visits answered, and is any of them lost?

One node that only listens for visits, on SQLite, beside nginx with its `empty_gif` and access log, both asked by wrk over 50
connections in turn. Then: every answered visit is looked for in the database, at a given rate with a SIGTERM in the middle.
Then: the same rate of answers while thousands of others ask and never read. Needs nginx and wrk (`apt-get install nginx wrk`).

python3 bench/visits.py [--rounds 3] [--seconds 4] [--rate 10000] [--slow 5000]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE / "tests"), str(HERE / "src")]

from aftersend import clock  # noqa: E402
from aftersend.control.secret import Secret  # noqa: E402
from aftersend.mail.tracking_tokens import Kind, Tokens  # noqa: E402
from aftersend.store import Engine, upgrade  # noqa: E402
from aftersend.store.engine import insert_rows, many  # noqa: E402
from aftersend.store.schema.tracking import links  # noqa: E402

SECRET = "a secret for measurements only"
PORT, NGINX_PORT = 18925, 18926
URL = f"http://127.0.0.1:{PORT}"
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
CONNECTIONS, UNDER_WAY = 50, 8
PICTURE = 43
FIRST = 1_000_000
LOOK_S = 0.25


def tokens() -> Tokens:
    """What the node under test reads."""
    return Tokens((Secret(SECRET).derive("tracking"),))


class Node:
    """A node that only listens for visits."""

    def __init__(self, folder: str) -> None:
        self.database = f"{folder}/aftersend.db"
        engine = Engine(f"sqlite:///{self.database}")
        upgrade.upgrade(engine)
        with engine.writing() as connection:
            rows = [(1, 7, number, f"https://shop.example/offer/{number}", "Offer") for number in range(1, 11)]
            many(connection, insert_rows(links), rows)
        engine.close()
        variables = {
            **os.environ, "PYTHONPATH": str(HERE / "src"), "AFTERSEND_DATA_DIR": folder, "AFTERSEND_SECRET": SECRET,
            "AFTERSEND_TRACKING_LISTEN": f"127.0.0.1:{PORT}", "AFTERSEND_TRACKING_URL": URL, "AFTERSEND_LOG_LEVEL": "warning",
        }  # fmt: skip
        command = [sys.executable, "-m", "aftersend", "serve", "--only", "tracking"]
        self.process = subprocess.Popen(command, env=variables)
        for _ in range(200):
            if subprocess.run(["curl", "-s", "-o", "/dev/null", f"{URL}/healthz"], check=False).returncode == 0:
                return
            time.sleep(0.05)
        raise SystemExit("the node did not start")

    def stop(self) -> None:
        """End it in good order."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def kept(self) -> list[int]:
        """The deliveries of all hits that are in the database."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            return [row[0] for row in connection.execute("SELECT delivery_id FROM hits")]

    def number(self) -> int:
        """How many hits are in the database."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM hits").fetchone()[0])

    def cpu_s(self) -> float:
        """Seconds of the processor so far."""
        said = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(said[11]) + int(said[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Megabytes that it holds."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Nginx:
    """nginx with `empty_gif` and its access log, one worker."""

    def __init__(self, folder: str) -> None:
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(
            f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;"
            "events { worker_connections 2000; }"
            f"http {{ access_log {folder}/access.log; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;"
            f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;"
            f"server {{ listen 127.0.0.1:{NGINX_PORT}; location / {{ empty_gif; }} }} }}"
        )
        nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        self.process = subprocess.Popen([nginx or "nginx", "-c", str(configuration)])
        time.sleep(0.5)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)


def wrk(url: str, seconds: int) -> float:
    """Return answers a second."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"User-Agent: {AGENT}", url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", said)
    assert found is not None, said
    if "Non-2xx" in said and "/c/" not in url:
        raise SystemExit(said)
    return float(found[1])


def speed(node: Node, rounds: int, seconds: int) -> None:
    """Ask both in turn, and print the ratios."""
    now = clock.now() // clock.SECOND
    places = {
        "picture": f"{URL}/o/{tokens().make(Kind.OPEN, 1, 7, 9, 0, now)}.gif",
        "link": f"{URL}/c/{tokens().make(Kind.CLICK, 1, 7, 9, 3, now)}",
    }
    with tempfile.TemporaryDirectory() as folder:
        nginx = Nginx(folder)
        ratios: dict[str, list[float]] = {name: [] for name in places}
        for _ in range(rounds):
            theirs = wrk(f"http://127.0.0.1:{NGINX_PORT}/x.gif", seconds)
            for name, url in places.items():
                before = node.cpu_s()
                ours = wrk(url, seconds)
                ratios[name].append(ours / theirs)
                cpu = (node.cpu_s() - before) / (ours * seconds) * 1000
                print(
                    f"{name:8} {ours:9,.0f}/s  nginx {theirs:9,.0f}/s  {ours / theirs:.2f}  {cpu:.3f} CPU s per 1,000"
                )
        nginx.stop()
    for name, found in ratios.items():
        print(f"{name}: {statistics.median(found):.2f} times nginx (median of {rounds})")


class Visitor(asyncio.Protocol):
    """One connection that keeps some requests under way, and notes which of them were answered whole."""

    def __init__(self, take: Callable[[], tuple[int, bytes] | None], answered: set[int]) -> None:
        self._take = take
        self._answered = answered
        self._asked: deque[int] = deque()
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.gone = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment]
        self.ask()

    def ask(self) -> None:
        """Ask as much as may be under way."""
        said = []
        while len(self._asked) < UNDER_WAY and (one := self._take()) is not None:
            self._asked.append(one[0])
            said.append(one[1])
        if said and self._transport is not None:
            self._transport.write(b"".join(said))

    def data_received(self, data: bytes) -> None:
        """Note who was answered: a head, and the picture."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0 and len(self._buffer) >= end + 4 + PICTURE:
            self._buffer = self._buffer[end + 4 + PICTURE :]
            self._answered.add(self._asked.popleft())
        self.ask()

    def connection_lost(self, _error: Exception | None) -> None:
        """End."""
        self.gone.set_result(None)


async def visit_all(node: Node, rate: int, seconds: int, stop_after_s: float) -> tuple[set[int], float]:
    """Visit at a rate, each time as another delivery; stop the node on the way. Return who was answered, and the worst lag."""
    made, now = tokens(), clock.now() // clock.SECOND
    answered: set[int] = set()
    history: list[tuple[float, int]] = []
    numbers = range(FIRST, FIRST + rate * seconds)
    rest = f".gif HTTP/1.1\r\nHost: t\r\nUser-Agent: {AGENT}\r\n\r\n"
    ready = [(each, f"GET /o/{made.make(Kind.OPEN, 1, 7, each, 0, now)}{rest}".encode()) for each in numbers]
    waiting = iter(ready)
    started, taken, worst = time.perf_counter(), 0, 0.0

    def take() -> tuple[int, bytes] | None:
        nonlocal taken
        if taken > (time.perf_counter() - started) * rate:
            return None
        taken += 1
        return next(waiting, None)

    loop = asyncio.get_running_loop()
    visitors = [
        (await loop.create_connection(lambda: Visitor(take, answered), "127.0.0.1", PORT))[1]
        for _ in range(CONNECTIONS)
    ]

    async def pace() -> None:
        while True:
            for each in visitors:
                each.ask()
            await asyncio.sleep(0.005)

    async def look() -> None:
        nonlocal worst
        while node.process.poll() is None:
            await asyncio.sleep(LOOK_S)
            when, there = time.perf_counter(), await asyncio.to_thread(node.number)
            history.append((when, len(answered)))
            behind = next((at for at, number in history if number > there), when)
            worst = max(worst, when - behind)

    others = [asyncio.ensure_future(work()) for work in (pace, look)]
    await asyncio.sleep(stop_after_s)
    node.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*(each.gone for each in visitors))
    await asyncio.to_thread(node.process.wait, 60)
    for each in others:
        each.cancel()
    return answered, worst


def losses(folder: str, rate: int, seconds: int) -> bool:
    """Look for every answered visit."""
    node = Node(folder)
    began = time.perf_counter()
    answered, worst = asyncio.run(visit_all(node, rate, seconds, seconds / 2))
    took = min(seconds / 2, time.perf_counter() - began)
    kept = node.kept()
    lost, doubled = len(answered - set(kept)), len(kept) - len(set(kept))
    print(
        f"answered {len(answered):,} ({len(answered) / took:,.0f}/s asked for {rate:,}/s) until SIGTERM; kept {len(set(kept)):,}; "
        f"lost {lost}, doubled {doubled}; written within {worst + LOOK_S:.2f} s"
    )
    return not lost and not doubled


async def crowd(number: int) -> list[asyncio.StreamWriter]:
    """Let so many ask again and again, and never read."""
    made, now = tokens(), clock.now() // clock.SECOND
    token = made.make(Kind.OPEN, 1, 7, 9, 0, now)
    request = f"GET /o/{token}.gif HTTP/1.1\r\nHost: t\r\n\r\n".encode()
    writers = []
    for _ in range(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT, limit=2)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(request * 3 + request[:40])
        writers.append(writer)
    return writers


def slow_readers(node: Node, number: int, seconds: int) -> None:
    """Ask beside a crowd that never reads."""
    now = clock.now() // clock.SECOND
    url = f"{URL}/o/{tokens().make(Kind.OPEN, 1, 7, 9, 0, now)}.gif"
    alone, before = wrk(url, seconds), node.memory_mb()

    async def beside() -> float:
        writers = await crowd(number)
        found = await asyncio.to_thread(wrk, url, seconds)
        print(f"{len(writers):,} slow readers held, {node.memory_mb() - before:.0f} MB more")
        for writer in writers:
            writer.transport.abort()
        return found

    found = asyncio.run(beside())
    print(f"picture alone {alone:,.0f}/s, beside {number:,} slow readers {found:,.0f}/s: {found / alone:.2f}")


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--slow", type=int, default=5_000)
    chosen = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        node = Node(folder)
        try:
            speed(node, chosen.rounds, chosen.seconds)
            slow_readers(node, chosen.slow, chosen.seconds)
        finally:
            node.stop()
    with tempfile.TemporaryDirectory() as folder:
        return 0 if losses(folder, chosen.rate, 2 * chosen.seconds) else 1


if __name__ == "__main__":
    sys.exit(main())
