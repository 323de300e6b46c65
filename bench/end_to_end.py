#!/usr/bin/env python3
"""How fast does mail go through? From the first connection until the receiving server has the last message.

python3 bench/end_to_end.py [--rounds 3] [--messages 5000] [--connections 10]
"""

from __future__ import annotations

import argparse
import time

from contestants import Aftersend, Contestant, Peak, Postfix, TunedPostfix, present, started
from figures import Run, rounds
from traffic import Sink, submit


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--size", type=int, default=10_240)
    wanted = parser.parse_args()

    def measure(kind: type[Contestant]) -> Run:
        sink = Sink()
        try:
            with started(kind(sink_port=sink.port)) as contestant:
                before = contestant.cpu_s()
                peak = Peak(contestant)
                peak.start()
                began = time.monotonic()
                submit(contestant.port, messages=wanted.messages, connections=wanted.connections, size=wanted.size)
                if not sink.wait(wanted.messages, 300):
                    raise SystemExit(f"{kind.name}: {sink.messages} of {wanted.messages} have arrived")
                took = sink.last_at - began
                time.sleep(0.5)
                cpu = contestant.cpu_s() - before
                return Run(wanted.messages / took, cpu / wanted.messages * 1000, peak.end())
        finally:
            sink.stop()

    print(f"{wanted.messages} messages of {wanted.size} bytes, {wanted.connections} connections, one domain")
    rounds(present(Postfix, TunedPostfix, Aftersend), wanted.rounds, measure)


if __name__ == "__main__":
    main()
