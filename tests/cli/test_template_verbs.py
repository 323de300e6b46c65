"""`aftersend template`, on the store of this machine and over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, NOTHING, USAGE


@pytest.fixture(params=["run", "far"])
def verb(request: pytest.FixtureRequest) -> Run:
    """Run a verb, here or there."""
    found: Run = request.getfixturevalue(request.param)
    return found


def test_saved_previewed_and_removed(verb: Run, tmp_path: Path) -> None:
    """Each save is a version; a preview needs the values; what is gone is gone."""
    file = tmp_path / "march.html"
    file.write_text("<style>p { color: red }</style><p>Dear {{ name }}</p>")
    said = verb("template", "save", "march", str(file), "--subject", "For {{ name }}")
    assert (said.status, "version 1; it takes name" in said.out) == (DONE, True), said.err
    file.write_text("<p>Dear {{ name }} in {{ city }}</p>")
    (made,) = verb("template", "save", "march", str(file), "--json").rows
    assert (made["version"], made["tags"]) == (2, ["city", "name"])
    assert [row["version"] for row in verb("template", "list", "--json").rows] == [2]
    assert "color" in verb("template", "show", "march", "--version", "1").out
    shown = verb("template", "preview", "march", "--set", "name=Ann", "--set", "city=Graz")
    assert (shown.status, "Dear Ann in Graz" in shown.out) == (DONE, True), shown.err
    html = verb("template", "preview", "march", "--version", "1", "--set", "name=A&B", "--part", "html").out
    assert "A&amp;B" in html
    assert verb("template", "preview", "march").status == USAGE
    assert verb("template", "remove", "march").status == DONE
    assert verb("template", "show", "march").status == NOTHING
    assert verb("template", "list").status == NOTHING


def test_a_source_that_cannot_be_used_is_refused(verb: Run, tmp_path: Path) -> None:
    """With the place in it."""
    file = tmp_path / "broken.html"
    file.write_text("<p>{{ name</p>")
    said = verb("template", "save", "broken", str(file))
    assert (said.status, "source" in said.err) == (USAGE, True)
    file.write_bytes(b"\xff")
    assert verb("template", "save", "broken", str(file)).status == USAGE
