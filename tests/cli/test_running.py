"""`serve` and `demo`, as a person starts them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aftersend.config import PREFIX

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
COMMAND = [sys.executable, "-m", "aftersend"]


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a service on free ports."""
    variables = {
        "AFTERSEND_DATA_DIR": str(folder), "AFTERSEND_SMTP_LISTEN": "127.0.0.1:0", "AFTERSEND_WEB_LISTEN": "127.0.0.1:0",
        "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    return subprocess.Popen(
        [*COMMAND, "serve", *arguments], env=ENVIRONMENT | variables,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_how_to_begin_and_ends_in_good_order(tmp_path: Path, ending: signal.Signals) -> None:
    """The practice service prints its addresses and a key, and ends with 0 when it is told to."""
    with start(tmp_path, "--practice") as process:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C" not in said and "as_test_" not in said:
            line = process.stdout.readline()
            assert line, said + (process.stderr.read() if process.stderr else "")
            said += line
        process.send_signal(ending)
        process.communicate(timeout=30)
    assert re.search(r"http://127\.0\.0\.1:\d+/", said)
    assert process.returncode == 0


def test_two_services_do_not_share_a_store(tmp_path: Path) -> None:
    """A second service on the same data directory is refused in words."""
    with start(tmp_path) as first:
        assert first.stderr is not None
        first.stderr.readline()
        with start(tmp_path) as second:
            _, said = second.communicate(timeout=30)
        first.terminate()
        first.communicate(timeout=30)
    assert second.returncode == 1
    assert "Another Aftersend works in" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "value"), [("AFTERSEND_SMTP_LISTEN", "203.0.113.1:2525"), ("AFTERSEND_WEB_LISTEN", "203.0.113.1:8025")]
)
def test_a_port_that_cannot_be_opened_is_told(tmp_path: Path, name: str, value: str) -> None:
    """An address that cannot be opened ends the start with a sentence that names it."""
    variables = {
        "AFTERSEND_DATA_DIR": str(tmp_path),
        "AFTERSEND_SMTP_LISTEN": "127.0.0.1:0",
        "AFTERSEND_WEB_LISTEN": "127.0.0.1:0",
    }
    done = subprocess.run(
        [*COMMAND, "serve"], env=ENVIRONMENT | variables | {name: value}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert value in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_demo_accounts_for_everybody(tmp_path: Path) -> None:
    """The demonstration ends with 0 only if everybody is accounted for, and says so for machines too."""
    done = subprocess.run(
        [*COMMAND, "demo", "--recipients", "100", "--json"],
        env=ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert (told["audience"], told["conserved"]) == (100, True)
    assert {"delivery_results", "life_cycle", "email_activity", "bounces", "icons"} == set(told["vocabularies"])
    assert sum(told["vocabularies"]["delivery_results"].values()) == 100
    assert list(tmp_path.iterdir()) == []
