"""Own the list of public suffixes: which part of a host's name somebody registered."""

from __future__ import annotations

from typing import Any

_suffixes: Any = None


def registered(name: str) -> str | None:
    """Return the registrable domain of a host name, None if it has none; the list is loaded when first needed."""
    global _suffixes
    if _suffixes is None:
        from publicsuffixlist import PublicSuffixList

        _suffixes = PublicSuffixList()
    found = _suffixes.privatesuffix(name)
    return None if found is None else str(found)
