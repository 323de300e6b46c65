"""`aftersend webhook`, on the store of this machine and over HTTP."""

from __future__ import annotations

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, FAILED, NOTHING, USAGE

URL = "http://127.0.0.1:9/none"


@pytest.fixture(params=["here", "there"])
def verb(request: pytest.FixtureRequest, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The verbs in both places."""
    if request.param == "here":
        monkeypatch.setenv("AFTERSEND_WEBHOOKS_ALLOW_NETWORKS", "127.0.0.0/8")
        run("db", "upgrade")
        return run
    found: Run = request.getfixturevalue("far")
    return found


def test_a_webhook_from_its_beginning_to_its_end(verb: Run) -> None:
    """Made, shown, changed, tried, paused, resumed, replayed, its secret changed, removed."""
    for row in verb("webhook", "list", "--json").rows:
        verb("webhook", "remove", row["id"])
    assert verb("webhook", "list").status == NOTHING
    made = verb("webhook", "add", URL, "--event", "bounced", "--tag", "t", "--name", "shop", "--json").rows[0]
    hook, secret = made["id"], made["secret"]
    assert secret.startswith("whsec_")
    shown = verb("webhook", "show", hook, "--json").rows[0]
    assert (shown["events"], shown["tags"], shown["batch"]) == (["delivery.bounced"], ["t"], 1)
    assert "shop" in verb("webhook", "list").out
    assert "delivery.bounced" in verb("webhook", "show", hook).out
    changed = verb("webhook", "change", hook, "--all-events", "--batch", "5", "--json").rows[0]
    assert (changed["events"], changed["tags"], changed["batch"], changed["name"]) == ([], [], 5, "shop")
    assert verb("webhook", "change", hook).status == USAGE
    tried = verb("webhook", "test", hook)
    assert (tried.status, "No connection" in tried.out) == (FAILED, True)
    assert verb("webhook", "attempts", hook, "--json").rows[0]["outcome"] == "failed"
    assert verb("webhook", "attempts", hook, "--outcome", "gone").status == NOTHING
    assert "webhook.test" in verb("webhook", "attempts", hook).out
    assert verb("webhook", "pause", hook).status == DONE
    assert verb("webhook", "show", hook, "--json").rows[0]["state"] == "paused"
    assert verb("webhook", "resume", hook, "--skip").status == DONE
    assert verb("webhook", "replay", hook, "--failed").status == NOTHING
    assert verb("webhook", "replay", hook).status == USAGE
    assert verb("webhook", "failed", hook).status == NOTHING
    assert verb("webhook", "failed", hook, "--waiting").status == NOTHING
    assert verb("webhook", "rotate-secret", hook, "--json").rows[0]["secret"] != secret
    assert verb("webhook", "remove", hook).status == DONE
    assert verb("webhook", "show", hook).status == NOTHING


def test_a_target_inside_is_refused(verb: Run) -> None:
    """With the reason."""
    said = verb("webhook", "add", "https://10.0.0.1/")
    assert said.status == USAGE
    assert "10.0.0.1" in said.err
    assert "public internet only" in said.err
