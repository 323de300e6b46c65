"""`aftersend returns` for what nobody understood, here and over HTTP: the same words, the same ends."""

from __future__ import annotations

import contextlib

import pytest
from verbs_run import Run, Running

from aftersend import clock, ids
from aftersend.cli.here import Here
from aftersend.cli.verbs import DONE, NOTHING, PARTLY, USAGE
from aftersend.store import returned
from aftersend.store.returned import Returned

ODD = b"From: ann@example.net\r\nSubject: Zustellung\r\n\r\nDas ging nicht.\r\n"


@pytest.fixture(params=["run", "far"])
def verb(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb, here or there; `--local` means the same store either way."""
    found: Run = request.getfixturevalue(request.param)
    if request.param == "far":
        service: Running = request.getfixturevalue("service")
        monkeypatch.setenv("AFTERSEND_DATA_DIR", service.folder)
    return found


def came(verb: Run) -> str:
    """Something came back that no rule knows; return its id."""
    verb("db", "upgrade")
    with contextlib.closing(Here()) as here:
        kept = Returned(here.ids(), "postmaster@mail.example.net", "", "192.0.2.1", ODD, clock.now())
        here.write(returned.put_aside, 1, kept, why="No rule knows it.", subject="Zustellung")
        return ids.show("ret", kept.id)


def test_listed_shown_taught_and_forgotten(verb: Run) -> None:
    """What a service keeps is seen and taught from afar as on its own machine."""
    first, second = came(verb), came(verb)
    rows = verb("returns", "list", "--json").rows
    assert [row["id"] for row in rows][:2] == [second, first]
    assert [row["id"] for row in verb("returns", "list", "--json", "-n", "1").rows] == [second]
    shown = verb("returns", "show", first)
    assert {(row["from"], row["peer"]) for row in rows[:2]} == {("ann@example.net", "192.0.2.1")}
    assert "ann@example.net" in verb("returns", "list").out
    assert "192.0.2.1" in shown.out
    assert (shown.status, "Das ging nicht." in shown.out, "\\r" in shown.out) == (DONE, True, False)
    assert "name the delivery" in verb("returns", "teach", first, "mailbox_full").err
    assert verb("returns", "teach", first, "bad_weather").status == USAGE
    sent = verb("send", "--from", "shop@example.com", "--to", "ann@one.practice.test", "--text", "Hi", "--json")
    delivery = sent.rows[0]["deliveries"][0]["id"]
    assert verb("returns", "teach", first, "mailbox_full", "--delivery", delivery).status == DONE
    assert "mailbox_full" in [event["reason"] for event in verb("show", delivery, "--json").rows[0]["events"]]
    assert verb("returns", "forget", first, second).status == PARTLY
    assert verb("returns", "forget", second).status == NOTHING
    assert verb("returns", "list").status == NOTHING
