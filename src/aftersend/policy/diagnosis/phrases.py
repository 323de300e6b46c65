"""Read what a mail system said, by tables of phrases.

Owns the small language of `tables/phrases.tsv` and `tables/notices.tsv`. Knows nothing of reply codes beyond the `when`
column, and decides nothing: it returns the strongest row that the words support.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from aftersend.policy.diagnosis.tables import lines, uses
from aftersend.policy.diagnosis.words import any_of, words_of

LINK_WEIGHT = 4
"""What the words inside a link may count at most: a link names the help page, not the cause."""

_KEY = 5
"""Letters of a word by which rows are looked up whose words are only beginnings."""
_COMMON_COST = 20
"""A common word is as bad to look up by as so many rare ones."""
_GAPS = {".": 2, "..": 5, "...": 14}
"""How many words may stand between two that a row names."""
_NOTHING: frozenset[str] = frozenset()


class Match(NamedTuple):
    """What the strongest row says, how strongly, and the words that it stands on."""

    reason: str
    detail: str | None
    weight: int
    words: str


@dataclass(slots=True)
class Row:
    """One line of the table, compiled: it is looked up by its `anchor`, and cannot match without its other `needs`."""

    reason: str
    detail: str | None
    weight: int
    when: frozenset[str]
    anchor: frozenset[str]
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


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, strongest first, and where to look them up by a word or its beginning; sets of rows are kept as bits."""

    rows: tuple[Row, ...]
    by_key: dict[str, int]
    unspaced: int
    """Rows of scripts that write no spaces between words; they are looked for only in text that is not ASCII."""


def strongest(table: Table, flat: str, context: Iterable[str], *, above: int = 0) -> Match | None:
    """Return the strongest row of a table that matches the flattened text, if it weighs more than `above`."""
    keys = set(flat.split(" "))
    keys.update([word[:_KEY] for word in keys])
    by_key = table.by_key
    found = 0
    for key in by_key.keys() & keys:
        found |= by_key[key]
    if not flat.isascii():
        found |= table.unspaced
    if not found:
        return None
    context = frozenset(context)
    padded = f" {flat} "
    rows = table.rows
    while found:
        first = found & -found
        found ^= first
        row = rows[first.bit_length() - 1]
        if row.weight <= above:
            return None
        if row.when and row.when.isdisjoint(context):
            continue
        for need in row.needs:
            if need.isdisjoint(keys):
                break
        else:
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
    by_key: dict[str, int] = {}
    for index, row in enumerate(rows):
        for key in row.anchor:
            by_key[key] = by_key.get(key, 0) | 1 << index
    unspaced = sum(1 << index for index, row in enumerate(rows) if row.is_unspaced)
    return Table(tuple(rows), by_key, unspaced)


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
            choice = any_of(options)
            pattern += glue + (f"{choice}(?: {choice}){{0,2}}" if slot.endswith("+") else choice)
            needs.append(frozenset(_key(option) for option in options))
        glue = " "
    choices = [f" {pattern}(?= )"] if pattern else []
    anchor = min(needs, key=_commonness, default=_NOTHING)
    return Row(
        reason,
        None if detail == "-" else detail,
        int(weight),
        _NOTHING if when == "-" else frozenset(when.split(",")),
        anchor,
        () if unspaced else tuple(need for need in needs if need is not anchor),
        bool(unspaced),
        "|".join(choices + [re.escape(option) for option in unspaced]),
    )


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
    return not any("\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7af" for letter in option)


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
