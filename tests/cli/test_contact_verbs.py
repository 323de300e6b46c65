"""`aftersend contact` and `aftersend list`, on the store of this machine and over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, FAILED, NOTHING, PARTLY, USAGE


@pytest.fixture(params=["run", "far"])
def verb(request: pytest.FixtureRequest) -> Run:
    """Run a verb, here or there."""
    found: Run = request.getfixturevalue(request.param)
    return found


def test_people_come_in_and_go_out(verb: Run, tmp_path: Path) -> None:
    """By hand and from a file; what is exported can be imported again."""
    file, faults = tmp_path / "people.csv", tmp_path / "faults.csv"
    assert verb("list", "add", "letter", "--about", "monthly").status == DONE
    said = verb(
        "contact", "add", "cat@example.net", "--name", "Cat", "--set", "phone=+43", "--list", "letter", "--json"
    )
    assert said.status == DONE, said.err
    shown = said.rows[0]["id"]
    assert "phone: +43" in verb("contact", "show", shown).out
    file.write_text("E-Mail,Name\ndan@example.net,Dan\nnobody,N\n")
    assert verb("contact", "import", str(file), "--strict").status == FAILED
    said = verb("contact", "import", str(file), "--list", "letter", "--faults", str(faults))
    assert (said.status, "1 new, 0 known, 1 rows left out" in said.out) == (PARTLY, True), said.err
    assert faults.read_text().splitlines()[1].startswith("3,")
    assert [row["members"] for row in verb("list", "show", "--json").rows if row["name"] == "letter"] == [2]
    exported = verb("contact", "export", "--list", "letter")
    file.write_text(exported.out)
    assert (exported.status, "cat@example.net,Cat,'+43" in exported.out) == (DONE, True)
    assert "0 new, 2 known, 0 rows left out" in verb("contact", "import", str(file)).out
    assert verb("contact", "show", shown, "--json").rows[0]["attributes"] == {"phone": "+43"}
    for row in verb("contact", "list", "--list", "letter", "--json").rows:
        assert verb("contact", "remove", row["id"]).status == DONE
    assert verb("contact", "show", shown).status == NOTHING
    assert verb("list", "remove", "letter").status == DONE
    assert verb("contact", "list", "cat@").status == NOTHING


def test_somebody_is_changed(verb: Run) -> None:
    """What is not named stays; an address is for some types of broadcast, or for all."""
    for name in ("old", "new"):
        assert verb("list", "add", name).status == DONE
    said = verb("contact", "add", "ida@example.net", "work@example.com=emergency, general", "--set", "city=Wien", "--set",
                "class=3a", "--list", "old", "--json")  # fmt: skip
    shown = said.rows[0]["id"]
    assert "work@example.com, for emergency, general" in verb("contact", "show", shown).out
    assert verb("contact", "change", shown, "--name", "Ida", "--set", "city=Graz", "--set", "class=", "--list", "new",
                "--off", "old").status == DONE  # fmt: skip
    found = verb("contact", "show", shown, "--json").rows[0]
    assert (found["name"], found["attributes"], found["lists"], len(found["addresses"])) == (
        "Ida",
        {"city": "Graz"},
        ["new"],
        2,
    )
    assert verb("contact", "change", shown, "--address", "ida@example.org").status == DONE
    assert [spot["address"] for spot in verb("contact", "show", shown, "--json").rows[0]["addresses"]] == [
        "ida@example.org"
    ]
    assert verb("contact", "change", shown, "--set", "city").status == USAGE
    assert verb("contact", "remove", shown).status == DONE
    for name in ("old", "new"):
        assert verb("list", "remove", name).status == DONE


def test_people_are_chosen_by_what_is_known_of_them(verb: Run) -> None:
    """Listed, counted and exported; a draft says whom it reaches; what is wrong is said with its place."""
    for name, city in (("gus", "Wien"), ("hal", "Graz")):
        assert verb("contact", "add", f"{name}@example.net", "--set", f"city={city}").status == DONE
    assert "1 people" in verb("contact", "count", "city = wien").out
    assert verb("contact", "count", "--json").rows == [{"people": 2}]
    found = verb("contact", "list", "--where", "city = wien or email ~ nobody", "--json").rows
    assert [row["addresses"][0]["address"] for row in found] == ["gus@example.net"]
    assert verb("contact", "list", "--where", "city = Linz").status == NOTHING
    assert "hal@" in verb("contact", "export", "--where", "not city = wien").out
    said = verb("contact", "count", "city wien")
    assert (said.status, "one of = !=" in said.err) == (USAGE, True), said.err
    made = ("--from", "shop@example.com", "--subject", "S", "--text", "T", "--where", "city = wien")
    said = verb("broadcast", "create", "Wien", *made)
    assert (said.status, "for 1 people" in said.out) == (DONE, True), said.err
    assert "city = wien" in verb("broadcast", "show", said.out.split()[0]).out
    for row in verb("contact", "list", "--json").rows:
        assert verb("contact", "remove", row["id"]).status == DONE


def test_a_person_is_erased(verb: Run) -> None:
    """By an address or by the contact; an address of which nothing is known is no fault."""
    made = verb("contact", "add", "eve@example.net", "eva@example.net", "--json").rows[0]["id"]
    said = verb("contact", "erase", "EVA@example.net", "--yes")
    assert (said.status, "1 contacts" in said.out) == (DONE, True), said.err
    assert verb("contact", "show", made).status == NOTHING
    assert verb("contact", "erase", "eve@example.net", "--yes").status == NOTHING
    assert verb("contact", "erase", made, "--yes").status == NOTHING


def test_what_somebody_said_is_kept(verb: Run) -> None:
    """The latest first; where it was said must be told. Nobody is asked to confirm where the link would lead nowhere."""
    made = verb("contact", "add", "fay@example.net", "--json").rows[0]["id"]
    assert verb("contact", "consent", made, "granted").status == USAGE
    for state in ("granted", "withdrawn"):
        said = verb("contact", "consent", made, state, "--type", "news", "--source", "telephone")
        assert said.status == DONE, said.err
    rows = verb("contact", "consent", made, "--json").rows[0]["data"]
    assert [row["state"] for row in rows] == ["withdrawn", "granted"]
    asked = verb("contact", "opt-in", made, "--from", "shop@example.com", "--text", "{{ confirm_url }}")
    assert asked.status == DONE or "tracking.url" in asked.err
    assert verb("contact", "remove", made).status == DONE


def test_a_long_file_comes_in(verb: Run, tmp_path: Path) -> None:
    """Looked at, refused and kept; with every row that is wrong."""
    file, faults = tmp_path / "long.csv", tmp_path / "faults.csv"
    file.write_text("email\n" + "".join(f"long{i}@example.net\n" if i % 1000 else f"nobody{i}\n" for i in range(2500)))
    said = verb("contact", "import", str(file), "--preview")
    assert (said.status, "Nothing is written down. 2497 new" in said.out) == (FAILED, True), said.err
    said = verb("contact", "import", str(file), "--strict")
    assert (said.status, "Nothing is written down" in said.out) == (FAILED, True), said.err
    said = verb("contact", "import", str(file), "--faults", str(faults))
    assert (said.status, "2497 new, 0 known, 3 rows left out" in said.out) == (PARTLY, True), said.err
    assert [line.split(",")[0] for line in faults.read_text().splitlines()] == ["line", "2", "1002", "2002"]
    file.write_text("name\n" + "x\n" * 2500)
    assert verb("contact", "import", str(file)).status == USAGE
