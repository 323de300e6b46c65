"""Make text comparable: one line of lower-case words, without what tells nothing, in time linear to its size.

Owns how words are parted and which are left out (`tables/words.tsv`). Knows nothing of what they mean.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

from aftersend.policy.diagnosis.tables import lines, uses

TEXT_LIMIT = 2_000
"""Characters of one text that are read; a refusal says what it has to say long before."""
ADDRESS_WORD, IP_WORD = "qaddr", "qip"
"""Stand for any email address and any IP address."""
NOT = "not"
"""Stands for every word that denies."""
BREAK = "|"
"""Stands for a code, or for the end of a sentence: what is said before one and after it are two sayings."""

_WIDE = "，。、；：（）「」《》【】"
"""Marks of scripts that write no spaces, which end an address too."""
_DELIMITER = re.compile(rf"[ \t\n<>\"'(),;:\[\]{_WIDE}]")
_DOMAIN = re.compile(rf"[^\s<>\"'(),;:\[\]{_WIDE}]{{1,255}}")
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"]{1,500}")
_QUOTE = re.compile(r"'(?:(?<![^\W_]')|(?![^\W_]))")
_IP_SPACED = f" {IP_WORD} "
_NUMBER = re.compile(r"[0-9][0-9]{0,8}(?:\.[0-9]{1,9})+")
"""Numbers with points. It begins with a set, by which the places where it may begin are found much faster."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[|;!?]|[.](?=\s)")
_SPACED = "".join(
    BREAK if letter in ";!?|" else letter if (letter.isalnum() and letter.isascii()) or letter == "'" else " "
    for letter in map(chr, range(256))
).encode()
"""How ASCII text is parted into words and sentences. As bytes, which are translated many times as fast as text."""
_BARE = {
    **{
        letter: bare
        for letter in map(chr, (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)))
        if (bare := unicodedata.normalize("NFD", letter)[0]).isascii()
    },
    **dict(zip("łøđı\u0451", "lodi\u0435", strict=True)),
    **dict.fromkeys(map(chr, range(0x300, 0x370)), ""),
}
"""Accented letters, and the bare ones that stand for them; accents that stand by themselves are dropped."""


def flatten(text: str) -> tuple[str, str]:
    """Return the words of a text and those of its links, each as one line; of a longer text those of TEXT_LIMIT."""
    text = text[:TEXT_LIMIT].lower()
    if "’" in text:
        text = text.replace("’", "'")
    if "'" in text:
        text = _QUOTE.sub(" ", text)
        if "'" in text and _elision().search(text):
            text = _elided().sub(" ", text)
    links = ""
    if "://" in text or "www." in text:
        links = " ".join(_LINK.findall(text))
        text = _LINK.sub(" ", text)
    if "@" in text:
        text = _without_addresses(text)
    return words_of(text), words_of(links) if links else ""


def plain(text: str) -> str:
    """Return lower-case text with the bare letter in the place of each accented one: many systems leave accents out."""
    if not text.isascii():
        for letter in _BARE.keys() & set(text):
            text = text.replace(letter, _BARE[letter])
    return text


def words_of(text: str) -> str:
    """Return the words of lower-case text that holds no addresses, without accents."""
    read_as = _read_as().get
    if (text := plain(text)).isascii():
        if "." in text:
            text = _NUMBER.sub(_number, text).replace(". ", " | ").replace(".\n", " | ")
        words = text.encode("ascii").translate(_SPACED).decode("ascii").replace(BREAK, " | ").split()
    else:
        words = _WORD.findall(_NUMBER.sub(_number, text))
    return " ".join(filter(None, map(read_as, words, words)))


def without_boilerplate(flat: str) -> str:
    """Take out of flattened words what sending systems always say, which tells nothing about this failure."""
    return _boilerplate().sub(f" {BREAK}", f" {flat} ")[1:-1]


def any_of(options: Iterable[str]) -> str:
    """Return a pattern for any of the options; one that ends in * stands for all words that begin so.

    Common beginnings are shared, because a plain alternation of a hundred words is slow.
    """
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
    branches = [
        (letter if letter.isalnum() else re.escape(letter)) + _branches(rest) for letter, rest in node.items() if letter
    ]
    if not branches:
        return ""
    if len(branches) == 1 and "" not in node:
        return branches[0]
    return "(?:" + "|".join(branches) + ")" + ("?" if "" in node else "")


def _without_addresses(text: str) -> str:
    """Put one word in the place of each address, so that what people call themselves is not read."""
    pieces = text.split("@")
    kept = []
    for index, piece in enumerate(pieces):
        if index:
            domain = _DOMAIN.match(piece)
            piece = piece[domain.end() :] if domain else piece
        if index < len(pieces) - 1:
            local = _DELIMITER.search(piece[::-1])
            piece = f"{piece[: len(piece) - local.start()] if local else ''} {ADDRESS_WORD} "
        kept.append(piece)
    return "".join(kept)


def _number(found: re.Match[str]) -> str:
    """Return one word in the place of an IP address, and the end of a sentence in that of every other number with points."""
    return _IP_SPACED if found[0].count(".") == 3 else " | "


@cache
def _read_as() -> dict[str, str]:
    table = uses("words.tsv")
    codes = [str(code) for code in range(400, 600)]
    return (
        dict.fromkeys(table["empty"], "")
        | dict.fromkeys(map(plain, table["not"]), NOT)
        | dict.fromkeys([*codes, *".;!?"], BREAK)
    )


@cache
def _elided() -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(uses('words.tsv')['elided'])})")


@cache
def _elision() -> re.Pattern[str]:
    """Return by what it is told in a moment that a text has none of them: most have none, and their apostrophes are few."""
    return re.compile("'(?:" + "|".join(rf"(?<=(?<![^\W_]){word})" for word in uses("words.tsv")["elided"]) + ")")


@cache
def _boilerplate() -> re.Pattern[str]:
    return re.compile(f" {any_of(words_of(line.lower()) for line in lines('boilerplate.tsv'))}(?= )")
