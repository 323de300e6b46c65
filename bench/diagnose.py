#!/usr/bin/env python3
"""How many returned mails and replies are diagnosed in a CPU second, and how many mails by flufl.bounce in the same run?

python3 bench/diagnose.py [--rounds 15]

The peer is measured where it can be imported: `pip install --target /var/tmp/peer flufl.bounce`, then run this with
PYTHONPATH=/var/tmp/peer. It finds addresses only; diagnosis finds the reason, the action and the words as well.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from contestants import python
from samples import mails_and_replies

if Path(python()).absolute() != Path(sys.executable).absolute() and "AFTERSEND_BENCH" not in os.environ:
    os.execve(python(), [python(), *sys.argv], {**os.environ, "AFTERSEND_BENCH": "1"})

from aftersend.policy.diagnosis import diagnose_mail, diagnose_text, forget, load_tables


def peer() -> Callable[[bytes], object] | None:
    """Return what flufl.bounce does with a mail, or None where it is not installed."""
    try:
        from flufl.bounce import scan_message  # type: ignore[import-not-found]
    except ImportError:
        return None
    from email import message_from_bytes

    logging.disable(logging.CRITICAL)

    def scan(mail: bytes) -> object:
        with contextlib.suppress(Exception):
            return scan_message(message_from_bytes(mail))
        return None

    return scan


def rate(work: Callable[[Any], object], samples: Sequence[Any]) -> float:
    """Return how many samples one pass does in a CPU second."""
    began = time.process_time()
    for sample in samples:
        work(sample)
    return len(samples) / (time.process_time() - began)


def main() -> None:
    """Measure in turn, so that whatever else the machine does meets all alike, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    wanted = parser.parse_args()
    mails, replies, place = mails_and_replies()
    load_tables()
    scan = peer()
    rates: dict[str, list[float]] = {
        "mails, all new": [],
        "mails seen before": [],
        "replies, all new": [],
        "replies seen before": [],
    }
    rates |= {"mails, flufl.bounce": []} if scan else {}
    for _ in range(wanted.rounds):
        forget()
        rates["mails, all new"].append(rate(diagnose_mail, mails))
        if scan:
            rates["mails, flufl.bounce"].append(rate(scan, mails))
        rates["mails seen before"].append(rate(diagnose_mail, mails))
        forget()
        rates["replies, all new"].append(rate(diagnose_text, replies))
        rates["replies seen before"].append(rate(diagnose_text, replies))
    print(
        f"{len(mails)} mails and {len(replies)} replies of {place}; median of {wanted.rounds} rounds, one in turn with the other"
    )
    for name, found in rates.items():
        line = f"  {name:22s} {statistics.median(found):8.0f} a CPU second [{min(found):.0f}…{max(found):.0f}]"
        if scan and name.startswith("mails") and "flufl" not in name:
            both = zip(found, rates["mails, flufl.bounce"], strict=True)
            line += f"   ×{statistics.median(own / other for own, other in both):.2f} flufl.bounce"
        print(line)
    if scan is None:
        print("  flufl.bounce is not installed, so there is nobody to compare with")


if __name__ == "__main__":
    main()
