"""The words of a search, without a store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend import ids
from aftersend.clock import DAY, HOUR, from_iso
from aftersend.errors import BadField, BadFields
from aftersend.ledger.facts import ALL, Fact, Facts
from aftersend.ledger.reasons import Pair
from aftersend.ledger.vocabularies import VOCABULARIES, bounces
from aftersend.reports import search, statuses

NOW = from_iso("2026-11-25T12:00:00Z")
PREFIX = {
    "delivery_results": "results",
    "life_cycle": "lifecycle",
    "email_activity": "activity",
    "icons": "icons",
}
facts = st.integers(0, (1 << len(ALL)) - 1).map(lambda bits: bits | Fact.RECEIVED.bit)


def finds(wanted: statuses.Wanted, bits: int) -> bool:
    """Whether a delivery with these facts is found, as the store decides it."""
    return any(bits & yes == yes and not bits & no for yes, no in wanted.having)


@given(facts)
def test_a_status_finds_exactly_what_is_called_so(bits):
    """For every word of every vocabulary and any facts: found if and only if the vocabulary gives the word."""
    for name, prefix in PREFIX.items():
        given_words = {word.word for word in VOCABULARIES[name].words_of(Facts(bits))}
        for word, _ in VOCABULARIES[name].words:
            assert finds(statuses.read(f"{prefix}:{word}"), bits) == (word in given_words), (name, word)


@given(facts)
def test_ranks_say_the_same_as_facts(bits):
    """Where an index on ranks serves, it finds what the facts would find."""
    from aftersend.ledger.vocabularies import delivery_results, life_cycle

    for word, _ in delivery_results.WORDS:
        wanted = statuses.read(f"results:{word}")
        assert (delivery_results.rank_of_bits(bits) in wanted.results) == finds(wanted, bits)
    for word, _ in life_cycle.WORDS:
        wanted = statuses.read(f"lifecycle:{word}")
        assert (life_cycle.rank_of_bits(bits) in wanted.lives) == finds(wanted, bits)


@pytest.mark.parametrize("word", [word for vocabulary in VOCABULARIES.values() for word, _ in vocabulary.words])
def test_every_word_of_every_vocabulary_can_be_searched_for(word):
    """In any case, with or without spaces, dashes and underscores."""
    for spelling in (word, word.lower(), word.upper(), word.replace(" ", "_"), word.replace(" ", "")):
        assert search.read([("status", spelling)], now=NOW) == search.read([("status", word)], now=NOW)


def test_a_bare_word_is_taken_from_the_delivery_results_first():
    """001 is the column of the log; a prefix chooses another vocabulary."""
    assert search.read([("status", "Delivered")], now=NOW).results == (90,)
    assert search.read([("status", "lifecycle:Delivered")], now=NOW).lives
    assert search.read([("status", "activity:Delivered")], now=NOW).having
    for prefix in ("001", "Delivery results", "result", "RESULTS"):
        assert search.read([("status", f"{prefix}:Delivered")], now=NOW).results == (90,)


def test_every_pair_of_bounces_asks_for_events_of_its_own():
    """No event counts under two pairs, so no two pairs ask for the same."""
    seen: dict[object, Pair] = {}
    for pair in Pair:
        wanted = statuses.read(f"bounces:{pair.word}").bounces
        assert wanted, pair
        for each in wanted:
            assert seen.setdefault(each, pair) is pair
            assert set(each.facts) == {int(fact) for fact in ALL if fact.bit & bounces.BITS}


def test_words_are_combined():
    """Repeat means or; the times of both ends bound the time of creation."""
    wanted = search.read(
        [
            ("domain", "Example.NET"),
            ("domain", "example.org"),
            ("since", "24h"),
            ("until", "2026-11-25T11:00:00Z"),
            ("q", "x"),
        ],
        now=NOW,
    )
    assert wanted.domain == ("example.net", "example.org")
    assert (wanted.since, wanted.until, wanted.text) == (NOW - DAY, NOW - HOUR, "x")


def test_ids_and_message_ids_name_a_message():
    """`msg_…` and the Message-ID header, with or without its angle brackets."""
    assert search.read([("message_id", ids.show("msg", 7))], now=NOW).message == (7,)
    for text in ("<a@example.com>", "a@example.com"):
        assert search.read([("message_id", text)], now=NOW).rfc_message_id == ("<a@example.com>",)
    with pytest.raises(BadFields, match="msg_"):
        search.read([("message_id", "dlv_0000000000001")], now=NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", NOW - HOUR // 2),
        ("7d", NOW - 7 * DAY),
        ("1 w", NOW - 7 * DAY),
        ("90s", NOW - 90_000_000),
        ("2026-11-25", NOW - DAY // 2),
        ("2026-11-25T13:00:00+01:00", NOW),
    ],
)
def test_times_are_moments_or_ages(text, expected):
    """RFC 3339, or how long ago."""
    assert search.instant(text, "since", now=NOW) == expected


@given(st.text(max_size=60))
def test_no_text_as_a_time_does_harm(text):
    """It is a time, or an error that names the word."""
    try:
        assert search.instant(text, "since", now=NOW) <= from_iso("9999-12-31T23:59:59Z") + DAY
    except BadField as error:
        assert error.pointer == "#/since"


@given(
    st.lists(st.tuples(st.sampled_from([*search.WORDS, "metadata.a", "nope", ""]), st.text(max_size=40)), max_size=6)
)
def test_no_words_do_harm(words):
    """A filter, or errors that name every word that is wrong."""
    try:
        search.read(words, now=NOW)
    except BadFields as error:
        named = {field.pointer for field in error.fields}
        assert named <= {f"#/{word[:60]}" for word, _ in words} | {"#/status"}


def test_an_unknown_word_is_told_the_known_ones():
    """With a guess at what was meant."""
    with pytest.raises(BadFields, match="Did you mean recipient") as caught:
        search.read([("recipent", "x")], now=NOW)
    assert all(word in str(caught.value) for word in search.WORDS)


@pytest.mark.parametrize("word", sorted({each.reason for each in Pair}))
def test_a_reason_of_the_categories_is_never_taken_for_an_identifier(word):
    """Some identifiers are the same words, written in one: which of both is meant is told by how it is written."""
    found = search.read([("reason", word)], now=NOW)
    assert found.bounces == statuses.bounces_by_word()[statuses.key(word)] and not found.reason
    for identifier in statuses.IDENTIFIERS:
        assert search.read([("reason", identifier)], now=NOW).reason == (identifier,)
