"""Own by what names an entry is found: whose list it is on, and what stands in place of an address that was erased."""

from __future__ import annotations

import hashlib

PLATFORM = 0
"""In place of an account: the list of the installation, which holds for every account."""
HIDDEN = "sha256:"
"""Begins what stands for an address that was erased: enough to know it again, not to read it."""


def hidden(account_id: int, folded: str) -> str:
    """Return what stands for an address."""
    return HIDDEN + hashlib.sha256(f"{account_id}:{folded}".encode()).hexdigest()
