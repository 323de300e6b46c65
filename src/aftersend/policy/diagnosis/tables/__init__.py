"""The tables that diagnosis reads: knowledge, not code, and reviewed as such. Each says in its head what its columns are."""

from __future__ import annotations

from collections import defaultdict
from importlib.resources import files


def lines(name: str) -> list[str]:
    """Return the lines of a table, without remarks and empty lines."""
    text = files(__name__).joinpath(name).read_text("utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def uses(name: str, separator: str | None = None) -> dict[str, list[str]]:
    """Return a table of two columns, the words of the second parted, those of one use together."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in lines(name):
        use, _, words = line.partition("\t")
        found[use] += words.split(separator)
    return dict(found)
