"""Notices in many languages, and of systems that the corpus does not hold: what they say, and of whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aftersend.policy.diagnosis import diagnose_mail

NOTICES = [json.loads(line) for line in (Path(__file__).parent / "notices.jsonl").read_text("utf-8").splitlines()]


def mail(notice: dict[str, Any]) -> bytes:
    """The notice as a return address gets it."""
    return (
        f"Return-Path: <>\nFrom: {notice['from']}\nTo: b-x@mx.example.org\nSubject: {notice['subject']}\n"
        f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n{notice['header']}\n{notice['body']}"
    ).encode()


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: notice["name"])
def test_a_notice_is_understood(notice: dict[str, Any]) -> None:
    """What it is, why, and whom it is about."""
    found = diagnose_mail(mail(notice)).to_json()
    assert found["action"] == notice["action"]
    assert found["reason"] in notice["reasons"]
    if notice["recipient"]:
        assert found["recipients"] == [notice["recipient"]]


SENTENCES = [
    line.split("\t")
    for line in (Path(__file__).parent / "sentences.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(
    ("meant", "language", "subject", "body"), SENTENCES, ids=[f"{one[1]}-{i}" for i, one in enumerate(SENTENCES)]
)
def test_a_sentence_is_understood(meant: str, language: str, subject: str, body: str) -> None:
    """Where a notice has nothing but words: what happened, to whom, and why."""
    found = diagnose_mail(
        (
            f"Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.{language}.example>\nTo: b-x@mx.example.org\n"
            f"Subject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{body % 'kim.joe@mail.example'}\n"
        ).encode()
    ).to_json()
    assert found["recipients"] == ["kim.joe@mail.example"]
    assert (found["action"] if meant == "DELAYED" else found["reason"]) == ("delayed" if meant == "DELAYED" else meant)
