"""`aftersend hits label` as a program that others feed."""

from __future__ import annotations

import json
import subprocess
import sys

ONE = {"id": "a", "events": [{"t": 5, "kind": "click", "method": "HEAD", "target": "l1"}], "expected": "not looked at"}


def _label(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aftersend", "hits", "label"], input=text, capture_output=True, text=True, check=False
    )


def test_a_line_for_a_line() -> None:
    """Each line is answered under its own name."""
    done = _label(json.dumps(ONE) + "\n\n" + json.dumps({**ONE, "id": "b", "events": []}) + "\n")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 0
    assert (first["id"], first["click"], first["events"][0]["verdict"]) == ("a", "machine", "machine")
    assert (second["id"], second["click"], second["events"]) == ("b", "none", [])


def test_what_cannot_be_read() -> None:
    """A wrong line is named with its number and field, and the others are answered."""
    done = _label('{"id": "x", "events": [{"t": "soon", "kind": "open"}]}\n' + json.dumps(ONE))
    assert done.returncode == 4
    assert "line 1" in done.stderr and "$.events[0].t" in done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert _label("[]\n").returncode == 1
