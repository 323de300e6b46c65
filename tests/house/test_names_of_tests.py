"""All tests can be run in one go."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def test_modules_that_tests_import_have_names_of_their_own() -> None:
    """Modules of folders that are no packages are found by their bare name, so of two with one name only one is ever found."""
    loose = [path for path in TESTS.rglob("*.py") if not (path.parent / "__init__.py").exists()]
    names = Counter(path.name for path in loose if path.name != "conftest.py")
    assert [name for name, number in names.items() if number > 1] == []
