"""What is known of programs and networks that fetch pictures and follow links: tables that grow, no code.

Owns their form: lines of a word, a kind and a name, parted by tabs; # begins a remark.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Known(NamedTuple):
    """Somebody whom a table names: what kind it is, and how to call it."""

    kind: str
    name: str


@cache
def rows(table: str) -> tuple[tuple[str, Known], ...]:
    """Return the rows of a table in its order."""
    text = files(__name__).joinpath(f"{table}.tsv").read_text("utf-8")
    parted = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((word, Known(kind, name)) for word, kind, name in parted)
