from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filters import rspamd as running_rspamd
from filters import spamassassin as running_spamassassin


@pytest.fixture(scope="session")
def rspamd() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="aftersend-rspamd-") as place, running_rspamd(Path(place)) as addresses:
        yield addresses


@pytest.fixture(scope="session")
def spamassassin() -> Iterator[tuple[str, int]]:
    with tempfile.TemporaryDirectory(prefix="aftersend-spamd-") as place, running_spamassassin(Path(place)) as address:
        yield address
