"""Run the service as a process of its own, as an operator does: start it, end it or kill it, read its log."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

START_S = 60.0
STOP_S = 60.0


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def greeting(port: int, timeout_s: float = 5.0) -> bytes:
    """Return the first line that a server says; b"" when there is none to be had."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            return connection.recv(512)
    except OSError:
        return b""


class NodeProcess:
    """One node. Its ports and its data directory outlive the process, so it can be killed and started again."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "one",
        only: tuple[str, ...] = (),
        workers: int | None = None,
        **settings: object,
    ) -> None:
        """`settings` are dotted names with `__` for the dot: `delivery__hold="1"`."""
        self.folder = folder
        self.name = name
        self.smtp_port = free_port()
        self.smtps_port = 0
        self.web_port = free_port()
        self.log_file = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._only = only
        self._workers = workers
        self._settings = {
            "data_dir": folder / f"data-{name}",
            "node": name,
            "smtp__listen": f"127.0.0.1:{self.smtp_port}",
            "smtp__hostname": "mail.example.org",
            "smtp__trusted_networks": "127.0.0.0/8",
            "web__listen": f"127.0.0.1:{self.web_port}",
            "log__format": "json",
            **settings,
        }

    @property
    def store_url(self) -> str:
        """The database that it works on."""
        given = self._settings.get("store__url")
        return str(given) if given else f"sqlite:///{self._settings['data_dir']}/aftersend.db"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that configure it, and any other process that is to see the same installation."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AFTERSEND_")}
        return kept | {f"AFTERSEND_{k.upper().replace('__', '_')}": str(v) for k, v in self._settings.items()}

    def start(self) -> float:
        """Start it, wait until all its ports are open, and return after how many seconds it greeted."""
        starts = self._starts()
        greeted_after = self.launch()
        self._wait_until(lambda: self._starts() > starts)
        return greeted_after

    def launch(self) -> float:
        """Start it and return after how many seconds it greeted; its other ports may open later."""
        began = time.monotonic()
        command = [sys.executable, "-m", "aftersend", "serve"]
        for part in self._only:
            command += ["--only", part]
        if self._workers is not None:
            command += ["--workers", str(self._workers)]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait_until(lambda: greeting(self.smtp_port).startswith(b"220"))
        return time.monotonic() - began

    def _wait_until(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + START_S
        while not is_so():
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{self.name} did not start:\n{self.log_text()[-4000:]}")
            time.sleep(0.02)

    def _starts(self) -> int:
        """How many times it has said that it is ready."""
        return self.log_text().count('"event": "started"')

    def kill(self) -> None:
        """End it as a power cut would, without a word."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def worker_ids(self) -> list[int]:
        """The process ids of its workers."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"app.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def stop(self) -> float:
        """Ask it to stop and return after how many seconds it had; it must end with status 0."""
        assert self.process is not None
        began = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop:\n{self.log_text()[-4000:]}") from None
        self.process = None
        assert status == 0, f"{self.name} ended with {status}:\n{self.log_text()[-4000:]}"
        return time.monotonic() - began

    def end(self) -> None:
        """Make sure that it does not run any more, whatever state it is in."""
        if self.process is not None:
            self.kill()

    def log_text(self) -> str:
        """All that it has said in all its lives."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def log(self) -> Iterator[dict[str, Any]]:
        """Its log, one record at a time."""
        for line in self.log_text().splitlines():
            if line.startswith("{"):
                try:
                    yield json.loads(line)
                except ValueError:  # a line that a kill cut in two
                    continue

    def events(self, name: str) -> list[dict[str, Any]]:
        """The records of one kind."""
        return [record for record in self.log() if record.get("event") == name]
