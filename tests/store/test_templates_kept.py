"""Every version of a template is kept, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aftersend.errors import NotFound
from aftersend.store import templates
from given import ACCOUNT, Clock

Do = Callable[..., Any]


def test_versions_are_counted_and_kept(write: Do, read: Do, clock: Clock) -> None:
    """By account and name; the latest counts."""

    def save(account: int, name: str, source: str) -> int:
        made: int = write(
            templates.save, account, name, kind="text", subject="", source=source, html=None, text=source, who="ann",
            now=clock(),
        )  # fmt: skip
        return made

    assert [save(ACCOUNT, "a", "one"), save(ACCOUNT, "a", "two"), save(ACCOUNT, "b", "x"), save(2, "a", "y")] == [
        1,
        2,
        1,
        1,
    ]
    assert read(templates.one, ACCOUNT, "a")["source"] == "two"
    assert read(templates.one, ACCOUNT, "a", 1)["source"] == "one"
    assert [(row["name"], row["version"]) for row in read(templates.every, ACCOUNT)] == [("a", 2), ("b", 1)]
    write(templates.remove, ACCOUNT, "a")
    for account, name, version in ((ACCOUNT, "a", None), (ACCOUNT, "b", 2), (ACCOUNT, "\0", None)):
        with pytest.raises(NotFound):
            read(templates.one, account, name, version)
    assert read(templates.one, 2, "a")["source"] == "y"
