#!/usr/bin/env python3
"""How fast is mail taken in durably? The servers keep what they take; nothing is delivered.

python3 bench/accept.py [--rounds 3] [--messages 3000]
"""

from __future__ import annotations

import argparse

from contestants import Aftersend, Contestant, Peak, Postfix, TunedPostfix, present, started
from figures import Run, rounds
from traffic import submit

CASES = ((1, 1), (50, 1), (200, 1), (10, 100))
"""Connections, and recipients of a message."""


def main() -> None:
    """Measure every case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--size", type=int, default=10_240)
    wanted = parser.parse_args()
    kinds = present(Postfix, TunedPostfix, Aftersend)
    for connections, recipients in CASES:
        messages = max(100, wanted.messages // (3 if connections == 1 else 1) // (10 if recipients > 1 else 1))
        print(f"{messages} messages of {wanted.size} bytes, {connections} connections, {recipients} recipients each")

        def measure(kind: type[Contestant], connections=connections, recipients=recipients, messages=messages) -> Run:
            with started(kind(hold=True)) as contestant:
                submit(contestant.port, messages=max(100, connections), connections=connections, size=wanted.size)
                before = contestant.cpu_s()
                peak = Peak(contestant)
                peak.start()
                took = submit(
                    contestant.port, messages=messages, connections=connections, size=wanted.size, recipients=recipients
                )
                cpu = contestant.cpu_s() - before
                return Run(messages / took, cpu / messages * 1000, peak.end())

        rounds(kinds, wanted.rounds, measure)


if __name__ == "__main__":
    main()
