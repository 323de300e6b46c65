from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aftersend import clock
from aftersend.store import Engine, accounts, upgrade


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database of the present schema with one account."""
    engine = Engine(f"sqlite:///{tmp_path}/aftersend.db")
    upgrade.upgrade(engine)
    with engine.writing() as connection:
        accounts.ensure_first(connection, now=clock.now())
    yield engine
    engine.close()
