"""`aftersend score`, on this machine without a database, with one, and over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from verbs_run import Run

from aftersend.cli.verbs import DONE, FAILED, NOTHING, USAGE

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


def test_a_broadcast_is_scored_before_and_after(far: Run) -> None:
    """The forecast stands beside what became of it; calibration and the domain can be asked about."""
    assert far("list", "add", "garden").status == DONE
    for who in ("ok", "user-unknown", "ok+2"):
        assert far("contact", "add", f"{who}@practice.test", "--list", "garden").status == DONE
    made = far(
        "broadcast", "create", "Garden", "--from", "news@example.com", "--subject", "News", "--text", "News!", "--list",
        "garden", "--json",
    )  # fmt: skip
    assert made.status == DONE, made.err
    number = made.rows[0]["id"]
    before = far("broadcast", "score", number)
    assert (before.status, "Message and recipients together:" in before.out) == (DONE, True), before.err
    assert "3 addresses, 3 get mail." in before.out
    far("broadcast", "start", number, "--wait")
    after = far("broadcast", "score", number)
    assert after.status == DONE, after.err
    assert "bounces, real" in after.out
    assert "No score yet: 3 of 400 deliveries." in after.out
    assert "It is not ripe" in after.out
    assert f"{number}  Garden" in far("score", "--calibration").out
    assert far("domain", "score", "nobody.example").status == NOTHING


def test_a_domain_is_scored_on_this_machine(run: Run) -> None:
    """Before there was any mail it says so."""
    assert run("domain", "add", "example.com").status == DONE
    said = run("domain", "score", "example.com")
    assert (said.status, "No score yet: 0 of 1,000 deliveries." in said.out) == (DONE, True), said.err
    assert run("domain", "score", "example.com", "--json").rows[0]["previous"] is None
