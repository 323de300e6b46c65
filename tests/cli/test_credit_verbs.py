"""`aftersend credits`, on the store of this machine and over HTTP."""

from __future__ import annotations

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, NOTHING, USAGE


@pytest.fixture(params=["run", "far"])
def verb(request: pytest.FixtureRequest) -> Run:
    """Run a verb, here or there."""
    found: Run = request.getfixturevalue(request.param)
    return found


def test_a_purse_from_its_beginning_to_its_end(verb: Run) -> None:
    """Topped up, filled by a plan, looked at, taken from, and counted no longer."""
    verb("db", "upgrade")
    assert "not counted" in verb("credits", "show").out
    assert verb("credits", "history").status == NOTHING
    assert "1,000 credits" in verb("credits", "top-up", "1000", "--why", "Invoice 7").out
    assert "filled up to 5,000 every day" in verb("credits", "plan", "5000", "--period", "day").out
    assert verb("credits", "take", "500", "--json").rows[0]["available"] == 4500
    rows = verb("credits", "history", "--json").rows
    assert [(row["kind"], row["amount"]) for row in rows] == [("taken", -500), ("plan", 4000), ("top_up", 1000)]
    assert "Invoice 7" in verb("credits", "history").out
    assert "Plan" not in verb("credits", "end-plan").out
    assert verb("credits", "top-up", "0").status == USAGE
    assert verb("credits", "stop").status == DONE
    assert "not counted" in verb("credits", "show").out
