#!/usr/bin/env python3
"""How fast are recipients taken in who each get words of their own? One request names 1,000 of them with their data.

Beside it a Postfix takes as many ready-made messages as it can over 50 connections. Both keep what they take durably;
nothing is delivered. With --deliver everything is also made, and sent to a sink, by both.

python3 bench/personal.py [--rounds 3] [--requests 20] [--deliver]
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import time

from contestants import Aftersend, Contestant, Peak, Postfix, TunedPostfix, free_port, present, python, started
from figures import Run, rounds
from traffic import Sink, submit

RECIPIENTS = 1000
LINKS = 10
FILLER = "<p>Some words that are the same for everybody, so that the message is as long as mail is.</p>\n"


class Personal(Aftersend):
    """The product, asked over HTTP."""

    def __init__(self, *, sink_port: int = 9, hold: bool = False) -> None:
        self.web_port = free_port()
        super().__init__(sink_port=sink_port, hold=hold, AFTERSEND_WEB_LISTEN=f"127.0.0.1:{self.web_port}")
        self.key = ""

    def start(self) -> float:
        """Start it, and make a key."""
        took = super().start()
        made = subprocess.run(
            [python(), "-m", "aftersend", "key", "create", "bench", "--scope", "*", "--json"],
            env=self.environment(), cwd=self.folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        told = json.loads(made.stdout)
        self.key = max((v for v in told.values() if isinstance(v, str) and v.startswith("as_")), key=len)
        return took

    def request(self, number: int, size: int) -> bytes:
        """One request with 1,000 recipients."""
        links = "".join(
            f'<a href="https://shop.example/p/{i}?c={{{{ code|urlencode }}}}">{i}</a>\n' for i in range(LINKS)
        )
        html = f"<html><body><p>Dear {{{{ name }}}},</p>\n{links}{FILLER * (size // len(FILLER))}</body></html>"
        return json.dumps(
            {
                "from": "News <news@sender.test>",
                "subject": "News for {{ name }}",
                "text": "Dear {{ name }}, your code is {{ code }}.",
                "html": html,
                "recipients": [
                    {"to": f"p{number}.{i}@dest.test", "data": {"name": f"Person {i}", "code": f"C{i}"}}
                    for i in range(RECIPIENTS)
                ],
            }
        ).encode()

    def take(self, requests: list[bytes]) -> float:
        """Send them one after the other; return the seconds until the last was acknowledged."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        began = time.monotonic()
        for body in requests:
            connection.request("POST", "/v1/messages", body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 202:
                raise SystemExit(f"answered {answer.status}: {said[:500]!r}")
        took = time.monotonic() - began
        connection.close()
        return took


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--messages", type=int, default=3000, help="for Postfix")
    parser.add_argument("--size", type=int, default=10_240)
    parser.add_argument("--deliver", action="store_true")
    wanted = parser.parse_args()

    def measure(kind: type[Contestant]) -> Run:
        sink = Sink() if wanted.deliver else None
        try:
            with started(kind(hold=not wanted.deliver, sink_port=sink.port if sink else 9)) as contestant:
                prepared = isinstance(contestant, Personal)
                bodies = [contestant.request(i, wanted.size) for i in range(wanted.requests)] if prepared else []
                number = len(bodies) * RECIPIENTS if prepared else wanted.messages
                before = contestant.cpu_s()
                peak = Peak(contestant)
                peak.start()
                began = time.monotonic()
                if isinstance(contestant, Personal):
                    took = contestant.take(bodies)
                else:
                    took = submit(contestant.port, messages=number, connections=50, size=wanted.size)
                if sink is not None:
                    if not sink.wait(number, 300):
                        raise SystemExit(f"{kind.name}: {sink.messages} of {number} have arrived")
                    took = sink.last_at - began
                cpu = contestant.cpu_s() - before
                return Run(number / took, cpu / number * 1000, peak.end())
        finally:
            if sink is not None:
                sink.stop()

    print(f"{wanted.requests} requests with {RECIPIENTS} recipients each, about {wanted.size} bytes a message")
    rounds(present(Postfix, TunedPostfix, Personal), wanted.rounds, measure)


if __name__ == "__main__":
    main()
