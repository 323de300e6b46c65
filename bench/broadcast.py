#!/usr/bin/env python3
"""How fast does a broadcast go out? Each recipient gets a copy of his own: 10 tracked links, the pixel and List-Unsubscribe with
tokens of his own, his name, signed with RSA-2048; from the start until the receiving server has the last one.

Beside it a Postfix is handed ready-made, unsigned messages of the same size, and sends them on.

python3 bench/broadcast.py [--recipients 100000] [--messages 10000] [--rounds 1]
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import time
from typing import Any

from contestants import Contestant, Peak, Postfix, TunedPostfix, present, python, started
from figures import Run, rounds
from personal import FILLER, LINKS, Personal
from traffic import Sink, submit

FILE_MOST = 50_000
TRACKED_AT = "http://t.bench.test"
MEMORY_AT = (0.1, 0.5, 1.0)


class Broadcast(Personal):
    """The product, with a domain that signs, tracking, and a list of contacts."""

    def __init__(self, *, sink_port: int = 9, hold: bool = False) -> None:
        super().__init__(sink_port=sink_port, hold=hold)
        self.settings["AFTERSEND_TRACKING_URL"] = TRACKED_AT

    def start(self) -> float:
        """Start it with a domain whose keys sign at once."""
        took = super().start()
        subprocess.run(
            [python(), "-m", "aftersend", "domain", "add", "sender.test", "--sign-now", "--local"],
            env=self.environment(), cwd=self.folder, capture_output=True, check=True,
        )  # fmt: skip
        self.stop()
        super(Personal, self).start()
        return took

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask for what must succeed."""
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}"}
        if content is not None:
            headers["Content-Type"] = "text/csv" if isinstance(body, bytes) else "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=300)
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {said[:500]!r}")
        return json.loads(said) if said else None

    def drafted(self, recipients: int, size: int) -> str:
        """A list with so many people, and a draft that goes to it; its id."""
        self.ask("POST", "/v1/lists", {"name": "all"})
        for first in range(0, recipients, FILE_MOST):
            numbers = range(first, min(first + FILE_MOST, recipients))
            rows = [f"p{i}@dest.test,Person {i},C{i}" for i in numbers]
            self.ask("POST", "/v1/contacts/import?list=all", ("email,name,code\n" + "\n".join(rows)).encode())
        links = "".join(f'<a href="https://shop.example/p/{i}">{i}</a>\n' for i in range(LINKS))
        body = f"<p>Dear {{{{ name }}}},</p>\n{links}{FILLER * (size // len(FILLER))}"
        message = {
            "from": "News <news@sender.test>", "subject": "News for {{ name }}", "text": "Dear {{ name }}",
            "html": f"<html><body>{body}</body></html>",
        }  # fmt: skip
        return str(self.ask("POST", "/v1/broadcasts", {"name": "x", "lists": ["all"], "message": message})["id"])


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--messages", type=int, default=10_000, help="for Postfix")
    parser.add_argument("--size", type=int, default=10_240)
    parser.add_argument("--alone", action="store_true", help="Measure the product alone.")
    wanted = parser.parse_args()

    def measure(kind: type[Contestant]) -> Run:
        sink = Sink()
        try:
            with started(kind(sink_port=sink.port)) as contestant:
                is_ours = isinstance(contestant, Broadcast)
                number = wanted.recipients if is_ours else wanted.messages
                shown = contestant.drafted(number, wanted.size) if isinstance(contestant, Broadcast) else ""
                before = contestant.cpu_s()
                peak = Peak(contestant)
                peak.start()
                began = time.monotonic()
                if isinstance(contestant, Broadcast):
                    contestant.ask("POST", f"/v1/broadcasts/{shown}/start", {})
                else:
                    submit(contestant.port, messages=number, connections=50, size=wanted.size)
                memory = []
                for share in MEMORY_AT:
                    if not sink.wait(int(number * share), 600):
                        raise SystemExit(f"{kind.name}: {sink.messages} of {number} have arrived")
                    memory.append(f"{contestant.memory_mib():.0f}")
                took = sink.last_at - began
                cpu = contestant.cpu_s() - before
                if is_ours:
                    print(f"  memory at {', '.join(f'{share:.0%}' for share in MEMORY_AT)}: {', '.join(memory)} MiB")
                return Run(number / took, cpu / number * 1000, peak.end())
        finally:
            sink.stop()

    print(f"{wanted.recipients} recipients, about {wanted.size} bytes a message, {LINKS} links and a pixel, RSA-2048")
    kinds = (Broadcast,) if wanted.alone else (Postfix, TunedPostfix, Broadcast)
    rounds(present(*kinds), wanted.rounds, measure)


if __name__ == "__main__":
    main()
