"""A service that is told to stop while it still starts ends in good order: no port half open, no claim left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_process import NodeProcess


@pytest.mark.parametrize("workers", [0, 1])
def test_it_ends_in_good_order_when_told_so_after_its_greeting(tmp_path: Path, workers: int) -> None:
    """SMTP greets while HTTP is still being read; a stop at that moment has status 0, and the next start finds no debris."""
    node = NodeProcess(tmp_path, workers=workers)
    try:
        node.launch()
        node.stop()
        node.start()
        node.stop()
    finally:
        node.end()
    assert not any(record["event"] in ("claims_freed", "stop_failed", "worker_died") for record in node.log())
