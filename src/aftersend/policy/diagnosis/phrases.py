"""Read what a mail system said, by tables of phrases.

Owns the small language of `tables/phrases.tsv` and `tables/notices.tsv`. Knows nothing of reply codes beyond the `when`
column, and decides nothing: it returns the strongest row that the words support.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from operator import or_
from typing import NamedTuple

from aftersend.policy.diagnosis.tables import lines, uses
from aftersend.policy.diagnosis.words import any_of, words_of

LINK_WEIGHT = 4
"""What the words inside a link may count at most: a link names the help page, not the cause."""

_KEY = 5
"""Letters of a word by which rows are looked up whose words are only beginnings."""
_BY_BITS = 4
"""So many needs of a row are looked up by the words of a text; the few rows that have more are left to their pattern."""
_HEAVIEST = 10
_WORDS_REMEMBERED, _WORD_REMEMBERED = 20_000, 40
"""How many words, and of how many letters, are remembered with the rows that they speak for."""
_COMMON_COST = 20
"""A common word is as bad to look up by as so many rare ones."""
_GAPS = {".": 2, "..": 5, "...": 14}
"""How many words may stand between two that a row names."""
_NOTHING: frozenset[str] = frozenset()
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff\uac00-\ud7af]")
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese and Korean, which part words by other means than spaces, or by none."""


class Match(NamedTuple):
    """What the strongest row says, how strongly, and the words that it stands on."""

    reason: str
    detail: str | None
    weight: int
    words: str


@dataclass(slots=True)
class Row:
    """One line of the table, compiled: it cannot match without its `needs`, the rarest of which come first."""

    reason: str
    detail: str | None
    weight: int
    when: frozenset[str]
    needs: tuple[frozenset[str], ...]
    is_unspaced: bool
    """Some of its words stand in a script without spaces, so that word beginnings do not find them."""
    source: str
    """The pattern, which is compiled when it is first looked for: most of the table is never needed."""
    pattern: re.Pattern[str] | None = None

    def compiled(self) -> re.Pattern[str]:
        """Compile the pattern, which finds the words that the row stands on in a text with a space at both ends."""
        self.pattern = re.compile(self.source)
        return self.pattern


class Words(dict[str, int]):
    """The rows that each word speaks for, by itself or by its beginning; found out when a word is first met."""

    def __init__(self, by_key: dict[str, int]) -> None:
        self._by_key = by_key

    def __missing__(self, word: str) -> int:
        rows = self._by_key.get(word, 0) | self._by_key.get(word[:_KEY], 0)
        if len(word) <= _WORD_REMEMBERED:
            if len(self) >= _WORDS_REMEMBERED:
                self.clear()
            self[word] = rows
        return rows


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, strongest first, and where to look them up by the words of a text.

    Sets of rows are kept as bits: `size` bits for the rows whose first need is met, as many above for the second, and so on.
    """

    rows: tuple[Row, ...]
    size: int
    words: Words
    simple: int
    """The needs that a row does not have, so that they are always met."""
    unspaced: int
    """Rows of scripts that write no spaces between words; they are looked for only in text that is not ASCII."""
    always: int
    """Rows that ask for no context."""
    by_context: dict[str, int]
    heavier: tuple[int, ...]
    """By weight, the rows that weigh more."""


def strongest(table: Table, flat: str, context: Iterable[str], *, above: int = 0, without: int = 0) -> Match | None:
    """Return the strongest row of a table that matches the flattened text, if it weighs more than `above`.

    `without` are rows, as bits, that are passed over as if they were not there.
    """
    size = table.size
    met = reduce(or_, filter(None, map(table.words.__getitem__, flat.split(" "))), table.simple)
    if not flat.isascii():
        met |= table.unspaced
    met &= met >> 2 * size
    found = met & (met >> size) & table.heavier[max(above, 0)]
    if not found:
        return None
    allowed = table.always
    for name in context:
        allowed |= table.by_context.get(name, 0)
    found &= allowed & ~without
    padded = f" {flat} "
    while found:
        first = found & -found
        found ^= first
        row = table.rows[first.bit_length() - 1]
        if match := (row.pattern or row.compiled()).search(padded):
            return Match(row.reason, row.detail, row.weight, match[0].strip())
    return None


@cache
def phrases() -> Table:
    """Return the table of what mail systems say about a failure, read once."""
    return compile_table(lines("phrases.tsv"))


@cache
def notices() -> Table:
    """Return the table of how notices begin and what answers look like, read once."""
    return compile_table(lines("notices.tsv"))


def compile_table(table: Iterable[str]) -> Table:
    """Compile the lines of a table; raise ValueError with the line that cannot be read."""
    classes: dict[str, tuple[str, ...]] = {}
    rows: list[Row] = []
    for line in table:
        cells = line.split("\t")
        try:
            if line.startswith("@"):
                name, words = cells
                classes[name] = _options(words, classes)
            else:
                rows.append(_row(*cells, classes=classes))
        except (KeyError, TypeError, ValueError) as wrong:
            raise ValueError(f"{wrong} in {line!r}") from wrong
    rows.sort(key=lambda row: -row.weight)
    return _table(tuple(rows))


def _table(rows: tuple[Row, ...]) -> Table:
    size = len(rows)
    by_key: defaultdict[str, int] = defaultdict(int)
    by_context: defaultdict[str, int] = defaultdict(int)
    simple = unspaced = always = 0
    for index, row in enumerate(rows):
        bit = 1 << index
        for order, need in enumerate(row.needs[:_BY_BITS]):
            for key in need:
                by_key[key] |= bit << order * size
        for order in range(max(len(row.needs), 1), _BY_BITS):
            simple |= bit << order * size
        unspaced |= bit if row.is_unspaced else 0
        always |= 0 if row.when else bit
        for name in row.when:
            by_context[name] |= bit
    heavier = tuple((1 << sum(row.weight > weight for row in rows)) - 1 for weight in range(_HEAVIEST + 1))
    return Table(rows, size, Words(dict(by_key)), simple, unspaced, always, dict(by_context), heavier)


def _row(reason: str, detail: str, weight: str, when: str, words: str, *, classes: dict[str, tuple[str, ...]]) -> Row:
    slots = words.split()
    needs: list[frozenset[str]] = []
    unspaced: tuple[str, ...] = ()
    pattern = glue = ""
    for slot in slots:
        if slot in _GAPS:
            glue = rf"(?: [^ |]+){{0,{_GAPS[slot]}}}? "
            continue
        options = _options(slot.rstrip("+"), classes)
        if len(slots) == 1:
            unspaced = tuple(option for option in options if not _is_spaced(option))
            options = tuple(option for option in options if _is_spaced(option))
        if options:
            choice, keys = _choice(options)
            pattern += glue + (f"{choice}(?: {choice}){{0,2}}" if slot.endswith("+") else choice)
            needs.append(keys)
        glue = " "
    choices = [f" {pattern}(?= )"] if pattern else []
    return Row(
        reason,
        None if detail == "-" else detail,
        int(weight),
        _NOTHING if when == "-" else frozenset(when.split(",")),
        tuple(sorted(needs, key=_commonness)),
        bool(unspaced),
        "|".join(choices + [re.escape(option) for option in unspaced]),
    )


@lru_cache(maxsize=1024)
def _choice(options: tuple[str, ...]) -> tuple[str, frozenset[str]]:
    """Return the pattern of a slot and the words that it needs; remembered, because classes stand in many rows."""
    return any_of(options), frozenset(map(_key, options))


def _options(cell: str, classes: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the options of a cell, read as text is read, so that empty words and contractions cannot part them."""
    options: list[str] = []
    for option in cell.split("|"):
        if option.startswith("@"):
            options += classes[option]
            continue
        star = "*" if option.endswith("*") else ""
        words = words_of(option.rstrip("*").replace("_", " "))
        if not words or (star and len(_longest(words)) < _KEY):
            raise ValueError(f"{option!r} says too little to look for")
        options.append(words + star)
    return tuple(dict.fromkeys(options))


def _is_spaced(option: str) -> bool:
    return _UNSPACED.search(option) is None


def _key(option: str) -> str:
    """Return the longest word, or its beginning if only that is known: by it text that may hold the option is found."""
    longest = _longest(option)
    return longest[:_KEY] if longest.endswith("*") else longest


def _longest(words: str) -> str:
    return max(words.split(" "), key=len)


def _commonness(keys: frozenset[str]) -> int:
    """Say how often a slot will be met, so that a row is looked for by its rarest one."""
    return sum(_COMMON_COST if key[:_KEY] in _common() else 1 for key in keys)


@cache
def _common() -> frozenset[str]:
    return frozenset(uses("words.tsv")["common"])
