"""A service is killed while it takes a long file of contacts in: nobody is there before all are, and then everybody once."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from node_process import NodeProcess
from test_kill_broadcasts import Customer

ROWS = 40_000


def file(rows: int) -> bytes:
    """Every thousandth row is wrong."""
    return (
        "email,city\n" + "".join(f"p{i}@d.test,C{i % 9}\n" if i % 1000 else f"nobody{i},\n" for i in range(rows))
    ).encode()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [5, 6])
def test_killed_while_it_reads(tmp_path: Path, seed: int) -> None:
    """Five times at random, the last time when all is being kept, or nearly."""
    chance = random.Random(seed)
    node = NodeProcess(tmp_path)
    try:
        node.start()
        customer = Customer([node])
        customer.done("POST", "/v1/lists", {"name": "all"})
        shown = customer.done("POST", "/v1/imports?list=all", file(ROWS))["id"]
        wrong = ROWS // 1000
        for kills in range(5):
            time.sleep(chance.random() * (0.3 + kills / 3))
            node.kill()
            node.start()
            found = customer.done("GET", f"/v1/imports/{shown}")
            (listed,) = customer.done("GET", "/v1/lists")["data"]
            there = customer.done("GET", "/v1/contacts/count")["people"]
            after = customer.done("GET", f"/v1/imports/{shown}")
            if found["is_over"] == after["is_over"]:
                assert (listed["members"], there) == ((ROWS - wrong,) * 2 if found["is_over"] else (0, 0))
        end = time.monotonic() + 90
        while not (found := customer.done("GET", f"/v1/imports/{shown}"))["is_over"]:
            assert time.monotonic() < end, found
            time.sleep(0.2)
        assert (found["state"], found["created"], found["changed"], found["wrong"]) == ("done", ROWS - wrong, 0, wrong)
        (listed,) = customer.done("GET", "/v1/lists")["data"]
        assert listed["members"] == customer.done("GET", "/v1/contacts/count")["people"] == ROWS - wrong
        faults = customer.done("GET", f"/v1/imports/{shown}/faults?limit=100")["data"]
        assert [each["line"] for each in faults] == [i * 1000 + 2 for i in range(wrong)]
        node.stop()
        assert "Traceback" not in node.log_text(), node.log_text()[-4000:]
    finally:
        node.end()
