"""What the demonstration makes of the rows of a log."""

from __future__ import annotations

import time
from typing import Any

import pytest

from aftersend.ledger.facts import Fact
from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.practice.account import told
from aftersend.practice.behaviours import BEHAVIOURS, words_for
from aftersend.practice.submission import mail, request, tag
from aftersend.practice.watching import is_settled


def row(number: int, *facts: Fact, ended: bool = True, at_us: int | None = None, **more: Any) -> dict[str, Any]:
    """A row as the API shows it, as far as the demonstration reads it."""
    words = {"category": None, "reason": None}
    return {
        "id": f"dlv_{number}", "recipient": f"r{number}@x.test", "facts": [fact.word for fact in facts], "ended": ended,
        "status": words, "reason": None, "detail": None, "next": {"at_us": at_us, "sentence": "Nothing."}, **more,
    }  # fmt: skip


DELIVERED = (Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED)
WAITING = (Fact.RECEIVED, Fact.TREATED, Fact.DEFERRED)


def test_what_has_ended_and_what_is_under_way_make_up_the_audience() -> None:
    """The audience is the sum; the passing words are counted beside the last ones."""
    result = told([row(1, *DELIVERED), row(2, *WAITING, ended=False, at_us=1)], 2)
    assert result["conserved"]
    assert (result["outcomes"]["reached"], result["under_way"]) == (1, 1)
    assert result["vocabularies"]["delivery_results"]["Soft Bounced"] == 1
    assert result["seen"]["delivery_results"]["Unsent"] == 2


@pytest.mark.parametrize(
    ("rows", "audience"),
    [
        ([row(1, *DELIVERED)], 2),
        ([row(1, *DELIVERED), row(2, *DELIVERED)], 1),
        ([row(1, *DELIVERED), row(1, *DELIVERED)], 2),
        ([row(1, *WAITING, ended=False)], 1),
    ],
    ids=["somebody is missing", "somebody too many", "one row twice", "waits for nothing"],
)
def test_anything_else_is_not_conserved(rows: list[dict[str, Any]], audience: int) -> None:
    """Conservation is exact."""
    assert not told(rows, audience)["conserved"]


def test_every_word_of_every_vocabulary_is_in_the_result() -> None:
    """Zeros are shown, so that what did not happen is seen, too."""
    result = told([], 0)
    assert result["conserved"]
    for name, vocabulary in VOCABULARIES.items():
        assert list(result["vocabularies"][name]) == [word for word, _ in vocabulary.words]


def test_bounces_are_counted_once_for_each_that_ended() -> None:
    """A pair that was only shown while it was being tried is seen, not counted."""
    bounced = row(1, Fact.RECEIVED, Fact.BOUNCED_INVALID, status={"category": "Hard", "reason": "Invalid recipient"})
    trying = row(2, *WAITING, ended=False, at_us=1, status={"category": "Soft", "reason": "Mailbox is full"})
    result = told([bounced, trying], 2)
    counted = {word: number for word, number in result["vocabularies"]["bounces"].items() if number}
    assert counted == {"Hard/Invalid recipient": 1}
    assert result["seen"]["bounces"]["Soft/Mailbox is full"] == 1


def test_settled_is_what_has_ended_or_waits_for_long() -> None:
    """A relay may take days for its last word; nobody waits for that here."""
    now = int(time.time() * 1e6)
    assert is_settled(row(1, *DELIVERED))
    assert is_settled(row(1, Fact.UNCERTAIN, ended=False))
    assert is_settled(row(1, Fact.RELAYED, ended=False, at_us=now + 5 * 86_400 * 10**6))
    assert not is_settled(row(1, *WAITING, ended=False, at_us=now + 10**6))


def test_messages_carry_the_tag_of_the_run() -> None:
    """A run finds its own deliveries again, whatever else the service does."""
    assert b"X-Aftersend-Tag: demo-abc\r\n" in mail("abc", "ann@one.practice.test", "smtp")
    assert b"\n" not in mail("abc", "Readers", "many").replace(b"\r\n", b"")
    assert request("abc", ["a@x.test"])["tags"] == [tag("abc")]


def test_words_of_a_behaviour_are_words_of_the_vocabularies() -> None:
    """The listing of addresses speaks no language of its own."""
    known = {name: {word for word, _ in vocabulary.words} for name, vocabulary in VOCABULARIES.items()}
    for behaviour in BEHAVIOURS.values():
        assert all(set(said) <= known[name] for name, said in words_for(behaviour).items())
