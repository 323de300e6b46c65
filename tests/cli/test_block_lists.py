"""`aftersend suppress` for whole domains and for all accounts, here and over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, NOTHING, PARTLY, USAGE

CSV = (
    "E-Mail;Cause;expires_at\n"
    "ann@example.net;complained;\n"
    "bob@example.net;bounced;2999-01-01T00:00:00Z\n"
    "cat@example.net;bounced;2020-01-01T00:00:00Z\n"
    "dan@example.net;bounced;soon\n"
)


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


def test_an_import_keeps_causes_and_ends_and_what_stands_there(verb: Run, tmp_path: Path) -> None:
    """Semicolons as spreadsheets write them; what ends goes on ending; an entry that lasts as long keeps its evidence."""
    verb("db", "upgrade")
    file = tmp_path / "list.csv"
    file.write_text(CSV, "utf-8-sig")
    verb("suppress", "add", "ann@example.net", "--why", "wrote to us")
    said = verb("suppress", "import", str(file), "--json")
    assert (said.status, said.rows) == (PARTLY, [{"imported": 1, "wrong": 1, "known": 1, "over": 1}])
    assert "line 5: 'soon' is not a time" in said.err
    (ann,) = verb("suppress", "why", "ann@example.net", "--json").rows
    assert ann["evidence"]["why"] == "wrote to us"
    (bob,) = verb("suppress", "why", "bob@example.net", "--json").rows
    assert (bob["cause"], bob["expires_at"][:10]) == ("bounced", "2999-01-01")
    file.write_text(verb("suppress", "export").out)
    again = verb("suppress", "import", str(file), "--json")
    assert (again.status, again.rows) == (DONE, [{"imported": 0, "wrong": 0, "known": 2, "over": 0}])
    file.write_text("bob@example.net\n")
    assert verb("suppress", "import", str(file)).status == DONE
    assert verb("suppress", "why", "bob@example.net", "--json").rows[0]["expires_at"] is None
    verb("suppress", "remove", "ann@example.net", "bob@example.net")


def test_a_file_that_is_not_utf_8_is_refused_with_the_place(verb: Run, tmp_path: Path) -> None:
    """As a whole, before anything is listed; never with a traceback."""
    verb("db", "upgrade")
    file = tmp_path / "list.csv"
    file.write_bytes(b"email\nfirst@example.net\nj\xf6rg@example.net\n")
    said = verb("suppress", "import", str(file))
    assert (said.status, "byte 26" in said.err) == (USAGE, True)
    assert "first@example.net" not in verb("suppress", "list").out


def test_adding_keeps_a_complaint_and_says_so(verb: Run, tmp_path: Path) -> None:
    """By hand and from a file; what a person writes as the reason is evidence, and the cause is manual."""
    verb("db", "upgrade")
    file = tmp_path / "list.csv"
    file.write_text("email,cause,expires_at\neve@example.net,complained,\n")
    verb("suppress", "import", str(file))
    (before,) = verb("suppress", "why", "eve@example.net", "--json").rows
    said = verb("suppress", "add", "eve@example.net", "--why", "asked").out
    assert "eve@example.net reported a message as spam: that entry, of 20" in said
    file.write_text("email,cause,expires_at\neve@example.net,bounced,2999-01-01T00:00:00Z\n")
    assert verb("suppress", "import", str(file), "--json").rows == [{"imported": 0, "wrong": 0, "known": 1, "over": 0}]
    assert verb("suppress", "why", "eve@example.net", "--json").rows == [before]
    assert verb("suppress", "add", "fay@example.net", "--why", "by phone").status == DONE
    (fay,) = verb("suppress", "why", "fay@example.net", "--json").rows
    assert (fay["cause"], fay["evidence"]["why"]) == ("manual", "by phone")
    verb("suppress", "remove", "eve@example.net", "fay@example.net")


def test_an_entry_ends_when_it_is_told_to(verb: Run) -> None:
    """An end that is over is refused by its name, and nothing is listed; one to come is kept."""
    verb("db", "upgrade")
    said = verb("suppress", "add", "gus@example.net", "--until", "2020-01-01T00:00:00Z")
    assert (said.status, "This time is over" in said.err) == (USAGE, True)
    assert verb("suppress", "why", "gus@example.net").status != DONE
    assert verb("suppress", "add", "gus@example.net", "--until", "2999-01-01T00:00:00Z").status == DONE
    (gus,) = verb("suppress", "why", "gus@example.net", "--json").rows
    assert gus["expires_at"].startswith("2999-01-01")
    verb("suppress", "remove", "gus@example.net")
