"""Verbs that work over the HTTP API of a running service."""

from __future__ import annotations

import time

import pytest
from verbs_run import Run, Running, Said

from aftersend import clock
from aftersend.cli import queue as queue_verb
from aftersend.cli import there
from aftersend.cli.verbs import DONE, FAILED, NOTHING, PARTLY, USAGE

HELLO = ("send", "--from", "shop@example.com", "--subject", "Hello", "--text", "Hi")


@pytest.mark.parametrize(("recipients", "status"), [
    (["ann@one.practice.test"], DONE),
    (["unknown@one.practice.test"], FAILED),
    (["ann@one.practice.test", "unknown@two.practice.test"], PARTLY),
])  # fmt: skip
def test_send_follows_a_message_to_its_end(far: Run, recipients: list[str], status: int) -> None:
    """`--wait` prints what happens as it happens, and ends as the message did."""
    to = [part for recipient in recipients for part in ("--to", recipient)]
    said = far(*HELLO, *to, "--wait", "--timeout", "60")
    assert status == said.status, said.err
    assert all(f"\n{recipient}: " in said.out for recipient in recipients)


def test_send_follows_in_json_too(far: Run) -> None:
    """With `--json`, every line is an event or, at the end, a delivery."""
    rows = far(*HELLO, "--to", "ann@one.practice.test", "--wait", "--json").rows
    assert [rows[0]["type"], rows[-1]["type"]] == ["delivery.received", "delivery"]
    assert rows[-1]["status"]["result"] == "Delivered"


def test_the_api_names_every_wrong_field(far: Run) -> None:
    """What the service refuses is told field by field."""
    said = far("send", "--from", "shop", "--to", "ann", "--text", "Hi")
    assert said.status == USAGE
    assert "from:" in said.err
    assert "to/0:" in said.err


def test_questions_are_answered_over_http(far: Run) -> None:
    """log, show, queue, results, refusals work from afar."""
    sent = far(*HELLO, "--to", "bob@one.practice.test", "--json").rows[0]["deliveries"][0]["id"]
    assert sent in [row["id"] for row in far("log", "--recipient", "bob@one.practice.test", "--json").rows]
    assert sent == far("show", sent, "--json").rows[0]["id"]
    assert far("queue", "summary").status == DONE
    assert far("results", "activity").status == DONE
    assert far("refusals").status in (DONE, NOTHING)
    assert far("show", "dlv_0000000000000").status == NOTHING
    assert far("log", "--status", "nonsense").status == USAGE


def test_bounces_are_listed_and_counted_over_http(far: Run) -> None:
    """A number is the length of the list with the same words."""
    far(*HELLO, *(part for name in ("one", "two") for part in ("--to", f"unknown@{name}.practice.test")), "--wait")
    rows = far("bounces", "--detail", "invalid_recipient", "--json").rows
    assert {"unknown@one.practice.test", "unknown@two.practice.test"} <= {row["recipient"] for row in rows}
    counted = far("bounces", "--by", "detail", "--json").rows[0]["rows"]
    assert [row["count"] for row in counted if row["word"] == "invalid_recipient"] == [len(rows)]
    assert "Invalid recipient" in far("bounces", "-n", "1").out
    assert far("bounces", "--domain", "nowhere.test").status == NOTHING
    assert far("bounces", "--reason", "nonsense").status == USAGE


def test_the_queue_is_changed_over_http(far: Run) -> None:
    """A planned message can be held and cancelled from afar."""
    assert far(*HELLO, "--to", "cid@one.practice.test", "--at", "2099-01-01T00:00:00Z").status == USAGE
    tomorrow = clock.iso(clock.now() + clock.DAY)
    message = far(*HELLO, "--to", "cid@one.practice.test", "--at", tomorrow, "--json").rows[0]
    sent = message["deliveries"][0]["id"]
    wait_for(far, message["id"])
    assert far("queue", "cancel", sent, "--dry-run", "--json").rows[0] == {"action": "cancel", "would_touch": 1}
    assert once_free(far, "queue", "cancel", sent).status == DONE
    assert far("show", sent, "--json").rows[0]["ended"]
    assert far("queue", "cancel", sent).status == NOTHING


@pytest.mark.parametrize("verb", ["hold", "release", "retry", "cancel"])
def test_a_verb_reaches_all_of_many_and_ends(far: Run, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """However many pages it takes over HTTP, each delivery is met once, also by verbs after which it still waits."""
    monkeypatch.setattr(there, "ACTED_AT_ONCE", 2)
    tomorrow = clock.iso(clock.now() + clock.DAY)
    to = [part for i in range(5) for part in ("--to", f"{verb}{i}@one.practice.test")]
    sent = far(*HELLO, *to, "--at", tomorrow, "--tag", verb, "--json").rows[0]["id"]
    wait_for(far, sent)
    if verb == "release":
        assert far("queue", "hold", sent).status == DONE
    assert far("queue", verb, "--tag", verb, "--json").rows[0] == {"action": verb, "done": 5, "skipped": {}}


def wait_for(far: Run, message: str) -> None:
    """Wait until nothing of a message is being worked on."""
    for _ in range(200):
        rows = far("log", "--message-id", message, "--json").rows
        if all("scheduled" in row["facts"] for row in rows):
            return
        time.sleep(0.05)
    raise AssertionError(rows)


def once_free(far: Run, *words: str) -> Said:
    """Say something about mail, again for as long as it is being worked on at that moment."""
    for _ in range(100):
        said = far(*words)
        if "being worked on" not in said.out + said.err:
            break
        time.sleep(0.05)
    return said


def test_what_failed_is_sent_again_over_http(far: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it page by page; what is on a list of addresses that are not mailed is counted, and left alone."""
    monkeypatch.setattr(queue_verb, "RESENT_AT_ONCE", 2)
    to = [part for name in ("spam", "spam+1", "spam+2", "unknown") for part in ("--to", f"{name}@one.practice.test")]
    sent = far(*HELLO, *to, "--tag", "again", "--json").rows[0]["id"]
    for _ in range(200):
        rows = far("log", "--message-id", sent, "--json").rows
        if all(row["ended"] for row in rows):
            break
        time.sleep(0.05)
    expected = {"action": "resend", "would_touch": 3, "skipped": {"listed": 1}}
    assert far("queue", "resend", "--tag", "again", "--dry-run", "--json").rows[0] == expected
    done = far("queue", "resend", "--tag", "again", "--why", "a quiet day")
    assert done.status == PARTLY
    assert "resend: 3 done, 1 left alone" in done.out
    assert "on a list" in done.err
    assert {row["via"] for row in far("log", "--recipient", "spam@one.practice.test", "--json").rows} >= {"resend"}


def test_messages_are_listed_and_planned_anew_over_http(far: Run) -> None:
    """A planned message is on the list, gets another time, and goes at once when that is now."""
    tomorrow = clock.iso(clock.now() + clock.DAY)
    sent = far(*HELLO, "--to", "dan@one.practice.test", "--at", tomorrow, "--json").rows[0]
    assert sent["id"] in [row["id"] for row in far("messages", "--live", "true", "--json").rows]
    wait_for(far, sent["id"])
    later = clock.iso(clock.now() + 2 * clock.DAY)
    planned = once_free(far, "queue", "reschedule", sent["id"], later, "--json")
    assert planned.rows[0]["scheduled_at"] == later
    assert once_free(far, "queue", "reschedule", sent["id"], "now").status == DONE
    assert far("queue", "reschedule", "msg_0000000000000", later).status == NOTHING


def test_administration_works_over_http(far: Run) -> None:
    """Keys, streams, domains and suppressions are changed with the rights of the key."""
    assert far("key", "create", "far", "--json").rows[0]["key"].startswith("as_live_")
    assert "far" in [row["name"] for row in far("key", "list", "--json").rows]
    assert (
        far("stream", "add", "far", "--kind", "general", "--hours", "08:00-20:00 UTC", "--rate", "9/hour").status
        == DONE
    )
    assert ("08:00-20:00 UTC", "9/hour") in [
        (row["hours"], row["rate"]) for row in far("stream", "list", "--json").rows
    ]
    assert far("domain", "add", "far.example").status == DONE
    assert far("domain", "check", "far.example").status == FAILED
    assert far("domain", "list").status == DONE
    assert far("domain", "remove", "far.example").status == DONE
    assert far("suppress", "add", "far@example.net").status == DONE
    assert "far@example.net" in far("suppress", "export").out
    assert far("suppress", "why", "far@example.net").status == DONE
    assert far("suppress", "remove", "far@example.net").status == DONE


def test_a_wrong_key_is_told(far: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is none, or none at all, is an error in words."""
    monkeypatch.setenv("AFTERSEND_API_KEY", "as_live_nonsense")
    assert far("log").status == FAILED
    monkeypatch.delenv("AFTERSEND_API_KEY")
    said = far("log")
    assert (said.status, "aftersend key create" in said.err) == (FAILED, True)


def test_a_service_that_is_not_there_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nobody answers says so, and names the variable."""
    monkeypatch.setenv("AFTERSEND_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AFTERSEND_API_KEY", "as_live_nonsense")
    said = run("log")
    assert (said.status, "AFTERSEND_URL" in said.err) == (FAILED, True)


def test_local_overrules_the_address(far: Run, service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--local` works on the store of this machine, beside the running service."""
    monkeypatch.setenv("AFTERSEND_DATA_DIR", service.folder)
    assert far("queue", "summary", "--local", "--json").rows[0]["nodes"]
    said = far(*HELLO, "--to", "dan@one.practice.test", "--wait", "--local", "--timeout", "60")
    assert said.status == DONE
    assert far("db", "check").status == DONE


def test_what_needs_somebody_is_told(far: Run) -> None:
    """An address that does not exist is the sender's to update; the number is the list's length."""
    far(*HELLO, "--to", "unknown@one.practice.test", "--wait")
    rows = {row["id"]: row for row in far("attention", "--json").rows}
    failed = far("log", "--status", "results:Failed", "--json").rows
    assert rows["addresses_to_update"]["number"] == len(failed) > 0
    assert "Update these addresses" in far("attention").out
