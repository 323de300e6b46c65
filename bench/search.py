#!/usr/bin/env python3
"""How fast is the email log searched? Makes a log of many rows, spread over a month, and asks what people ask.

python3 bench/search.py [--rows 1000000] [--url postgresql://…] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from contestants import python

if Path(python()).absolute() != Path(sys.executable).absolute() and "AFTERSEND_BENCH" not in os.environ:
    os.execve(python(), [python(), *sys.argv], {**os.environ, "AFTERSEND_BENCH": "1"})

from sqlalchemy import Connection, Integer, func, insert, select, update

from aftersend import clock, ids
from aftersend.ledger.facts import Fact
from aftersend.ledger.vocabularies import delivery_results, life_cycle
from aftersend.reports import history, log, search
from aftersend.store import Engine, accounts, deliveries, schema, upgrade
from aftersend.store.engine import insert_rows, many

MONTH = 30 * clock.DAY
BATCH = 5000
FATES = (
    (0.87, (Fact.DELIVERED,), None),
    (0.05, (Fact.DELIVERED, Fact.OPENED), None),
    (0.03, (Fact.BOUNCED,), "mailbox_full"),
    (0.02, (Fact.BOUNCED_INVALID,), "invalid_recipient"),
    (0.02, (Fact.DEFERRED,), "server_busy"),
    (0.01, (Fact.SUPPRESSED,), None),
)
"""What became of how many, and why."""
RARE_BROADCAST = 77
RARE = range(5000, 5010)
"""The rows, among the oldest, that have what no other row has: a sender, a tag, a stream and so on."""
SUBJECTS = ("Your invoice", "Welcome", "News of the week", "Password reset", "Your order has been sent", "Reminder")


def fill(engine: Engine, rows: int) -> None:
    """Write a log of so many rows, a message each."""
    chance = random.Random(1)
    now = clock.now()
    moment = now - MONTH
    source = ids.IdSource(lambda: moment, 1)
    tables = (schema.messages, schema.bodies, schema.deliveries, schema.events, schema.queue)
    inserts = {table.name: insert_rows(table) for table in tables}
    began = time.monotonic()
    for done in range(0, rows, BATCH):
        waiting: dict[str, list[tuple[object, ...]]] = {table.name: [] for table in tables}
        if not done:
            waiting["bodies"].append((accounts.FIRST_ACCOUNT, b"b" * 32, b"Hi\r\n", 4, now))
        for number in range(done, min(done + BATCH, rows)):
            moment = now - MONTH + MONTH * number // rows
            for table, row in written(number, moment, source, chance):
                waiting[table].append(row)
        with engine.writing() as connection:
            for table, found in waiting.items():
                many(connection, inserts[table], found)
        if sys.stderr.isatty():
            print(f"\r{done + BATCH} rows", end="", file=sys.stderr)
    with engine.writing() as connection:
        _one_broadcast(connection, now)
    print(f"{rows} rows written in {time.monotonic() - began:.0f} s, {engine.size_bytes() / 1024 / 1024:.0f} MiB")


def written(
    number: int, moment: int, source: ids.IdSource, chance: random.Random
) -> Iterator[tuple[str, tuple[object, ...]]]:
    """The rows of one message to one recipient, by table."""
    account = accounts.FIRST_ACCOUNT
    message, delivery = source(), source()
    fate, facts, reason = 0.0, FATES[0][1], None
    point = chance.random()
    for share, its_facts, its_reason in FATES:
        fate += share
        if point < fate:
            facts, reason = its_facts, its_reason
            break
    known = (Fact.RECEIVED, Fact.TREATED, *facts)
    bits = sum(fact.bit for fact in known)
    is_rare = number in RARE
    if is_rare:
        bits, reason = bits | Fact.COMPLAINED.bit, "message_too_large"
        known = (*known, Fact.COMPLAINED)
    domain = "rare.test" if is_rare else _domain(chance)
    recipient = f"person{chance.randrange(200_000)}@{domain}"
    stream = "seldom" if is_rare else "transactional" if number % 3 else "broadcast"
    values = {
        "account_id": account, "id": message, "stream": stream, "via": "smtp",
        "sender": "rare@sender.test" if is_rare else "shop@sender.test",
        "header_from": "shop@sender.test", "subject": f"{SUBJECTS[number % len(SUBJECTS)]} {number}",
        "rfc_message_id": f"<{number}@sender.test>", "headers": b"", "body": b"b" * 32, "size": 4, "flags": 0,
        "tags": '["seldom"]' if is_rare else '["invoice"]' if number % 50 == 0 else None,
        "metadata": '{"order":"seldom"}' if is_rare else f'{{"order":"{number}"}}' if number % 10 == 0 else None,
        "received": "{}", "received_us": moment, "broadcast_id": RARE_BROADCAST if is_rare else None,
    }  # fmt: skip
    yield "messages", tuple(values.get(column.name) for column in schema.messages.columns)
    values = {
        "account_id": account, "id": delivery, "message_id": message, "stream": stream, "recipient": recipient,
        "folded": recipient, "domain": domain, "facts": bits, "result": delivery_results.rank_of_bits(bits),
        "life": life_cycle.rank_of_bits(bits), "reason": reason, "tries": 1, "created_us": moment, "changed_us": moment,
        "broadcast_id": RARE_BROADCAST if is_rare else None,
    }  # fmt: skip
    yield "deliveries", tuple(values.get(column.name) for column in schema.deliveries.columns)
    for fact in known:
        values = {
            "account_id": account, "delivery_id": delivery, "key": source(), "kind": fact.word, "fact": int(fact),
            "occurred_us": moment, "recorded_us": moment, "reason": reason if fact in facts else None,
        }  # fmt: skip
        yield "events", tuple(values.get(column.name) for column in schema.events.columns)
    if Fact.DEFERRED in facts:
        values = {
            "account_id": account, "delivery_id": delivery, "stage": 2, "holder": 0, "tries": 1, "faults": 0,
            "due_us": moment + MONTH, "expires_us": moment + 2 * MONTH, "site": domain, "waits": "retry", "lane": 0,
        }  # fmt: skip
        yield "queue", tuple(values.get(column.name) for column in schema.queue.columns)


def _one_broadcast(connection: Connection, now: int) -> None:
    """Make a broadcast of the rows that say they are of one."""
    d, b = schema.deliveries, schema.audience.broadcasts
    theirs = d.c.broadcast_id == RARE_BROADCAST
    message = connection.execute(select(func.min(d.c.message_id)).where(theirs)).scalar_one()
    connection.execute(update(d).where(theirs).values(message_id=message))
    values = {"account_id": accounts.FIRST_ACCOUNT, "id": RARE_BROADCAST, "message_id": message, "state": "sent",
              "created_us": now, "changed_us": now, "people": len(RARE)}  # fmt: skip
    empty = {column.name: 0 if isinstance(column.type, Integer) else "" for column in b.columns if not column.nullable}
    connection.execute(insert(b).values(**{**empty, **values}))


def _domain(chance: random.Random) -> str:
    """Most people are with few providers."""
    place = chance.randrange(4000)
    return "gmail.com" if place < 1500 else "outlook.com" if place < 2000 else f"d{place - 2000}.test"


def ask(engine: Engine, name: str, words: list[tuple[str, str]], times: int, **place: str) -> None:
    """Ask one question several times and print how long it takes."""
    taken = []
    found = 0
    for _ in range(times):
        began = time.perf_counter()
        with engine.reading() as connection:
            wanted = search.read(words, now=clock.now())
            found = len(log.page(connection, accounts.FIRST_ACCOUNT, wanted, **place).rows)
        taken.append((time.perf_counter() - began) * 1000)
    print(
        f"  {name:46s} {found:3d} rows  median {statistics.median(taken):8.1f} ms  worst {max(taken):8.1f} ms",
        flush=True,
    )


def main() -> None:
    """Make the log if it is not there, and ask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--url", help="an empty database; else SQLite in a directory of its own")
    parser.add_argument("--keep", help="where the SQLite database is made, or was left by an earlier run")
    wanted = parser.parse_args()
    folder = Path(wanted.keep or tempfile.mkdtemp(prefix="bench-search-"))
    engine = Engine(wanted.url or f"sqlite:///{folder.absolute()}/log.db")
    upgrade.upgrade(engine)
    with engine.writing() as connection:
        accounts.ensure_first(connection, now=clock.now())
    with engine.reading() as connection:
        is_empty = not deliveries.page(connection, accounts.FIRST_ACCOUNT, deliveries.Filter(), limit=1)
    if is_empty:
        fill(engine, wanted.rows)
    with engine.reading() as connection:
        newest = deliveries.page(connection, accounts.FIRST_ACCOUNT, deliveries.Filter(), limit=1)[0]
        oldest = deliveries.page(connection, accounts.FIRST_ACCOUNT, deliveries.Filter(), limit=1, after=0)[0]
    middle = ids.show("dlv", (newest["id"] + oldest["id"]) // 2)
    for name, words, place in (
        ("the newest page", [], {}),
        ("a page from the middle", [], {"after": middle}),
        ("one recipient", [("recipient", newest["recipient"])], {}),
        ("one domain", [("domain", newest["domain"])], {}),
        ("one domain, what was bounced", [("domain", newest["domain"]), ("status", "bounced")], {}),
        ("status delivered", [("status", "results:delivered")], {}),
        ("status failed", [("status", "results:failed")], {}),
        ("status failed, the first days", [("status", "results:failed"), ("until", "25d")], {}),
        ("what is still being tried", [("live", "true")], {}),
        ("opened, from the middle", [("status", "opened")], {"after": middle}),
        ("reason invalid_recipient", [("reason", "invalid_recipient")], {}),
        ("a tag", [("tag", "invoice")], {}),
        ("one day two weeks ago", [("since", "15d"), ("until", "14d")], {}),
        ("a part of the subject, common", [("subject", "invoice")], {}),
        ("a part of the subject, one row in the middle", [("q", f"order has been sent {wanted.rows // 2 // 6 * 6 + 4}")], {}),
        ("a part of nothing (a scan)", [("q", "no such thing anywhere")], {}),
    ):  # fmt: skip
        ask(engine, name, words, wanted.times if "scan" not in name else 3, **place)
    began = time.perf_counter()
    with engine.reading() as connection:
        history.delivery(connection, accounts.FIRST_ACCOUNT, newest["id"])
    print(f"  {'the whole history of one delivery':46s}           {(time.perf_counter() - began) * 1000:15.1f} ms")
    engine.close()
    if not wanted.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
