"""Read what a mail system said, by the table of phrases in `phrases.tsv`.

Owns the small language of that table and the way text is made comparable. Knows nothing of reply codes beyond the
`when` column, and decides nothing: it returns the strongest row that the words support.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

TEXT_LIMIT = 2_000
"""Characters of one text that are read; a refusal says what it has to say long before."""
LINK_WEIGHT = 4
"""What the words inside a link may count at most: a link names the help page, not the cause."""

_DELIMITERS = " \t\n<>\"'(),;:[]"
_DOMAIN = re.compile(r"[^\s<>\"'(),;:\[\]]{1,255}")
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"]{1,500}")
_QUOTE = re.compile(r"'(?:(?<![^\W_]')|(?![^\W_]))")
_ELIDED = (" l'", " d'", " n'", " s'", " j'", " c'", " qu'", " dell'", " un'")
_NUMBER = re.compile(r"\d+(?:\.\d+)+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[|;!?]|[.](?=\s)")
_KEY = 5
_COMMON = frozenset(
    "| 1 2 3 by no not from your our my mail mails email messa addre recip user users accou mailb host serve rejec "
    "refus block denie deliv faile error qaddr domai sende conne reque said remot actio taken avail unava name".split(
        " "
    )
)
"""Beginnings of the words that most texts of mail systems hold."""
_COMMON_COST = 20
_GAPS = {".": 2, "..": 5, "...": 14}
"""How many words may stand between two that a row names."""
_SPACED = {
    code: "|" if chr(code) in ";!?|" else chr(code) if chr(code).isalnum() or chr(code) == "'" else " "
    for code in range(128)
}
"""How ASCII text is parted into words and sentences."""
_BREAK = "|"
"""Stands for a code, or for the end of a sentence: what is said before one and after it are two sayings."""

_EMPTY = frozenset(
    "a an the is are was were be been being this that these those has have had does do did can could would may "
    "might should shall of in at on for with as or and i we you please sorry so very also its it's there which who "
    "any some been to into under it because get got".split()
) - {"because", "on"}
_SAME = (
    dict.fromkeys(
        "doesn't dosn't doesnt don't dont didn't isn't isnt wasn't aren't weren't couldn't can't cant cannot won't wont "
        "wouldn't hasn't haven't hadn't mustn't never unable".split(),
        "not",
    )
    | {str(code): _BREAK for code in range(400, 600)}
    | dict.fromkeys(".;!?", _BREAK)
    | dict.fromkeys(_EMPTY, "")
)


class Match(NamedTuple):
    """What the strongest row says, how strongly, and the words that it stands on."""

    reason: str
    detail: str | None
    weight: int
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, compiled: `needs` are the word beginnings without which it cannot match."""

    reason: str
    detail: str | None
    weight: int
    when: frozenset[str]
    needs: tuple[frozenset[str], ...]
    is_unspaced: bool
    """Some of its words stand in a script without spaces, so that word beginnings do not find them."""
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, strongest first, and where to look them up by the beginning of a word."""

    rows: tuple[Row, ...]
    by_key: dict[str, tuple[int, ...]]
    unspaced: tuple[int, ...]
    """Rows of scripts that write no spaces between words; they are looked for only in text that is not ASCII."""


def flatten(text: str) -> tuple[str, str]:
    """Return the words of the text and those of its links, each as one line of lower-case words.

    Linear in TEXT_LIMIT, whatever the text.
    """
    text = text[:TEXT_LIMIT].lower()
    if "’" in text:
        text = text.replace("’", "'")
    if "'" in text:
        text = _QUOTE.sub(" ", text)
        for elided in _ELIDED:
            text = text.replace(elided, " ")
    links = ""
    if "://" in text or "www." in text:
        links = " ".join(_LINK.findall(text))
        text = _LINK.sub(" ", text)
    if "@" in text:
        text = _without_addresses(text)
    return _words(text), _words(links) if links else ""


def _without_addresses(text: str) -> str:
    """Put one word in the place of each address, so that what people call themselves is not read."""
    pieces = text.split("@")
    kept = []
    for index, piece in enumerate(pieces):
        if index:
            domain = _DOMAIN.match(piece)
            piece = piece[domain.end() :] if domain else piece
        if index < len(pieces) - 1:
            start = len(piece)
            while start and piece[start - 1] not in _DELIMITERS:
                start -= 1
            piece = piece[:start] + " qaddr "
        kept.append(piece)
    return "".join(kept)


def _words(text: str) -> str:
    same = _SAME
    if text.isascii():
        if "." in text:
            text = _NUMBER.sub(_numbered, text).replace(". ", " | ").replace(".\n", " | ")
        words = text.translate(_SPACED).replace("|", " | ").split()
    else:
        words = _WORD.findall(_NUMBER.sub(_numbered, text))
    return " ".join(filter(None, [same.get(word, word) for word in words]))


def _numbered(number: re.Match[str]) -> str:
    """Return what stands for a number with points: an IP address, a code, or a number of no interest."""
    dots = number[0].count(".")
    return " qip " if dots == 3 else " | " if dots == 2 and number[0][0] in "245" else " "


def strongest(table: Table, flat: str, context: Iterable[str], *, above: int = 0) -> Match | None:
    """Return the strongest row of a table that matches the flattened text, if it weighs more than `above`."""
    keys = {word[:_KEY] for word in flat.split(" ")}
    by_key = table.by_key
    found: set[int] = set()
    for key in keys & by_key.keys():
        found.update(by_key[key])
    if not flat.isascii():
        found.update(table.unspaced)
    if not found:
        return None
    context = frozenset(context)
    rows = table.rows
    for index in sorted(found):
        row = rows[index]
        if row.weight <= above:
            return None
        if row.when and row.when.isdisjoint(context):
            continue
        for need in row.needs:
            if need.isdisjoint(keys) and not row.is_unspaced:
                break
        else:
            if match := row.pattern.search(flat):
                return Match(row.reason, row.detail, row.weight, match[0].strip())
    return None


@cache
def phrases() -> Table:
    """Return the table of what mail systems say about a failure, read once."""
    return compile_table(_lines("phrases.tsv"))


@cache
def notices() -> Table:
    """Return the table of how notices begin and what answers look like, read once."""
    return compile_table(_lines("notices.tsv"))


@cache
def _boilerplate() -> tuple[str, ...]:
    lines = [_words(line.lower()) for line in _lines("boilerplate.tsv") if line and not line.startswith("#")]
    return tuple(sorted(dict.fromkeys(lines), key=len, reverse=True))


def without_boilerplate(flat: str) -> str:
    """Take out of flattened words what sending systems always say, which tells nothing about this failure."""
    for phrase in _boilerplate():
        if phrase in flat:
            flat = flat.replace(phrase, _BREAK)
    return flat


def _lines(name: str) -> list[str]:
    return files(__package__).joinpath(name).read_text("utf-8").splitlines()


def compile_table(lines: Iterable[str]) -> Table:
    """Compile the lines of a table; raise ValueError naming the line that cannot be read."""
    classes: dict[str, tuple[str, ...]] = {}
    rows: list[Row] = []
    for number, line in enumerate(lines, 1):
        cells = line.split("\t")
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@") and len(cells) == 2:
            classes[cells[0]] = _options(cells[1], classes)
        elif len(cells) == 5:
            try:
                rows.append(_row(cells, classes))
            except (KeyError, ValueError) as wrong:
                raise ValueError(f"line {number}: {wrong}") from wrong
        else:
            raise ValueError(f"line {number} has {len(cells)} cells: {line!r}")
    rows.sort(key=lambda row: -row.weight)
    by_key: dict[str, list[int]] = {}
    unspaced = []
    for index, row in enumerate(rows):
        if row.is_unspaced:
            unspaced.append(index)
        for key in min(row.needs, key=_commonness, default=()):
            by_key.setdefault(key, []).append(index)
    return Table(tuple(rows), {key: tuple(at) for key, at in by_key.items()}, tuple(unspaced))


def _commonness(keys: frozenset[str]) -> int:
    """Say how often a slot will be met, so that a row is looked for by its rarest one."""
    return sum(_COMMON_COST if key in _COMMON else 1 for key in keys)


def _row(cells: list[str], classes: dict[str, tuple[str, ...]]) -> Row:
    reason, detail, weight, when, words = cells
    slots = words.split()
    needs: list[frozenset[str]] = []
    unspaced: tuple[str, ...] = ()
    pattern = glue = ""
    for slot in slots:
        if slot in _GAPS:
            glue = r"(?: [^ |]+){0,%d}? " % _GAPS[slot]
            continue
        options = _options(slot.rstrip("+"), classes)
        if len(slots) == 1:
            unspaced = tuple(option for option in options if not _spaced(option))
            options = tuple(option for option in options if _spaced(option))
        if options:
            choice = any_of(options)
            pattern += glue + (f"{choice}(?: {choice}){{0,2}}" if slot.endswith("+") else choice)
            needs.append(frozenset(_key(option) for option in options))
        glue = " "
    choices = [f"(?:^| ){pattern}(?= |$)"] if pattern else []
    return Row(
        reason,
        None if detail == "-" else detail,
        int(weight),
        frozenset() if when == "-" else frozenset(when.split(",")),
        tuple(needs),
        bool(unspaced),
        re.compile("|".join(choices + [re.escape(option) for option in unspaced])),
    )


def _options(cell: str, classes: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the options of a cell, read as text is read, so that empty words and contractions cannot part them."""
    options: list[str] = []
    for option in cell.split("|"):
        if option.startswith("@"):
            options += classes[option]
            continue
        star = "*" if option.endswith("*") else ""
        words = _words(option.rstrip("*").replace("_", " "))
        if not words or (star and len(_longest(words)) < _KEY):
            raise ValueError(f"{option!r} says too little to look for")
        options.append(words + star)
    return tuple(dict.fromkeys(options))


def any_of(options: Iterable[str]) -> str:
    """Return a pattern for any of the options, common beginnings shared: a plain alternation of a hundred is slow."""
    tree: dict[str, Any] = {}
    for option in options:
        node = tree
        for letter in option:
            node = node.setdefault(letter, {})
        node[""] = {}
    return _branches(tree)


def _branches(node: dict[str, Any]) -> str:
    if "*" in node:
        return "[^ ]*"
    branches = [re.escape(letter) + _branches(rest) for letter, rest in node.items() if letter]
    if not branches:
        return ""
    if len(branches) == 1 and "" not in node:
        return branches[0]
    return "(?:" + "|".join(branches) + ")" + ("?" if "" in node else "")


def _spaced(option: str) -> bool:
    return not any("\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7af" for letter in option)


def _key(option: str) -> str:
    """Return the beginning of the longest word, by which text that may hold the option is found."""
    return _longest(option.rstrip("*"))[:_KEY]


def _longest(words: str) -> str:
    return max(words.split(" "), key=len)
