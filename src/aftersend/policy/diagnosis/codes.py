"""Read what a code says when the words say no more, by `tables/codes.tsv`: RFC 5321 replies, RFC 3463 and RFC 5248 statuses."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from aftersend.policy.diagnosis.tables import lines

_STATUS = re.compile(r"[245](?<![\d.].)\.\d{1,3}\.\d{1,3}(?![\d.])(?!\.?\w*\.\d)")


def status_within(text: str) -> str:
    """Return the enhanced status code (RFC 3463) that a text holds, not a part of a longer number; or ""."""
    if "5." in text or "4." in text or "2." in text:
        found = _STATUS.search(text)
        return found[0] if found else ""
    return ""


class Meaning(NamedTuple):
    """What a code stands for, and how much it counts against words (the weights of `phrases.tsv`)."""

    reason: str
    detail: str | None
    weight: int


@cache
def codes() -> dict[str, Meaning]:
    """Return the table of codes, read once."""
    table = {}
    for line in lines("codes.tsv"):
        code, reason, detail, weight = line.split("\t")
        table[code] = Meaning(reason, None if detail == "-" else detail, int(weight))
    return table


@lru_cache(maxsize=4096)
def of_status(status: str) -> Meaning | None:
    """Return what an enhanced status means, the most precise row first; None for one that means nothing."""
    kind, _, rest = status.partition(".")
    subject, _, detail = rest.partition(".")
    names = [status, f"x.{rest}"]
    if len(detail) == 3:
        names.append(f"x.{subject}.{detail[0]}xx")
    names += [f"{kind}.{subject}.x", f"x.{subject}.x"]
    return next((codes()[name] for name in names if name in codes()), None)


@lru_cache(maxsize=1024)
def of_code(code: int) -> Meaning | None:
    """Return what a reply code means by itself; None where there is nothing to say."""
    return codes().get(str(code)) or codes().get(f"{code // 100}xx")
