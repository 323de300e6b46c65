"""`aftersend tracking` and `aftersend reading`, on the store of this machine and over HTTP."""

from __future__ import annotations

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, NOTHING, USAGE


@pytest.fixture(params=["run", "far"])
def verb(request: pytest.FixtureRequest) -> Run:
    """Run a verb, here or there."""
    found: Run = request.getfixturevalue(request.param)
    return found


def test_how_much_is_tracked(verb: Run) -> None:
    """Chosen, listed, taken back; what is asked wrongly is said."""
    verb("db", "upgrade")
    assert verb("tracking", "list").status == NOTHING
    assert "the stream general" in verb("tracking", "set", "off", "--stream", "general").out
    assert (
        verb("tracking", "set", "deliverability", "--recipient", "Ann@Example.net", "--json").rows[0]["scope"]
        == "recipient"
    )
    assert [row["name"] for row in verb("tracking", "list", "--json").rows] == ["ann@example.net", "general"]
    assert verb("tracking", "set", "default", "--stream", "general").status == DONE
    assert verb("tracking", "set", "default", "--stream", "general").status == NOTHING
    assert verb("tracking", "set", "off", "--stream", "nope").status == USAGE
    assert verb("tracking", "set", "default", "--recipient", "ann@example.net").status == DONE


def test_how_mail_was_read(verb: Run) -> None:
    """Nothing was sent: zeros, and no shares; visits and links of what is not there are not found."""
    verb("db", "upgrade")
    assert verb("reading", "--json").rows[0]["opens"] == {"human": 0, "privacy_proxy": 0, "unknown": 0, "machine": 0}
    assert "Opened" in verb("reading").out
    for by in ("stream", "domain", "message", "hour"):
        assert verb("reading", "--by", by).status == DONE
    assert verb("tracking", "hits", "dlv_0000000000001").status == NOTHING
    assert verb("tracking", "links", "msg_0000000000001").status == NOTHING
