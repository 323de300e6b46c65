"""`aftersend suppress` for whole domains and for all accounts, here and over HTTP."""

from __future__ import annotations

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, NOTHING, USAGE


@pytest.fixture(params=["run", "far"])
def verb(request: pytest.FixtureRequest) -> Run:
    """Run a verb, here or there."""
    found: Run = request.getfixturevalue(request.param)
    return found


def test_a_domain_and_a_trap(verb: Run) -> None:
    """Listed, told by any address, and taken off again."""
    verb("db", "upgrade")
    assert "@shut.example is not mailed" in verb("suppress", "add", "@shut.example", "--why", "asked").out
    assert verb("suppress", "add", "trap@open.example", "--everywhere", "--why", "a trap").status == DONE
    assert "@shut.example: not mailed" in verb("suppress", "why", "ann@shut.example").out
    assert "listed for all accounts: " in verb("suppress", "why", "trap@open.example").out
    assert [row["recipient"] for row in verb("suppress", "list", "--everywhere", "--json").rows] == [
        "trap@open.example"
    ]
    assert verb("suppress", "remove", "trap@open.example").status == NOTHING
    assert verb("suppress", "remove", "trap@open.example", "--everywhere").status == DONE
    assert verb("suppress", "remove", "@shut.example").status == DONE
    assert verb("suppress", "add", "@").status == USAGE
