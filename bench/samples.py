"""Returned mails and replies to measure with: those of a labelled corpus if one is there, else those of the practice world."""

from __future__ import annotations

import json
import os
from pathlib import Path

PLACES = (os.environ.get("AFTERSEND_CORPUS"), Path(__file__).parents[2] / "shared" / "corpus")


def mails_and_replies() -> tuple[list[bytes], list[str], str]:
    """Return mails, texts of replies, and where they come from."""
    for place in filter(None, PLACES):
        folder = Path(place) / "bounces"
        if (folder / "samples.jsonl").is_file():
            lines = (folder / "samples.jsonl").read_text("utf-8").splitlines()
            samples = [json.loads(line) for line in lines]
            mails = [(folder / sample["path"]).read_bytes() for sample in samples if sample["kind"] == "eml"]
            return mails, [sample["text"] for sample in samples if sample["kind"] != "eml"], f"the corpus in {folder}"
    return *_of_practice(), "the practice world"


def _of_practice() -> tuple[list[bytes], list[str]]:
    from aftersend.practice import reports
    from aftersend.practice.behaviours import BEHAVIOURS, Then
    from aftersend.practice.mailbox import Received

    content = b"From: Shop <news@shop.example>\r\nTo: joe@one.example\r\nSubject: News\r\n\r\nHello\r\n"
    moment_us = 1_700_000_000_000_000
    message = Received("joe@one.example", "bounces@shop.example", content, moment_us, "one.example", "shop.example", "")
    mails = [reports.answer_to(message, what, moment_us) for what in Then if what.is_mail]
    answers = [answer.reply for behaviour in BEHAVIOURS.values() for answer in behaviour.answers]
    return mails, [" ".join(filter(None, (str(reply.code), reply.status, reply.text))) for reply in answers]
