"""Choose people by what is known of them, in a line that reads like a sentence: `city = Vienna and opened since 90d`.

Owns the language and what it means. Who is asked about, and how that is fetched, is the business of `broadcasts.choosing`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from aftersend.errors import BadField

LENGTH_MOST = 2000
TERMS_MOST = 50
DEPTH_MOST = 20
EMAIL, NAME, LIST, CONSENT, TYPE = "email", "name", "list", "consent", "type"
CREATED, CHANGED, OPENED, CLICKED = "created", "changed", "opened", "clicked"
MOMENTS = (CREATED, CHANGED, OPENED, CLICKED)
_SETS = (LIST, CONSENT, TYPE)
ATTRIBUTE = "attribute."
"""Before the name of an attribute that is called like one of the words above."""
_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(<=|>=|!=|[=<>~])|([()])|([^\s"()=!<>~]+)|(.))', re.DOTALL)
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_AGE = re.compile(r"(\d{1,5})([hdwy])")
_HOUR_US = 3_600_000_000
_AGES = {"h": _HOUR_US, "d": 24 * _HOUR_US, "w": 7 * 24 * _HOUR_US, "y": 365 * 24 * _HOUR_US}
_RESERVED = ("and", "or", "not", "has", "since", "before", "everybody")


@dataclass(frozen=True, slots=True)
class Person:
    """What can be asked about somebody. Moments in microseconds, None for never."""

    name: str = ""
    addresses: Sequence[str] = ()
    types: Sequence[Sequence[str]] = ()
    """For each address the types of broadcast that it was chosen for; none of them is all."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    lists: Set[str] = frozenset()
    consents: Mapping[str, bool] = field(default_factory=dict)
    """For types of broadcast whether the person agrees; under "" what holds for all others."""
    moments: Mapping[str, int | None] = field(default_factory=dict)


class Condition(Protocol):
    """Something that is true of a person or is not."""

    def holds(self, person: Person, now: int) -> bool:
        """Say whether it is true of somebody at this moment."""

    def terms(self) -> list[Term]:
        """Return what is asked about people."""


@dataclass(frozen=True, slots=True)
class Term:
    """A comparison of one thing that is known with a value."""

    name: str
    sign: str
    value: str = ""

    def holds(self, person: Person, now: int) -> bool:
        """Say whether it is true of somebody at this moment."""
        if self.sign == "everybody":
            return True
        if self.name in MOMENTS:
            return _is_then(person.moments.get(self.name), self.sign, self.value, now)
        if self.name == CONSENT:
            return _agrees(person, self.sign, self.value)
        found = known(person, self.name)
        if self.sign == "has":
            return bool(found)
        if self.name in _SETS:
            return (self.value in found) == (self.sign == "=")
        if self.sign == "!=":
            return not any(_compares(each, "=", self.value) for each in found)
        return any(_compares(each, self.sign, self.value) for each in found)

    def terms(self) -> list[Term]:
        """Return itself."""
        return [self]


@dataclass(frozen=True, slots=True)
class Not:
    """True where another is not."""

    inner: Condition

    def holds(self, person: Person, now: int) -> bool:
        """Say whether it is true of somebody at this moment."""
        return not self.inner.holds(person, now)

    def terms(self) -> list[Term]:
        """Return what is asked about people."""
        return self.inner.terms()


@dataclass(frozen=True, slots=True)
class Joined:
    """Several, of which all or any must be true."""

    parts: tuple[Condition, ...]
    is_all: bool

    def holds(self, person: Person, now: int) -> bool:
        """Say whether it is true of somebody at this moment."""
        wanted = (part.holds(person, now) for part in self.parts)
        return all(wanted) if self.is_all else any(wanted)

    def terms(self) -> list[Term]:
        """Return what is asked about people."""
        return [term for part in self.parts for term in part.terms()]


def known(person: Person, name: str) -> list[str]:
    """Return what is known of somebody under a name, as text: nothing, one thing or several."""
    if name == EMAIL:
        return list(person.addresses)
    if name == NAME:
        return [person.name] if person.name else []
    if name == LIST:
        return list(person.lists)
    if name == TYPE:
        return [kind for kinds in person.types for kind in kinds]
    value = person.attributes.get(name.removeprefix(ATTRIBUTE))
    return [] if value is None or value == "" else [written(value)]


def _agrees(person: Person, sign: str, kind: str) -> bool:
    if sign == "has":
        return any(person.consents.values())
    return person.consents.get(kind, person.consents.get("", False)) == (sign == "=")


def written(value: Any) -> str:
    """Return an attribute as it is compared."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _compares(found: str, sign: str, value: str) -> bool:
    """Compare as numbers where both are, else as text without regard to case."""
    if sign == "~":
        return value.casefold() in found.casefold()
    left, right = _number(found), _number(value)
    if left is None or right is None:
        return _ordered(found.casefold(), sign, value.casefold())
    return _ordered(left, sign, right)


def _ordered(left: Any, sign: str, right: Any) -> bool:
    if sign == "=":
        return bool(left == right)
    if sign == "<":
        return bool(left < right)
    if sign == "<=":
        return bool(left <= right)
    return bool(left > right if sign == ">" else left >= right)


_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?", re.ASCII)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _is_then(found: int | None, sign: str, value: str, now: int) -> bool:
    if found is None:
        return False
    if sign == "has":
        return True
    at = moment(value, now)
    assert at is not None
    return found >= at if sign == "since" else found < at


def moment(text: str, now: int) -> int | None:
    """Read a moment: `90d` ago (h, d, w or y), a day (UTC) or RFC 3339; None if it is none of these."""
    age = _AGE.fullmatch(text)
    if age:
        return now - int(age[1]) * _AGES[age[2]]
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        seconds = found.timestamp()
    except (ValueError, OverflowError):
        return None
    return int(seconds * 1_000_000) if math.isfinite(seconds) else None


# ---- reading -----------------------------------------------------------------------------------------------------------


def read(text: str, pointer: str = "#/where") -> Condition:
    """Read a condition. Raise BadField that says where it is wrong and what would be right."""
    if len(text) > LENGTH_MOST:
        raise BadField(pointer, f"A condition has {LENGTH_MOST} characters at most.")
    reader = _Reader(text, pointer)
    found = reader.any_of(0)
    reader.must_be_over()
    if len(found.terms()) > TERMS_MOST:
        raise BadField(pointer, f"A condition compares {TERMS_MOST} times at most.")
    return found


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    kind: str
    at: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.lower() in words


class _Reader:
    """Reads from left to right: `or` binds loosest, then `and`, then `not`."""

    def __init__(self, text: str, pointer: str) -> None:
        self._pointer = pointer
        self._tokens: list[_Token] = list(self._cut(text.rstrip()))
        self._next = 0

    def _cut(self, text: str) -> Iterator[_Token]:
        for found in _TOKEN.finditer(text):
            quoted, sign, bracket, word, other = found.groups()
            at = found.end() - len(found[found.lastindex or 0])
            if other is not None:
                what = "this quotation mark is not closed" if other == '"' else f"{other!r} means nothing"
                raise BadField(self._pointer, f'At character {at + 1}, {what}; write as in: city = "New York".')
            if quoted is not None:
                yield _Token(re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL), "quoted", at)
            else:
                yield _Token(sign or bracket or word, "sign" if sign else "bracket" if bracket else "word", at)
        yield _Token("", "end", len(text))

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._here
        if token.kind != "end":
            self._next += 1
        return token

    def _fail(self, token: _Token, wanted: str) -> BadField:
        there = f"{token.text[:40]!r}, at character {token.at + 1}," if token.kind != "end" else "the end"
        return BadField(self._pointer, f"Instead of {there} there should be {wanted}.")

    def must_be_over(self) -> None:
        if self._here.kind != "end":
            raise self._fail(self._here, '“and”, “or” or the end; quote a value with spaces: city = "New York"')

    def any_of(self, depth: int) -> Condition:
        parts = [self._all_of(depth)]
        while self._here.is_word("or"):
            self._take()
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), is_all=False)

    def _all_of(self, depth: int) -> Condition:
        parts = [self._single(depth)]
        while self._here.is_word("and"):
            self._take()
            parts.append(self._single(depth))
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), is_all=True)

    def _single(self, depth: int) -> Condition:
        if depth > DEPTH_MOST:
            raise BadField(self._pointer, f"Brackets and “not” go {DEPTH_MOST} deep at most.")
        token = self._take()
        if token.is_word("not"):
            return Not(self._single(depth + 1))
        if token.kind == "bracket" and token.text == "(":
            inner = self.any_of(depth + 1)
            if (closing := self._take()).text != ")" or closing.kind != "bracket":
                raise self._fail(closing, "a closing bracket")
            return inner
        if token.is_word("everybody"):
            return Term("", "everybody")
        if token.is_word("has"):
            return Term(self._name(self._take()), "has")
        return self._compared(self._name(token))

    def _name(self, token: _Token) -> str:
        name = token.text
        if token.kind != "word" or token.is_word(*_RESERVED) or not _TAG.fullmatch(name.removeprefix(ATTRIBUTE)):
            wanted = "something known of people: email, name, list, consent, type, created, changed, opened, clicked, or an attribute"
            raise self._fail(token, wanted)
        return name

    def _compared(self, name: str) -> Condition:
        sign = self._take()
        if name in MOMENTS:
            if not sign.is_word("since", "before"):
                raise self._fail(sign, f"“since” or “before”, as in: {name} since 90d")
            value = self._value(name)
            if moment(value.text, 0) is None:
                raise self._fail(value, "a day such as 2026-12-01, or how long ago: 24h, 90d, 2w, 1y")
            return Term(name, sign.text.lower(), value.text)
        allowed = ("=", "!=") if name in _SETS else ("=", "!=", "<", "<=", ">", ">=", "~")
        if sign.kind != "sign" or sign.text not in allowed:
            raise self._fail(sign, f"one of {' '.join(allowed)}")
        return Term(name, sign.text, self._value(name).text)

    def _value(self, name: str) -> _Token:
        token = self._take()
        if token.kind not in ("word", "quoted") or (token.kind == "word" and token.is_word("and", "or")):
            raise self._fail(token, f"a value for {name}")
        return token
