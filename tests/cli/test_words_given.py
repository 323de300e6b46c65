"""The words of a mail are given in one way: as they are, from a file, or from standard input."""

from __future__ import annotations

import io

from aftersend.cli.given import WORDS

HELLO = ("send", "--from", "shop@example.com", "--to", "ann@example.net", "--subject", "Hello", "--json")


def test_words_are_taken_as_they_are_or_read(tmp_path, monkeypatch):
    """Words, a file, standard input, words that begin with an @; all in UTF-8."""
    file = tmp_path / "page.html"
    file.write_text("<p>Gr\u00fc\u00dfe</p>", encoding="utf-8")
    assert WORDS("<p>plain</p>") == "<p>plain</p>"
    assert WORDS(f"see {file}") == f"see {file}"
    assert WORDS(f"@{file}") == "<p>Gr\u00fc\u00dfe</p>"
    assert WORDS("@@home today") == "@home today"
    monkeypatch.setattr("sys.stdin", io.StringIO("<p>typed in</p>"))
    assert WORDS("-") == "<p>typed in</p>"


def test_text_and_html_are_given_alike(run, tmp_path, monkeypatch):
    """Each of the two takes words, a file, and standard input."""
    file = tmp_path / "page.html"
    file.write_text("<p>Hi</p>", encoding="utf-8")
    for one, other in (("--text", "--html"), ("--html", "--text")):
        monkeypatch.setattr("sys.stdin", io.StringIO("<p>typed in</p>"))
        for words in ((one, "<p>Hi</p>"), (one, f"@{file}", other, "<p>Hi</p>"), (one, "-", other, f"@{file}")):
            sent = run(*HELLO, *words)
            assert sent.status == 0, sent.err


def test_what_cannot_be_read_is_said(run, tmp_path, monkeypatch):
    """A file that is not there or not UTF-8, a file without its @, standard input twice: each says what to do."""
    file = tmp_path / "page.html"
    file.write_bytes(b"\xff\xfe")
    monkeypatch.setattr("sys.stdin", io.StringIO("once"))
    for words, said in (
        (("--html", "@nowhere.html"), "cannot be read"),
        (("--html", f"@{tmp_path}"), "cannot be read"),
        (("--html", f"@{file}"), "is not UTF-8"),
        (("--html", str(file)), f"write @{file}"),
        (("--html", "-", "--text", "-"), "only be read once"),
    ):
        refused = run(*HELLO, *words)
        assert refused.status == 2, words
        assert said in " ".join(refused.err.split()), words
