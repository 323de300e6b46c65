"""Find in a notice written for people whom it is about and what was said of each.

Owns the look of such notices: where the quoted message begins, how addresses are set apart, how a transcript of SMTP
runs. It returns texts; what they mean is for the tables to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from aftersend.policy.diagnosis.tables import lines, uses
from aftersend.policy.diagnosis.words import any_of

NOTICE_LIMIT = 60_000
"""Characters of a notice that are read."""
_NOTICE_OFTEN = 2_000
"""Within so many characters most notices end; what they quote may be long, and is not looked at without need."""
RECIPIENT_LIMIT = 1_000
"""Recipients of one report that are told apart."""

_LOCAL = r"[^\s<>\"'(),;:\[\]=|@\\：、。，；「」（）《》]{1,64}"
ADDRESS = _LOCAL + r"@[a-zA-Z0-9_#\u0080-\uffff-][\w.-]{0,253}[\w]"
_ADDRESS = re.compile(ADDRESS)
_GLUED = re.compile(r"^(\S+@\S*\.[a-z]{2,24})[^\x00-\x7f]\S*$")
"""A sentence that goes on behind an address without a space, as Chinese and Japanese ones do."""
_LEADING = re.compile(
    r"[^\w\n@]{0,30}(?:\d{1,3}[.)][ \t]{1,4})?(?:([^\n:：@<\"]{1,50}?)[ \t]*[:=：][ \t]*)?[^\w\n@]{0,12}(?i:smtp:|rfc822;|mailto:)?[ \t]*"
    rf"({ADDRESS})"
)
"""An address at the beginning of a line, with a label before it or none."""
_BEFORE = 100
"""Characters before an address within which the word is looked for by which a sentence names it."""
_LAST_WORD = re.compile(r"\w{1,20}\Z")
_LOCAL_PART = re.compile(_LOCAL)
_RCPT = re.compile(rf"(?i:RCPT TO:)[ ]?<?({ADDRESS})?")
_CODED = re.compile(rf"\n[ \t]*[45]\d\d[ -](?:[45]\.\d+\.\d+ )?[<\"]?({ADDRESS})[>\"]?(?:\.\.\.|:)")
_HEADER_LINE = (
    r"(?:received|return-path|dkim-signature|x-received|delivered-to|message-id|mime-version|x-google-\S+):[ \t]*\S"
)


_NOBODY: frozenset[str] = frozenset()


class Said(NamedTuple):
    """A recipient, "" if none is named, and what the notice says of them."""

    recipient: str
    text: str


class Notice(NamedTuple):
    """The words of the notice itself, and the message it quotes, if it quotes one."""

    words: str
    quoted: str


@cache
def _cut() -> re.Pattern[str]:
    """Return how the lines begin behind which, or with which, the message returned is quoted."""
    words: list[str] = []
    signs: list[str] = []
    for line in lines("cuts.tsv"):
        (words if line[0].isalnum() else signs).append(line)
    return re.compile(rf"\n(?:[^\w\n]{{0,80}}+{any_of(words)}|{any_of(signs)}|{_HEADER_LINE})")


@cache
def _other_label() -> re.Pattern[str]:
    """Return what stands before an address that is not a recipient's."""
    return re.compile(rf"\b(?:{any_of(uses('signs.tsv', '|')['label'])}|x-[a-z-]+)$")


@cache
def _naming() -> frozenset[str]:
    """Return the words behind which a sentence names a recipient."""
    return frozenset(uses("signs.tsv", "|")["naming"])


@cache
def _office() -> re.Pattern[str]:
    return re.compile(any_of(uses("signs.tsv", "|")["office"]) + "@")


def split_notice(text: str) -> Notice:
    """Part a notice from the message that it quotes, at a line that announces it or where header lines begin."""
    text = text[:NOTICE_LIMIT]
    first = text.find("\n", _NOTICE_OFTEN)
    end = _cut_of(text[:first]) if first >= 0 else -1
    if end < 0:
        end = _cut_of(text)
    return Notice(text[:end], text[end:]) if end >= 0 else Notice(text, "")


def _cut_of(text: str) -> int:
    """Return where the line that parts a notice from what it quotes begins, or -1."""
    low = "\n" + text.lower()
    if len(low) != len(text) + 1:
        low = "\n" + text
    found = _cut().search(low)
    return found.start() if found else -1


def recipients_said(words: str, own: frozenset[str]) -> list[Said]:
    """Return the recipients that a notice speaks of, each with what it says of them; `own` addresses are the sender's.

    An address set apart at the beginning of a line is taken before one within a sentence.
    """
    if "@" not in words:
        return []
    places = _leading(words)
    found = _kept(places, own) or _kept(places, _NOBODY)
    if not found:
        places = [(match.start(), match[1]) for match in _CODED.finditer("\n" + words)]
        if not places and "rcpt to:" in words.lower():
            places = [(match.start(), match[1]) for match in _RCPT.finditer(words) if match[1]]
        found = _kept(places, own)
    if not found:
        found = _kept(_within(words), own)[:1]
        return [Said(address, words) for _, address in found]
    starts = [start for start, _ in found] + [len(words)]
    return [Said(address, words[starts[index] : starts[index + 1]]) for index, (_, address) in enumerate(found)]


def only_address(words: str, own: frozenset[str]) -> str:
    """Return the one address that a notice names, in whatever words, or "" if there are several, or none."""
    found = _kept(list(_places(words)), own)
    return found[0][1] if len(found) == 1 else ""


def _leading(words: str) -> list[tuple[int, str]]:
    """Return the addresses set apart at the beginning of a line, and where."""
    places = []
    at = words.find("@")
    while at >= 0:
        start = words.rfind("\n", 0, at) + 1
        if match := _LEADING.match(words, start):
            label = (match[1] or "").strip()
            if not label or not (_other_label().search(label.lower()) or label.count(" ") > 4):
                places.append((start, match[2]))
        end = words.find("\n", at)
        at = words.find("@", end) if end >= 0 else -1
    return places


def _within(words: str) -> list[tuple[int, str]]:
    """Return the addresses that a sentence names behind a word such as "to" or "user", and where."""
    return [place for place in _places(words) if _is_named(words[max(0, place[0] - _BEFORE) : place[0]])]


def _is_named(before: str) -> bool:
    before = before.rstrip("<\"'([")
    said = before.rstrip(" \t\n:")
    word = _LAST_WORD.search(said, max(0, len(said) - 21)) if len(said) < len(before) else None
    return word is not None and word[0].lower() in _naming()


def _places(words: str) -> Iterator[tuple[int, str]]:
    """Yield each address and where it begins; looked for from its "@" backwards, which is many times as fast."""
    end = 0
    at = words.find("@")
    while at >= 0:
        local = _LOCAL_PART.match(words[max(end, at - 64) : at][::-1])
        found = _ADDRESS.match(words, at - local.end()) if local else None
        if found:
            end = found.end()
            yield found.start(), found[0]
        at = words.find("@", max(at + 1, end))


def _kept(places: list[tuple[int, str]], own: frozenset[str]) -> list[tuple[int, str]]:
    """Drop repeated and foreign addresses; those of offices (postmaster …) only if another one is left."""
    kept: dict[str, int] = {}
    for start, address in places[: 4 * RECIPIENT_LIMIT]:
        address = address.strip(".-").lower()
        if not address.isascii():
            address = _GLUED.sub(r"\1", address)
        if address not in own and "@" in address:
            kept.setdefault(address, start)
    persons = {address: start for address, start in kept.items() if not _office().match(address)}
    return [(start, address) for address, start in (persons or kept).items()][:RECIPIENT_LIMIT]


def addresses(text: str) -> list[str]:
    """Return the addresses in a text, lower case, in order, each once."""
    found = [address.lower() for word in text.split() if "@" in word for address in _ADDRESS.findall(word)]
    return list(dict.fromkeys(found)) if len(found) > 1 else found
