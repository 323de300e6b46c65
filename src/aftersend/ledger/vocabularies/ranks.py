"""Own what the ranked vocabularies share: a word with a rank, and the furthest rank that a set of facts supports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Self, TypeVar, cast

from aftersend.ledger.facts import Fact, members


class Rank(IntEnum):
    """A word with a place in an order. The value is stored with each delivery, so that it can be searched for.

    Stored values never change their order: a new rank takes a number between its neighbours'. Two ranks may have one
    word.
    """

    word: str
    meaning: str

    def __new__(cls, code: int, word: str, meaning: str) -> Rank:
        """Make the member of that code."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.word = word
        member.meaning = meaning
        return member

    @classmethod
    def of(cls, code: int) -> Self:
        """Return the rank that was stored as `code`."""
        return cast(Self, cls._value2member_map_[code])


R = TypeVar("R", bound=Rank)

MOST = 1 << 16
"""How many different sets of facts are remembered; far fewer occur."""


class Remembered(dict[int, int]):
    """The rank of each set of facts seen so far; a new one is worked out when it is asked for."""

    def __init__(self, rank_of: Mapping[Fact, Rank | None], lowest: Rank) -> None:
        super().__init__()
        self._rank_of = rank_of
        self._lowest = int(lowest)

    def __missing__(self, bits: int) -> int:
        if len(self) >= MOST:
            self.clear()
        ranks = (self._rank_of[fact] for fact in members(bits))
        rank = self[bits] = max((int(rank) for rank in ranks if rank is not None), default=self._lowest)
        return rank


def reader(rank_of: Mapping[Fact, Rank | None], lowest: Rank) -> Callable[[int], int]:
    """Return the function from bits of facts to the highest rank among theirs, fast enough for every step."""
    return Remembered(rank_of, lowest).__getitem__


def listing(ranks: type[R]) -> tuple[tuple[str, str], ...]:
    """Return each word with its meaning, in the order of the ranks; a word that has several ranks comes once."""
    meanings: dict[str, str] = {}
    for rank in ranks:
        meanings.setdefault(rank.word, rank.meaning)
    return tuple(meanings.items())
