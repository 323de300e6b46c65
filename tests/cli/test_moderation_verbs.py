"""`aftersend moderation`, on the store of this machine and over HTTP."""

from __future__ import annotations

import time

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, NOTHING, USAGE


def test_a_message_before_the_moderator(far: Run) -> None:
    """Judged, listed, shown, refused with a reason, and let go after all."""
    assert far("moderation", "list").status == NOTHING
    assert "all; 0" in far("moderation", "policy", "all").out
    try:
        sent = far(
            "send",
            "--to",
            "mod@one.practice.test",
            "--from",
            "shop@practice.test",
            "--text",
            "Hi",
            "--subject",
            "Mod",
            "--json",
        )
        assert sent.status == DONE, sent.err
        end = time.monotonic() + 90
        while far("moderation", "list").status == NOTHING:
            assert time.monotonic() < end
            time.sleep(0.05)
        (row,) = far("moderation", "list", "--json").rows
        assert row["subject"] == "Mod"
        assert "by_hand: A person looks at every message" in far("moderation", "show", row["id"]).out
        assert far("moderation", "quarantine", "--all").status == USAGE
        assert far("moderation", "accept").status == USAGE
        assert "1 messages" in far("moderation", "quarantine", "--all", "--dry-run").out
        assert far("moderation", "quarantine", row["id"], "--reason", "Not so.").status == DONE
        assert far("moderation", "quarantine", row["id"], "--reason", "Not so.").status == NOTHING
        assert "Not so." in far("moderation", "list", "--state", "any").out
        assert far("moderation", "accept", row["id"]).status == DONE
    finally:
        assert far("moderation", "policy", "off").status == DONE


@pytest.mark.parametrize("mode", ["watch", "new"])
def test_the_policy_here(run: Run, mode: str) -> None:
    """For all accounts, or for the one that is named."""
    run("db", "upgrade")
    run("moderation", "policy", mode, "--first", "5")
    assert mode in run("moderation", "policy").out
    assert run("moderation", "policy", "off", "--account", "default", "--json").rows[0]["is_own"]
    assert run("moderation", "list").status == NOTHING
    assert run("moderation", "show", "msg_0000000000000").status == NOTHING
