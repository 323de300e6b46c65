"""`aftersend events tail`, on the store of this machine and over HTTP."""

from __future__ import annotations

from verbs_run import Run

from aftersend.cli.verbs import DONE, NOTHING, USAGE

HELLO = ("send", "--from", "shop@example.com", "--subject", "Hello", "--text", "Hi")


def test_events_on_the_store(run: Run) -> None:
    """All there is, in order; then what follows on a sequence; then what matches."""
    run("db", "upgrade")
    assert run("events", "tail", "--no-follow").status == NOTHING
    run(*HELLO, "--to", "ann@example.net", "--to", "bob@example.net")
    every = run("events", "tail", "--no-follow", "--json").rows
    assert len(every) == 4
    behind = run("events", "tail", "--no-follow", "--json", "--after", str(every[1]["sequence"])).rows
    assert behind == every[2:]
    said = run("events", "tail", "--no-follow", "--type", "received")
    assert said.status == DONE
    assert said.out.count("ann@example.net") == 1
    assert run("events", "tail", "--no-follow", "--type", "nonsense").status == USAGE
    assert run("events", "tail", "--no-follow", "--since", "0s").status == NOTHING


def test_events_from_afar(far: Run) -> None:
    """The same words and the same answers over the API."""
    far(*HELLO, "--to", "ann@one.practice.test", "--wait")
    every = far("events", "tail", "--no-follow", "--json", "--since", "1h", "--type", "delivered").rows
    assert [event["status"]["result"] for event in every] == ["Delivered"]
    assert far("events", "tail", "--no-follow", "--type", "nonsense").status == USAGE
