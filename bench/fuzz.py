#!/usr/bin/env python3
"""Does anything make diagnosis raise, or take long? Alters returned mails and replies at random, and tries the worst forms.

python3 bench/fuzz.py [--minutes 1] [--seed 1] [--keep FOLDER] [--worst]

Exits 1 if anything raised, or cost more than its size allows; what did lies in FOLDER. `--worst` tries the worst forms only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import time
import traceback
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from contestants import python
from samples import mails_and_replies

if Path(python()).absolute() != Path(sys.executable).absolute() and "AFTERSEND_BENCH" not in os.environ:
    os.execve(python(), [python(), *sys.argv], {**os.environ, "AFTERSEND_BENCH": "1"})

from aftersend.policy.diagnosis import as_report, diagnose_mail, diagnose_text, load_tables

SLOW_S = 0.25
"""CPU seconds that no mail may take, whatever its size: only so much of it is read."""
TOKENS = (
    b"\n", b"\r", b"\0", b"--", b"boundary=", b"Content-Type: ", b"multipart/report", b"message/delivery-status",
    b"message/feedback-report", b"message/rfc822", b"text/html", b"Final-Recipient:", b"Original-Recipient: ", b"Action: ",
    b"Status: ", b"Diagnostic-Code: smtp; ", b"Feedback-Type: ", b"X-Failed-Recipients: ", b"=?utf-8?b?", b"=?utf-8?q?",
    b"?=", b"@", b"<", b">", b"550 ", b"451 ", b"5.1.1", b"4.2.2", b";", b":", b"\xff", b"\x1b$B", b"\x1b(B", b"&#x", b"<style>",
    b"charset=utf-16", b"charset=utf-7", b"charset=iso-2022-jp", b"charset=gb18030", b"base64", b"quoted-printable", b'"', b"  ",
    b"+2B", b"\\x{110000}", b"\\x{ffffffff}", b"\\x{D800}", b"9" * 30, b"\xed\xa0\x80", b"\xe2\x80\xae", b"https://",
)  # fmt: skip
HEAD = b"Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nTo: a@b.example\nSubject: Undelivered mail\n"


def altered(mails: list[bytes], chance: random.Random) -> bytes:
    """Return one of the mails with up to twelve alterations."""
    mail = bytearray(chance.choice(mails))
    for _ in range(chance.randint(1, 12)):
        kind, at = chance.randrange(7), chance.randrange(len(mail) + 1)
        if kind == 0:
            mail[at:at] = chance.choice(TOKENS)
        elif kind == 1:
            del mail[at : at + chance.randint(1, 200)]
        elif kind == 2:
            mail[at:at] = mail[at : at + chance.randint(1, 400)] * chance.randint(1, 6)
        elif kind == 3 and mail:
            mail[min(at, len(mail) - 1)] = chance.randrange(256)
        elif kind == 4:
            other = chance.choice(mails)
            start = chance.randrange(len(other) + 1)
            mail[at:at] = other[start : start + 500]
        elif kind == 5:
            lines = mail.split(b"\n")
            chance.shuffle(lines[: chance.randint(1, 40)])
            mail = bytearray(b"\n".join(lines))
        else:
            mail[at : at + 4] = chance.choice(TOKENS) * chance.randint(1, 30)
    return bytes(mail)


def altered_reply(replies: list[str], chance: random.Random) -> str:
    """Return two replies spliced, with letters of any script between."""
    one, other = chance.choice(replies), chance.choice(replies)
    letters = "".join(chr(chance.randrange(0x11000)) for _ in range(chance.randrange(8)))
    return one[: chance.randrange(len(one) + 1)] + letters + other[chance.randrange(len(other) + 1) :]


def judged(what: Callable[[], object]) -> tuple[float, str]:
    """Return the CPU seconds that it took and the traceback, or ""."""
    began = time.process_time()
    try:
        what()
    except Exception:
        return time.process_time() - began, traceback.format_exc()
    return time.process_time() - began, ""


def fuzz(minutes: float, seed: int, folder: Path) -> int:
    """Try altered mails for so long; return how many raised or were slow."""
    mails, replies, place = mails_and_replies()
    print(f"{len(mails)} mails and {len(replies)} replies of {place}; seed {seed}, {minutes:g} minutes", flush=True)
    chance = random.Random(seed)
    until, tried, wrong, slowest = time.monotonic() + 60 * minutes, 0, 0, 0.0
    while time.monotonic() < until:
        tried += 1
        mail, reply = altered(mails, chance), altered_reply(replies, chance)
        for name, content, ask in (
            ("eml", mail, lambda mail=mail: json.dumps(diagnose_mail(mail).to_json())),
            (
                "txt",
                reply.encode("utf-8", "surrogatepass"),
                lambda reply=reply: as_report(diagnose_text(reply)).to_json(),
            ),
        ):
            taken, error = judged(ask)
            slowest = max(slowest, taken)
            if error or taken > SLOW_S:
                wrong += 1
                folder.mkdir(parents=True, exist_ok=True)
                kept = folder / f"{seed}-{tried}.{name}"
                kept.write_bytes(content)
                print(f"{kept}: {taken * 1000:.0f} ms\n{error}", flush=True)
    print(f"tried {tried} mails and as many replies; {wrong} wrong; slowest {slowest * 1000:.0f} ms", flush=True)
    return wrong


def worst_forms() -> dict[str, bytes]:
    """Return mails made to be expensive: large, deep, endless in one respect each."""
    entry = b"Final-Recipient: rfc822; j%d@e.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 unknown %d\n\n"
    told = HEAD + b"\ncould not be delivered\n"
    forms = {
        "25 MB returned in a report": report(entry % (1, 1), 25_000_000),
        "25 MB of notice": HEAD + b"\n" + b"could not be delivered 550 5.1.1 user unknown <j@e.example>\n" * 400_000,
        "25 MB of addresses on a line": HEAD + b"\n" + b"a@b " * 6_000_000,
        "25 MB of CR": HEAD + b"\n" + b"\r" * 25_000_000,
        "25 MB of header": b"Subject: " + b"x" * 25_000_000 + b"\n\nhi",
        "25 MB of base64": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"QUJD" * 6_000_000,
        "300,000 header fields": b"".join(b"X-%d: y\n" % number for number in range(300_000)) + b"\nhi",
        "a million folds": b"Subject: a" + b"\n b" * 1_000_000 + b"\n\nhi",
        "3,000 multiparts within each other": HEAD + nested(3000, lambda number: b"b%d" % number),
        "3,000 of one boundary": HEAD + nested(3000, lambda number: b"b"),
        "300,000 parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\nContent-Type: text/plain\n\nx\n" * 300_000,
        "a report for 1,000 recipients": report(b"".join(entry % (number, number) for number in range(1000)), 1),
        "a report for 100,000 recipients": report(b"".join(entry % (number, number) for number in range(100_000)), 1),
        "a notice for 1,000 recipients": told + b"".join(b"\n<j%d@e.example>:\n550 5.1.1 unknown\n" % n for n in range(1000)),
        "folded status fields": report(b"Final-Recipient: rfc822; j@e.example\nAction: failed\nDiagnostic-Code: smtp; 550" + b"\n x" * 200_000, 1),
        "colons": report(b"a:" * 500_000, 1),
        "ISO-2022-JP shifts": HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\n\n" + b"\x1b$B\x1b(B" * 2_000_000,
        "broken UTF-16": HEAD + b"Content-Type: text/plain; charset=utf-16\n\n" + b"\xd8\x00" * 2_000_000,
        "encoded words": b"Subject: " + b"=?utf-8?q?=41?= " * 300_000 + b"\n\nx",
        "labels without end": told + (b"a" * 49 + b" ") * 100_000 + b"@x",
        "wrapped 5,000 times": HEAD
        + (
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
            + HEAD
            + b"X: delivery-status\n"
        )
        * 5000,
    }  # fmt: skip
    for name, piece in (
        ("<", b"<"), ("<style>", b"<style>"), ("<br", b"<br "), ("entities", b"&#x41;"), ("comments", b"<!--"),
    ):  # fmt: skip
        forms[f"HTML of {name}"] = HEAD + b"Content-Type: text/html\n\n" + piece * (5_000_000 // len(piece))
    for name, piece in (
        ("@", b"@"), ("-", b"-"), ("codes", b"550 "), ("statuses", b"5.5.5."), (">", b"> "), ("line ends", b"\n"), ("links", b"http://"),
        ("apostrophes", b"l'l'l'"), ("0xFF", b"\xff"), ("words", b"user not found mailbox full "), ("spaces", b" \n"), ("labels", b" > a b @\n"),
    ):  # fmt: skip
        forms[f"a notice of {name}"] = told + piece * (5_000_000 // len(piece))
    return forms


def report(fields: bytes, size: int) -> bytes:
    """Return a delivery report with these fields, and so many bytes returned."""
    return (
        HEAD
        + b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\nContent-Type: text/plain\n\nfailed\n\n'
        + b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
        + fields
        + b"\n--b\nContent-Type: message/rfc822\n\nSubject: x\n\n"
        + b"x" * size
        + b"\n--b--\n"
    )


def nested(depth: int, boundary: Callable[[int], bytes]) -> bytes:
    """Return so many multiparts within each other."""
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=%b\n\n--%b\n" % (boundary(number), boundary(number))
        for number in range(depth)
    )
    return (
        opened
        + b"Content-Type: text/plain\n\nhello\n"
        + b"".join(b"\n--%b--\n" % boundary(number) for number in reversed(range(depth)))
    )


def try_worst() -> int:
    """Print what the worst forms cost; return how many raised or were slow."""
    load_tables()
    wrong = 0
    rows = []
    for name, mail in worst_forms().items():
        taken, error = judged(lambda mail=mail: json.dumps(diagnose_mail(mail).to_json()))
        wrong += bool(error) or taken > SLOW_S
        if error:
            print(f"{name}\n{error}")
        tracemalloc.start()
        diagnose_mail(mail)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        rows.append((taken, peak, len(mail), name))
    for taken, peak, size, name in sorted(rows, reverse=True):
        print(f"  {taken * 1000:7.1f} ms  {peak / 1e6:6.1f} MB of memory for {size / 1e6:5.1f} MB: {name}")
    print(
        f"the process at its peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB, its samples included"
    )
    return wrong


def main() -> None:
    """Try the worst forms, then alter mails for as long as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"), help="where what was wrong is put")
    parser.add_argument("--worst", action="store_true", help="try the worst forms only")
    wanted = parser.parse_args()
    wrong = try_worst()
    if not wanted.worst:
        wrong += fuzz(wanted.minutes, wanted.seed, wanted.keep)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
