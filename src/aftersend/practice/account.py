"""Account for a demonstration: the five vocabularies in numbers, whether everybody is there once, what must not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from aftersend.ledger.conservation import sums
from aftersend.ledger.facts import BY_WORD, Fact, Facts, bits_of
from aftersend.ledger.vocabularies import VOCABULARIES, tally
from aftersend.ledger.vocabularies.bounces import pair_of
from aftersend.practice.api import Api, Target
from aftersend.practice.watching import is_settled


def told(rows: Sequence[dict[str, Any]], audience: int, seen: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    """Build the result from the rows of the log: the five vocabularies, and whether everybody is accounted for.

    `seen` in the result counts for each word how many deliveries it was true of at some time, since words such as Soft
    Bounced pass. A life-cycle word in step one, Error, belongs to submissions that were refused, which have no row.
    """
    by_bits: Counter[int] = Counter()
    settled: Counter[tuple[int, bool]] = Counter()
    bounced: Counter[str] = Counter()
    for row in rows:
        bits = facts_of(row).bits
        by_bits[bits] += 1
        settled[bits, not row["ended"] and row["next"]["at_us"] is not None] += 1
        if row["status"]["category"] and _is_bounce(bits):
            bounced[f"{row['status']['category']}/{row['status']['reason']}"] += 1
    counted = sums(audience, [(bits, waits, number) for (bits, waits), number in settled.items()])
    people = Counter(row["id"] for row in rows)
    vocabularies = tally(by_bits, bounced)
    results = sum(vocabularies["delivery_results"].values())
    passed = _passed(rows)
    for name, word in seen:
        if passed[name].get(word) == 0:
            passed[name][word] = 1
    return {
        "audience": audience,
        "conserved": counted.is_conserved and len(rows) == audience == results and max(people.values(), default=1) == 1,
        "under_way": counted.under_way,
        "outcomes": {outcome.word: number for outcome, number in counted.by_outcome.items()},
        "vocabularies": vocabularies,
        "seen": passed,
    }


def facts_of(row: dict[str, Any]) -> Facts:
    """Return the facts of a row of the log."""
    return Facts(bits_of(BY_WORD[word] for word in row["facts"]))


_BOUNCES = Facts.of(Fact.GAVE_UP, Fact.BOUNCED, Fact.BOUNCED_INVALID, Fact.REJECTED_AS_SPAM).bits


def _is_bounce(bits: int) -> bool:
    return bool(bits & _BOUNCES)


def _passed(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Count for every word how many deliveries it was true of, now or on the way."""
    passed = {
        name: dict.fromkeys((word for word, _ in vocabulary.words), 0) for name, vocabulary in VOCABULARIES.items()
    }
    for row in rows:
        facts = facts_of(row)
        for name, vocabulary in VOCABULARIES.items():
            words = {word.word for fact in facts for word in vocabulary.words_of(Facts.of(fact))}
            if name == "bounces":
                words = _pairs_of(row, facts)
            for word in words:
                passed[name][word] += 1
    return passed


def _pairs_of(row: dict[str, Any], facts: Facts) -> set[str]:
    found = set()
    if row["status"]["category"]:
        found.add(f"{row['status']['category']}/{row['status']['reason']}")
    if Fact.DEFERRED in facts and row["reason"]:
        trying = pair_of(Fact.DEFERRED, row["reason"], row["detail"])
        found |= {trying.word} if trying is not None else set()
    return found


def check(target: Target, rows: Sequence[dict[str, Any]], audience: int) -> list[str]:
    """Compare the log with the service's own reports and look for anything that must not be; return what is wrong."""
    faults = []
    if len(rows) != audience:
        faults.append(f"{audience} recipients have {len(rows)} rows")
    for row in rows:
        if (
            not row["ended"]
            and row["next"]["at_us"] is None
            and not {"uncertain", "relayed", "delayed"} & set(row["facts"])
        ):
            faults.append(f"{row['recipient']} has not ended and waits for nothing: {row['headline']}")
        if not row["why"] or not row["next"]["sentence"]:
            faults.append(f"{row['recipient']} is not explained: {row}")
        if not is_settled(row):
            faults.append(f"{row['recipient']} has not ended in time: {row['headline']}; {row['next']['sentence']}")
    ours = tally(Counter(facts_of(row).bits for row in rows))
    with Api(target.url, target.key) as api:
        for name, report in REPORTS.items():
            faults += _disagreements(api, report, {} if name == "bounces" else ours[name])
    return faults


def _disagreements(api: Api, report: str, ours: dict[str, int]) -> list[str]:
    """Say where a report counts fewer than the log shows; it may count more, of mail that is not of this run."""
    answer = api.call("GET", f"/v1/reports/{report}")
    if answer.status != 200:
        return [f"GET /v1/reports/{report} was answered {answer.status}"]
    counts = {each["word"]: each["count"] for each in answer.body["counts"]}
    short = {word: number for word, number in ours.items() if counts.get(word, 0) < number}
    return [f"the report {report} counts {counts.get(word, 0)} {word}, the log shows {n}" for word, n in short.items()]


REPORTS = {
    "delivery_results": "results",
    "life_cycle": "lifecycle",
    "email_activity": "activity",
    "bounces": "bounces",
    "icons": "icons",
}
"""The report that counts in each vocabulary."""
