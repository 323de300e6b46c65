#!/usr/bin/env python3
"""Does a huge mailing delay another customer's single message? The real service, with everything on.

Half a million deliveries of one account are due and go out as fast as their servers take them, or to servers that say "later".
Meanwhile another account hands in single transactional messages over HTTP. Printed is how long each took from the answer until
its server had it. At the end it is said how much of the mailing still waited, and how fast it went meanwhile.

python3 bench/fairness.py [--waiting 500000] [--probes 20] [--later]
"""

from __future__ import annotations

import argparse
import http.client
import json
import sqlite3
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE / "tests"), str(HERE / "src"), str(HERE / "bench")]

from claims import fill  # noqa: E402
from contestants import Aftersend, free_port  # noqa: E402
from traffic import Sink  # noqa: E402

from aftersend import clock  # noqa: E402
from aftersend.control import keys  # noqa: E402
from aftersend.ids import IdSource  # noqa: E402
from aftersend.store import Engine, accounts, upgrade  # noqa: E402

BOUND_S = 2.0
APART_S = 0.5
MESSAGE = {"from": "shop@sender.test", "to": "ann@other.test", "subject": "Your new password", "text": "Hello"}


def prepare(service: Aftersend, number: int) -> str:
    """Let so many deliveries of the first account wait; return a key of another one."""
    service.database.parent.mkdir(parents=True)
    engine = Engine(f"sqlite:///{service.database}")
    upgrade.upgrade(engine)
    ids = IdSource(clock.now, 1000)
    with engine.writing() as connection:
        accounts.ensure_first(connection, now=clock.now())
        accounts.create(connection, 2, "other", now=clock.now())
        key = keys.create(connection, 2, ids(), name="bench", scopes=["*"], now=clock.now())
    fill(engine, ids, number)
    engine.close()
    return str(key)


def send(port: int, key: str) -> None:
    """Hand a message in, and wait for the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/messages", json.dumps(MESSAGE), headers)
    answer = connection.getresponse()
    if answer.status != 202:
        raise SystemExit(answer.read().decode())
    connection.close()


def untried(service: Aftersend) -> int:
    """How many of the mailing were not tried yet."""
    with sqlite3.connect(f"file:{service.database}?mode=ro", uri=True) as connection:
        query = "SELECT count(*) FROM queue WHERE account_id = 1 AND stage = 2 AND tries = 0"
        return int(connection.execute(query).fetchone()[0])


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=500_000)
    parser.add_argument("--probes", type=int, default=20)
    parser.add_argument("--later", action="store_true", help="the mailing's servers say 450 to everybody")
    chosen = parser.parse_args()
    mailing, other, web = Sink(defers=chosen.later), Sink(), free_port()
    service = Aftersend(
        AFTERSEND_DELIVERY_ROUTES=f"*=127.0.0.1:{mailing.port},other.test=127.0.0.1:{other.port}",
        AFTERSEND_WEB_LISTEN=f"127.0.0.1:{web}",
    )
    took = []
    try:
        key = prepare(service, chosen.waiting)
        service.start()
        began, before = time.monotonic(), untried(service)
        for number in range(chosen.probes):
            time.sleep(APART_S)
            send(web, key)
            answered = time.monotonic()
            if not other.wait(number + 1, 60):
                raise SystemExit("a message did not arrive within a minute")
            took.append(time.monotonic() - answered)
        lasted, left = time.monotonic() - began, untried(service)
    finally:
        service.stop()
        service.remove()
        mailing.stop()
        other.stop()
    ordered = sorted(took)
    print(
        f"{chosen.waiting:,} waiting, {chosen.probes} single messages of another account: median "
        f"{statistics.median(took):.3f} s, longest {ordered[-1]:.3f} s (at most {BOUND_S:g} s wanted); meanwhile "
        f"{(before - left) / lasted:,.0f} a second of the mailing were tried, {left:,} still waited at the end"
    )
    if ordered[-1] > BOUND_S:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
