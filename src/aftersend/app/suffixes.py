"""Own which part of a host's name is registered: what stands right under a public suffix (publicsuffix.org).

The whole list takes as long to read as a hundred deliveries, and megabytes; hosts of mail servers lie under a few
top-level domains, so only those parts are read, each when it is first met.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

PARTS_KEPT = 200


def registered(name: str) -> str | None:
    """Return the registrable domain of a host name (A-labels, small letters); None if it has none."""
    found = _rules_under(name.rpartition(".")[2]).privatesuffix(name)
    return None if found is None else str(found)


@lru_cache(maxsize=PARTS_KEPT)
def _rules_under(top: str) -> Any:
    import publicsuffixlist

    try:
        written = top.encode("ascii").decode("idna")
    except UnicodeError:
        written = top
    end = f".{written}"
    lines = Path(publicsuffixlist.PSLFILE).read_text("utf-8").splitlines()
    rules = [line for line in lines if (line.endswith(end) or line == written) and not line.startswith("//")]
    return publicsuffixlist.PublicSuffixList(rules)
