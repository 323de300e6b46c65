"""Labels of sequences of hits against a corpus, by its own way to score.

The corpus is looked for in AFTERSEND_CORPUS or beside the project; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aftersend.policy.hits import Labels, Sequence, label

CORPUS = Path(os.environ.get("AFTERSEND_CORPUS") or Path(__file__).parents[2].parent / "shared" / "corpus") / "opens"
pytestmark = pytest.mark.skipif(not (CORPUS / "dev.jsonl").is_file(), reason="the corpus of opens is not here")


@pytest.fixture(scope="module")
def scored() -> list[tuple[dict[str, Any], Labels]]:
    """Return each line with our answer."""
    lines = (CORPUS / "dev.jsonl").read_bytes().splitlines()
    return [(json.loads(line), label(msgspec.json.decode(line, type=Sequence))) for line in lines]


def test_hits(scored: list[tuple[dict[str, Any], Labels]]) -> None:
    """The gates on single hits."""
    said = [
        (one["accept"], one["verdict"], answer.verdict.value)
        for line, told in scored
        for one, answer in zip(line["expected"]["events"], told.events, strict=True)
    ]
    not_human = [given for accept, _, given in said if "human" not in accept]
    human = [given for accept, best, given in said if best == "human" and "machine" not in accept]
    assert sum(given in accept for accept, _, given in said) >= 0.96 * len(said)
    assert not_human.count("human") <= 0.02 * len(not_human)
    assert human.count("machine") <= 0.01 * len(human)
    assert [given for _, _, given in said].count("unknown") <= 0.12 * len(said)
    assert all(answer.reasons for _, told in scored for answer in told.events)


def test_messages(scored: list[tuple[dict[str, Any], Labels]]) -> None:
    """The gates on messages: reading and unsubscribing without an error."""
    assert [line["id"] for line, told in scored if told.read not in line["expected"]["read_accept"]] == []
    assert [line["id"] for line, told in scored if told.unsubscribe != line["expected"]["unsubscribe"]] == []
    for kind in ("open", "click"):
        right = sum(getattr(told, kind) in line["expected"][f"{kind}_accept"] for line, told in scored)
        assert right >= 0.96 * len(scored)


def test_order(scored: list[tuple[dict[str, Any], Labels]]) -> None:
    """Another order of arrival changes no label."""
    for line, told in scored:
        places = list(range(len(line["events"])))
        random.Random(line["id"]).shuffle(places)
        mixed = label(msgspec.convert({**line, "events": [line["events"][at] for at in places]}, Sequence))
        assert mixed.events == tuple(told.events[at] for at in places)
