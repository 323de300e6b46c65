"""`aftersend broadcast`, on the store of this machine and over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, FAILED, NOTHING, USAGE


@pytest.fixture(params=["run", "far"])
def verb(request: pytest.FixtureRequest) -> Run:
    """Run a verb, here or there."""
    found: Run = request.getfixturevalue(request.param)
    return found


def test_from_a_draft_to_its_end(verb: Run, tmp_path: Path) -> None:
    """Written down, looked at, tested, started, paused, resumed, cancelled; every step says what is so."""
    file = tmp_path / "people.csv"
    file.write_text("E-Mail;Name;Town\nann@example.net;Ann;Graz\n;Nobody;\n")
    options = (
        "--from",
        "shop@example.com",
        "--subject",
        "For {{ name }}",
        "--text",
        "In {{ town }}",
        "--recipients",
        str(file),
    )
    said = verb("broadcast", "create", "News", *options)
    assert said.status == DONE, said.err
    assert "for 2 people" in said.out
    (row,) = verb("broadcast", "list", "--json").rows
    shown = row["id"]
    assert "draft: 0 of 2" in verb("broadcast", "show", shown).out
    tested = verb("broadcast", "test", shown, "me@example.com")
    assert (tested.status, "'Graz'" in tested.out) == (DONE, True), tested.err
    file.write_text("email,name,town\nbob@example.net,Bob,Linz\n")
    assert "3 recipients" in verb("broadcast", "recipients", shown, str(file)).out
    started = verb("broadcast", "start", shown)
    assert (started.status, f"{shown} is sending." in started.out) == (DONE, True), started.err
    assert "paused" in verb("broadcast", "pause", shown).out
    assert "sending" in verb("broadcast", "resume", shown).out
    assert verb("results", shown).status == DONE
    (results,) = verb("results", shown, "--json").rows
    assert (results["conserved"], results["name"]) == (True, "News")
    assert verb("results", shown, "--since", "1h").status == USAGE
    assert "cancelled" in verb("broadcast", "cancel", shown, "--yes").out
    assert verb("broadcast", "cancel", shown, "--yes").status == FAILED
    assert verb("broadcast", "addresses", shown).status in (DONE, NOTHING)


def test_what_is_wrong_is_said(verb: Run, tmp_path: Path) -> None:
    """A draft without content, a list that is not there, a broadcast that is not there, a word that is no report."""
    assert verb("broadcast", "create", "x", "--from", "shop@example.com").status == USAGE
    said = verb("broadcast", "create", "x", "--from", "shop@example.com", "--text", "x", "--list", "nope")
    assert (said.status, "nope" in said.err) == (USAGE, True)
    assert verb("broadcast", "show", "brd_0000000000000").status == NOTHING
    assert verb("results", "nonsense").status == USAGE
    (made,) = verb("broadcast", "create", "x", "--from", "shop@example.com", "--text", "x", "--json").rows
    assert verb("broadcast", "start", made["id"]).status == USAGE
    assert verb("broadcast", "remove", made["id"]).status == DONE
