"""`aftersend score`, on this machine without a database, with one, and over HTTP."""

from __future__ import annotations

from pathlib import Path

from verbs_run import Run

from aftersend.cli.verbs import DONE, FAILED

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
