"""`aftersend score`, on this machine without a database, with one, and over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, FAILED, USAGE

GOOD = "From: Shop <shop@example.com>\nSubject: Your order\nContent-Type: text/plain\n\nIt is on its way to you.\n"
BAD = "From: shop@gmail.com\nSubject: RE: BUY NOW\nContent-Type: text/html\n\n<p>Dear ,</p><a href='http://bit.ly/x'>go</a>\n"
ALONE = ("--no-dns", "--no-engines")


def _file(folder: Path, text: str) -> str:
    (folder / "letter.eml").write_text(text)
    return str(folder / "letter.eml")


def test_a_message_is_scored_without_a_database(run: Run, tmp_path: Path) -> None:
    """Nothing has to be set up; what is not measured is said."""
    said = run("score", _file(tmp_path, GOOD), "--transactional", *ALONE)
    assert (said.status, said.out.splitlines()[0]) == (DONE, "100 of 100: excellent")
    assert "not measured. The DNS was not asked." in said.out
    assert "There is nothing to mend." in said.out


def test_findings_say_what_to_do(run: Run, tmp_path: Path) -> None:
    """The most urgent first, each with its remedy; the exit status is for scripts."""
    said = run("score", _file(tmp_path, BAD), *ALONE)
    assert said.status == FAILED
    assert said.out.startswith("13 of 100: do not send; 2 findings block it, so 39 is the most"), said.out
    assert (
        said.out.index("from-freemail")
        < said.out.index("no-unsubscribe-header")
        < said.out.index("shortener")
        < said.out.index("no-lang")
    )
    assert "Do:   Give the tag a fallback" in said.out
    row = run("score", _file(tmp_path, BAD), *ALONE, "--json").rows[0]
    assert row["findings"][0]["severity"] == "blocker"
    assert run("score", _file(tmp_path, GOOD), *ALONE, "--transactional", "--least", "100").status == DONE


def test_the_service_scores_for_its_accounts(far: Run, tmp_path: Path) -> None:
    """Over HTTP the DNS of the practice world answers, and a domain of nobody is a blocker."""
    said = far("score", _file(tmp_path, GOOD.replace("example.com", "nobody.example")), "--transactional", "--json")
    assert (said.status, said.rows[0]["findings"][0]["id"]) == (FAILED, "domain-not-ours"), said.err


def test_recipients_are_scored_and_a_clean_file_is_written(run: Run, tmp_path: Path) -> None:
    """The doubtful are named and left out; the other columns stay; both scores make one."""
    file, clean = tmp_path / "people.csv", tmp_path / "clean.csv"
    file.write_text("name;e-mail\nAnn;ann@example.net\nBob;bob@gmial.com\nCat;cat@@example.net\nAnn;Ann@Example.net\n")
    said = run("score", "--recipients", str(file), "--clean", str(clean), *ALONE)
    assert said.status == FAILED
    assert "gmial.com → gmail.com (1)" in said.out
    assert "Without these 2 addresses: 0 → 85" in said.out
    assert clean.read_text().splitlines() == ["name,e-mail", "Ann,ann@example.net"]
    assert run("score", "--recipients", str(clean), *ALONE, "--json").rows[0]["score"] == 85
    both = run("score", _file(tmp_path, GOOD), "--transactional", "--recipients", str(clean), *ALONE)
    assert (both.status, both.out.splitlines()[-1]) == (
        DONE, "Message and recipients together: 93 of 100, excellent.",
    )  # fmt: skip
    plain = tmp_path / "plain.txt"
    plain.write_text("ann@example.net\nbob@example.net\n")
    assert run("score", "--recipients", str(plain), *ALONE, "--json").rows[0]["addresses"] == 2
    assert run("score").status == USAGE
    assert run("score", "--list", "news", "--clean", str(clean)).status == USAGE


@pytest.mark.parametrize("place", ["run", "far"])
def test_a_list_is_scored_and_cleaned(place: str, request: pytest.FixtureRequest) -> None:
    """Here and over HTTP; people leave the list and stay contacts."""
    verb: Run = request.getfixturevalue(place)
    assert verb("list", "add", "weekly").status == DONE
    assert verb("contact", "add", "eve@nobody.invalid", "--list", "weekly").status == DONE
    told = verb("score", "--list", "weekly", "--json").rows[0]
    assert told["addresses"] == 1
    said = verb("score", "--list", "weekly", "--remove")
    assert said.status in (DONE, FAILED), said.err
    gone = told["without"]["removed"]
    assert f"{gone} people were taken off the list weekly" in said.err
    assert [row["members"] for row in verb("list", "show", "--json").rows if row["name"] == "weekly"] == [1 - gone]
