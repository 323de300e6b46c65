#!/usr/bin/env python3
"""How well returned mail and replies are understood: figures by source, every error, and what is left without a source.

python3 bench/understanding.py [--errors] [--without family|source]

Reads the labelled corpus (AFTERSEND_CORPUS, or ../shared/corpus beside the project). `--without` asks each family, or source,
in turn as if the rows of phrases that decide only there did not exist: what rules would do that had never seen it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from contestants import python
from samples import PLACES

if Path(python()).absolute() != Path(sys.executable).absolute() and "AFTERSEND_BENCH" not in os.environ:
    os.execve(python(), [python(), *sys.argv], {**os.environ, "AFTERSEND_BENCH": "1"})

from aftersend.policy.diagnosis import as_report, diagnose_mail, diagnose_text, forget, load_tables, machines, readings
from aftersend.policy.diagnosis.phrases import Match, Row, Table, strongest

BOUNCES = {"failed", "delayed"}
Sample = dict[str, Any]
Told = dict[str, Any]


def samples() -> tuple[Path, list[Sample]]:
    """Return where the corpus is, and its samples."""
    for place in filter(None, PLACES):
        file = Path(place) / "bounces" / "samples.jsonl"
        if file.is_file():
            return file.parent, [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    sys.exit("The corpus is not here; name it in AFTERSEND_CORPUS.")


def told(folder: Path, sample: Sample) -> Told:
    """Return what diagnosis says of a sample, nothing remembered of others."""
    forget()
    if sample["kind"] == "eml":
        return diagnose_mail((folder / sample["path"]).read_bytes()).to_json()
    return as_report(diagnose_text(sample["text"])).to_json()


class Watched:
    """Stands in the place of the search for the strongest row: notes which rows decide, and can do without some of them."""

    def __init__(self) -> None:
        self.sample = ""
        self.decided: dict[int, set[str]] = defaultdict(set)
        self.left_out: frozenset[int] = frozenset()
        readings.strongest = machines.strongest = self  # type: ignore[assignment]

    def __call__(self, table: Table, flat: str, context: Iterable[str], *, above: int = 0) -> Match | None:
        """Return the strongest row that is not left out."""
        context = tuple(context)
        hidden = 0
        while match := strongest(table, flat, context, above=above, without=hidden):
            index, row = self._row(table, flat, context, match, hidden)
            if id(row) not in self.left_out:
                if self.sample:
                    self.decided[id(row)].add(self.sample)
                return match
            hidden |= 1 << index
        return None

    def _row(self, table: Table, flat: str, context: tuple[str, ...], match: Match, hidden: int) -> tuple[int, Row]:
        for index, row in enumerate(table.rows):
            if (row.reason, row.detail, row.weight) != match[:3] or (row.when and row.when.isdisjoint(context)):
                continue
            found = (row.pattern or row.compiled()).search(f" {flat} ")
            if found and found[0].strip() == match.words and not hidden >> index & 1:
                return index, row
        raise AssertionError(match)


def has_right_recipients(sample: Sample, found: Told) -> bool:
    """Say whether exactly the recipients are named that should be, by any spelling that is accepted."""
    expected = sample["expected"]
    wanted = [{address, *expected["recipient_alts"].get(address, [])} for address in expected["recipients"]]
    return len(found["recipients"]) == len(wanted) and all(names & set(found["recipients"]) for names in wanted)


Judge = Callable[[Sample, Told], bool]
FIRST: Judge = lambda s, f: f["reason"] == s["expected"]["reason"]  # noqa: E731
ACCEPTED: Judge = lambda s, f: f["reason"] in s["expected"]["reason_ok"]  # noqa: E731
ACTION: Judge = lambda s, f: f["action"] in s["expected"]["action_ok"]  # noqa: E731
HARD: Judge = lambda s, f: f["category"] == "hard" and "hard" not in s["expected"]["category_ok"]  # noqa: E731
SOFT: Judge = lambda s, f: f["category"] != "hard"  # noqa: E731


def share(of: list[Sample], answers: dict[str, Told], is_met: Judge) -> str:
    """Return the share in per cent, or a dash for none at all."""
    return f"{100 * sum(is_met(s, answers[s['id']]) for s in of) / len(of):.1f}" if of else "–"


def line(name: str, of: list[Sample], answers: dict[str, Told]) -> str:
    """Return a row of the table."""
    bounces = [s for s in of if s["expected"]["action"] in BOUNCES]
    named = [s for s in bounces if s["kind"] == "eml" and s["expected"]["recipients"] is not None]
    hard = [s for s in bounces if s["expected"]["category"] == "hard"]
    cells = (
        share(of, answers, ACTION), share(named, answers, has_right_recipients), share(bounces, answers, ACCEPTED),
        share(bounces, answers, FIRST), share(bounces, answers, HARD), share(hard, answers, SOFT),
    )  # fmt: skip
    return f"| {name} | {len(of)} | " + " | ".join(cells) + " |"


def table(all_: list[Sample], answers: dict[str, Told]) -> None:
    """Print the figures by kind and by source."""
    print("| source | samples | action | recipients | accepted | first choice | false hard | missed hard |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    mails = [s for s in all_ if s["kind"] == "eml"]
    print(line("**mail**", mails, answers))
    print(line("**replies**", [s for s in all_ if s["kind"] != "eml"], answers))
    for source in sorted({s["source"] for s in all_}):
        print(line(source, [s for s in all_ if s["source"] == source], answers))


def errors(all_: list[Sample], answers: dict[str, Told]) -> None:
    """Print every answer that is not accepted."""
    for sample in all_:
        found, expected = answers[sample["id"]], sample["expected"]
        wrong = [] if ACTION(sample, found) else [f"action {found['action']}, not {expected['action']}"]
        if expected["action"] in BOUNCES:
            if not ACCEPTED(sample, found):
                wrong.append(f"reason {found['reason']}, not {' or '.join(expected['reason_ok'])}")
            if (
                sample["kind"] == "eml"
                and expected["recipients"] is not None
                and not has_right_recipients(sample, found)
            ):
                wrong.append(f"recipients {found['recipients']}, not {expected['recipients']}")
        if wrong:
            print(f"- {sample['id']} ({sample['source']}, {sample['family']}): {'; '.join(wrong)}")


def without(group: str, all_: list[Sample], folder: Path, watched: Watched) -> dict[str, Told]:
    """Return the answers to each group without the rows that decide only there."""
    group_of = {s["id"]: s[group] for s in all_}
    answers: dict[str, Told] = {}
    for name in sorted(set(group_of.values())):
        watched.left_out = frozenset(
            row for row, ids in watched.decided.items() if all(group_of[one] == name for one in ids)
        )
        answers |= {s["id"]: told(folder, s) for s in all_ if s[group] == name}
    watched.left_out = frozenset()
    return answers


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--errors", action="store_true", help="list every answer that is not accepted")
    parser.add_argument("--without", choices=("family", "source"))
    wanted = parser.parse_args()
    folder, all_ = samples()
    load_tables()
    watched = Watched()
    answers = {}
    for sample in all_:
        watched.sample = sample["id"]
        answers[sample["id"]] = told(folder, sample)
    watched.sample = ""
    table(all_, answers)
    if wanted.errors:
        print()
        errors(all_, answers)
    if wanted.without:
        others = without(wanted.without, all_, folder, watched)
        print(f"\nWithout the rows that decide only in one {wanted.without}:\n")
        for name, is_wanted in (("mail", True), ("replies", False)):
            print(line(name, [s for s in all_ if (s["kind"] == "eml") is is_wanted], others))


if __name__ == "__main__":
    main()
