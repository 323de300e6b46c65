"""`aftersend throttle`, on the store of this machine and over HTTP."""

from __future__ import annotations

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, NOTHING, USAGE


@pytest.fixture(params=["run", "far"])
def verb(request: pytest.FixtureRequest) -> Run:
    """Run a verb, here or there."""
    found: Run = request.getfixturevalue(request.param)
    return found


def test_rates_come_and_go(verb: Run) -> None:
    """Of the account, to a domain, for all."""
    verb("db", "upgrade")
    assert verb("throttle", "list").status == NOTHING
    assert "warm-up" in verb("throttle", "set", "account", "warm-up").out
    assert verb("throttle", "set", "domain", "slow.example", "60/hour", "--everywhere").status == DONE
    assert [(row["scope"], row["name"], row["everywhere"]) for row in verb("throttle", "list", "--json").rows] == [
        ("account", "", False), ("domain", "slow.example", True),
    ]  # fmt: skip
    assert verb("throttle", "set", "domain", "slow.example", "fast").status == USAGE
    assert "from 192.0.2.1: warm-up" in verb("throttle", "set", "address", "192.0.2.1", "warm-up").out
    assert verb("throttle", "remove", "address", "192.0.2.1").status == DONE
    assert verb("throttle", "remove", "account").status == DONE
    assert verb("throttle", "remove", "account").status == NOTHING
    assert verb("throttle", "remove", "domain", "slow.example", "--everywhere").status == DONE
