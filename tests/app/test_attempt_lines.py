"""With log.level = debug each attempt has one line; addresses in it are hidden where that is wanted."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, sys
from aftersend import app, logs
from aftersend.config import load
from aftersend.intake.accept import Origin, Recipient, Request

MAIL = b"From: shop@example.com\\r\\nSubject: Hello\\r\\n\\r\\nHi\\r\\n"

async def main(folder, addresses):
    settings = load(None, {}, data_dir=folder, smtp__listen=["127.0.0.1:0"], web__listen=[],
                    smtp__hostname="mail.practice.test", log__level="debug", log__format="json", log__addresses=addresses)
    logs.set_up(form="json", level="debug", addresses=addresses, node="here")
    async with app.practised(settings) as practised, app.running(practised) as service:
        to = [Recipient(a, a, "one.practice.test") for a in ("ann@one.practice.test", "unknown@one.practice.test")]
        await service.intake.accept(Request(Origin(1, "smtp", "127.0.0.1"), "shop@example.com", to, MAIL))
        for _ in range(400):
            if sum(service.meter.attempts.values()) >= 2:
                break
            await asyncio.sleep(0.02)

app.run(main(sys.argv[1], sys.argv[2]))
"""


@pytest.mark.parametrize(("addresses", "shown"), [
    ("full", {"ann@one.practice.test", "unknown@one.practice.test"}),
    ("domain", {"…@one.practice.test"}),
])  # fmt: skip
def test_each_attempt_has_its_line(tmp_path, addresses, shown):
    """In the words of Postfix, with what the server said."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), addresses], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines() if "delivery_attempt" in line]
    assert {line["to"] for line in lines} == shown
    by_status = {line["status"]: line for line in lines}
    assert set(by_status) == {"sent", "bounced"}
    assert by_status["bounced"]["dsn"].startswith("5.")
    assert by_status["sent"]["relay"].endswith("]")
    assert all(line["delay"] >= 0 and line["delivery_id"].startswith("dlv_") for line in lines)
