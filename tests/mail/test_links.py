"""Links are found where a browser finds them, and nothing else changes when they are rewritten."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from aftersend.mail import links

from .html_mails import BY_HAND, generated
from .whole_mails import WHOLE_MAILS

MARK = b"https://t.test/c/%d"


def rewritten(html: bytes) -> tuple[bytes, list[links.Link]]:
    """Return the HTML with every link that may be rewritten pointing elsewhere."""
    found = links.find(html)
    pieces, at = [], 0
    for number, link in enumerate(found):
        pieces += [html[at : link.start], MARK % number]
        at = link.end
    return b"".join([*pieces, html[at:]]), found


@pytest.mark.parametrize(("html", "expected"), BY_HAND)
def test_forms_by_hand(html: str, expected: list[str]) -> None:
    """Each form that editors and mail programs write has the links that a reader could follow, and no other."""
    assert [link.url for link in links.find(html.encode())] == expected
    check(html.encode())


def check(html: bytes) -> None:
    """The bytes are the same but for the targets, and so is the document, once its merge tags are filled."""
    html = re.sub(rb"\{[{%#][^{}]{0,500}[}%#]\}", b"https://tag.test/", html)
    made, found = rewritten(html)
    back, at = [], 0
    for number, link in enumerate(found):
        place = made.index(MARK % number, at)
        back += [made[at:place], html[link.start : link.end]]
        at = place + len(MARK % number)
    assert b"".join([*back, made[at:]]) == html
    before, after = LexborHTMLParser(html), LexborHTMLParser(made)
    theirs, ours = list(before.css("*")), list(after.css("*"))
    assert [node.tag for node in theirs] == [node.tag for node in ours]
    changed = 0
    for old, new in zip(theirs, ours, strict=True):
        was, now = dict(old.attributes), dict(new.attributes)
        if was != now:
            assert old.tag in ("a", "area")
            assert str(now.pop("href")).startswith("https://t.test/c/")
            was.pop("href")
            assert was == now
            changed += 1
    # A browser may show one link twice where its neighbours are badly nested, and drop one in a list of choices.
    assert changed <= 20 * len(found)
    text = before.body.text() if before.body else ""
    assert text == (after.body.text() if after.body else "")


def test_fifty_whole_mails() -> None:
    """Of 50 mails laid out as real ones are, all links that lead away are found, and nothing else changes."""
    assert len(WHOLE_MAILS) == 50
    for html, number in WHOLE_MAILS:
        found = links.find(html.encode())
        assert len(found) == number, html
        assert not any("no.test" in link.url or "unsubscribe" in link.url for link in found)
        check(html.encode())


def test_two_thousand_mails() -> None:
    """Of 2,000 generated mails, however broken, the targets change and nothing else."""
    number = 0
    for seed in range(2000):
        html = generated(seed).encode()
        check(html)
        number += len(links.find(html))
    assert number > 2000


def test_a_browser_sees_every_link_that_is_found() -> None:
    """In mails that are in order, no link is found that a browser does not see."""
    for seed in range(300):
        html = generated(seed)
        if any(noise in html for noise in ("{{", "\0", "`", "<select", "CDATA", "<svg", "]]>")) or "base" in html:
            continue
        ours = [link.url for link in links.find(html.encode())]
        theirs = [
            (node.attributes.get("href") or "").strip()
            for node in LexborHTMLParser(html.encode()).css("a, area")
            if "data-track" not in node.attributes and "clicktracking" not in node.attributes
        ]
        assert not [url for url in ours if url.replace("\n", "") not in {each.replace("\n", "") for each in theirs}]


def picture(html: bytes) -> str | None:
    """Return the name of the element that holds a picture put in, as a browser sees it."""
    place = links.pixel_place(html)
    root = LexborHTMLParser(html[:place] + b'<img src="https://t.test/o/1.gif">' + html[place:])
    found = [node for node in root.css("img") if node.attributes.get("src") == "https://t.test/o/1.gif"]
    return found[0].parent.tag if found and found[0].parent else None


@pytest.mark.parametrize(
    "html",
    [
        b"", b"<p>x", b"<html><body><p>x</p></body></html>", b"<body>x</BODY >\r\n", b"x</html>", b"<div>x<!-- </body> -->",
        b"x<!-- never ended </body>", b"<style></body></style>x", b"x<textarea>never ended", b'x<a href="never ended',
        b"<body>a</body><body>b</body>", b"<p title='</body>'>x</p>",
    ],
)  # fmt: skip
def test_the_picture_is_seen(html: bytes) -> None:
    """Wherever a picture is put in, a browser shows it."""
    assert picture(html) is not None


def test_nothing_takes_long() -> None:
    """Hostile text is read in time that grows with its length alone."""
    started = time.perf_counter()
    for piece in (
        b"<a ",
        b"<a href=",
        b"<!--",
        b"{{",
        b'<a href="',
        b"<",
        b"</",
        b"<a x='",
        b"&amp",
        b"{% ",
        b"<a href=x ",
    ):
        links.read(piece * (200_000 // len(piece)))
    assert time.perf_counter() - started < 20


@given(
    st.lists(
        st.sampled_from(["<a href=", "https://x.test", '"', "'", ">", "<!--", "-->", "{{", "}}", "</a>", " ", "x"])
    )
)
def test_any_mixture_keeps_its_document(pieces: list[str]) -> None:
    """Whatever the order of the pieces, only targets change."""
    check("".join(pieces).encode())
