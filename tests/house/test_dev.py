"""The house itself: the two commands, the hashed lists, the gate, the documents."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTS = ("run", "test", "lint")


def test_dev_uses_nothing_but_the_standard_library() -> None:
    """`dev.py` runs on a machine with Python alone."""
    tree = ast.parse((ROOT / "dev.py").read_text())
    imported = {
        name.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    imported |= {str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)


def test_dev_is_short() -> None:
    """`dev.py` can be read at one sitting."""
    assert len((ROOT / "dev.py").read_text().splitlines()) <= 120


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_dev_says_what_it_does(arguments: list[str]) -> None:
    """Without a verb, `dev.py` prints its verbs."""
    done = subprocess.run([sys.executable, ROOT / "dev.py", *arguments], capture_output=True, text=True)
    assert (done.returncode, all(f"dev.py {verb}" in done.stdout for verb in ("run", "test", "check"))) == (0, True)


def test_dev_refuses_an_unknown_verb() -> None:
    """An unknown verb is a usage error."""
    assert subprocess.run([sys.executable, ROOT / "dev.py", "bake"], capture_output=True).returncode == 2


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    """What is installed is exactly what was tested: one version, by hash."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    assert lines
    assert [line[:80] for line in lines if not re.match(r"[a-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []


@pytest.mark.parametrize("name", LISTS)
def test_no_requirement_names_an_address(name: str) -> None:
    """Lists name no index and no host; the machine's own settings say where packages come from."""
    assert "://" not in (ROOT / "requirements" / f"{name}.txt").read_text()


def test_lists_agree_about_what_runs() -> None:
    """Tests and lint see the same versions as the service."""
    pins = {name: _pins(name) for name in LISTS}
    assert [
        (name, package)
        for name in ("test", "lint")
        for package, version in pins["run"].items()
        if pins[name].get(package, version) != version
    ] == []


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def test_the_gate_can_be_run() -> None:
    """`.ci/run` is executable and free of syntax errors."""
    gate = ROOT / ".ci" / "run"
    assert os.access(gate, os.X_OK)
    assert subprocess.run(["bash", "-n", gate]).returncode == 0


def test_decision_records_are_short() -> None:
    """A decision record has forty lines at the most, and says what it cost."""
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert records
    for record in records:
        text = record.read_text()
        assert len(text.splitlines()) <= 40, record.name
        assert all(f"## {part}" in text for part in ("Context", "Decision", "Price")), record.name


def test_decision_records_are_numbered_without_gaps() -> None:
    """Numbers of decision records are given once, in order."""
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert list(range(1, len(numbers) + 1)) == numbers


def test_changes_have_a_known_kind() -> None:
    """A fragment of the changelog is named number-words.kind.md."""
    fragments = [path.name for path in (ROOT / "changelog.d").glob("*.md") if path.name != "README.md"]
    assert [
        n for n in fragments if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.(new|changed|fixed|removed|security)\.md", n)
    ] == []
