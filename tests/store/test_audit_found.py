"""Changes are found by any part of what is written of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aftersend.ids import IdSource
from aftersend.store import accounts
from given import ACCOUNT, Clock


@pytest.mark.parametrize("part", ["Österreich", "sterreich", "OWNER@example.com", "list Ö", "100%"])
def test_a_text_finds_what_it_is_part_of(
    write: Callable[..., Any], read: Callable[..., Any], clock: Clock, ids: IdSource, part: str
) -> None:
    """As it stands there on every engine, whatever letters it has; large or small, where letters are ASCII."""
    write(
        accounts.note, ACCOUNT, ids(), who="owner@example.com", did="renamed", what="list Österreich 100%", now=clock()
    )
    write(accounts.note, ACCOUNT, ids(), who="ann@example.net", did="renamed", what="list Schweiz 100", now=clock())
    assert [row["who"] for row in read(accounts.noted, ACCOUNT, part=part)] == ["owner@example.com"]
