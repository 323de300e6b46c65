"""What an installation takes along."""

from __future__ import annotations

import tomllib
from pathlib import Path

import aftersend

ROOT = Path(__file__).parents[2]
PACKAGE = Path(aftersend.__file__).parent


def test_an_installation_has_all_files_that_are_read() -> None:
    """Tables, pages and catalogues go into a wheel by the kinds that the project names; none is left behind."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"][
        "aftersend"
    ]
    taken = {path for kind in named for path in PACKAGE.glob(kind)}
    there = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert there - taken == set()
    assert len(there) > 50
