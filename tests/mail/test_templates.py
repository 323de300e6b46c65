"""What is made of a template when it is saved."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.errors import BadField
from aftersend.mail import tags, templates


def test_styles_stand_in_the_elements_and_tags_stay() -> None:
    """Also tags that HTML would not allow in their place; nothing is fetched."""
    source = (
        '<html><head><style>p{color:red}</style><link rel="stylesheet" href="http://x.invalid/a.css"></head><body>'
        '<p title="{{ a|default("b") }}">Hi {{ name|default("you") }}</p>'
        "<table>{% for each in all if each.n < 3 %}<tr><td>{{ each.n }}</td></tr>{% endfor %}</table></body></html>"
    )
    page = templates.page(source, "html")
    assert 'style="color: red;"' in page
    for tag in ('{{ a|default("b") }}', '{{ name|default("you") }}', "{% for each in all if each.n < 3 %}<"):
        assert tag in page
    assert "x.invalid" not in page


def test_html_without_styles_is_left_alone() -> None:
    """Byte for byte."""
    source = "<P>Dear {{ name }}<br>\n<!--[if mso]>x<![endif]-->"
    assert templates.page(source, "html") == source


def test_mjml_becomes_html() -> None:
    """With its tags; what cannot be read is said."""
    source = (
        "<mjml><mj-body><mj-section><mj-column><mj-text>Dear {{ name }}</mj-text>"
        '<mj-button href="{{ url }}">Go</mj-button></mj-column></mj-section></mj-body></mjml>'
    )
    page = templates.page(source, "mjml")
    assert "Dear {{ name }}" in page
    assert 'href="{{ url }}"' in page
    assert templates.text_of(page).split() == ["Dear", "{{", "name", "}}", "Go", "({{", "url", "}})"]
    assert "https://" not in templates.page(
        '<mjml><mj-body><mj-section><mj-column><mj-text font-family="Roboto">'
        "A</mj-text></mj-column></mj-section></mj-body></mjml>",
        "mjml",
    )
    for wrong in ("<mjml><mj-bo", '<mjml><mj-body><mj-include path="/etc/passwd" /></mj-body></mjml>'):
        with pytest.raises(BadField):
            templates.page(wrong, "mjml")


def test_a_plain_text_says_what_is_shown() -> None:
    """Links with their addresses, items with a dash, nothing of the styles."""
    html = (
        "<style>p{}</style><h1>Big &amp; new</h1><ul><li>one</li><li>two</li></ul>"
        '<p>See <a href="https://example.com/{{ id }}">this</a> or <a href="https://example.com">https://example.com</a></p>'
    )
    text = "Big & new\n\n- one\n\n- two\n\nSee this (https://example.com/{{ id }}) or https://example.com\n"
    assert templates.text_of(html) == text


_REFERENCE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


@given(st.text(alphabet="{}%#a <>\n", max_size=60))
def test_tags_are_found_where_they_are(source: str) -> None:
    """Up to the first that is not closed; what is hidden for the parser of HTML comes back as it was."""
    found = list(tags.spans(source))
    reference = [match.span() for match in _REFERENCE.finditer(source)]
    assert found == reference[: len(found)]
    hidden, kept = templates._hidden(source)
    assert templates._shown(hidden, kept) == source
    assert kept == [source[begin:end] for begin, end in found]


@pytest.mark.parametrize("source", ["{{" * 500_000, "{% " * 300_000, "{#" * 500_000, "<" + "{{a}}" * 100_000])
def test_endless_tags_are_answered(source: str) -> None:
    """The time is in proportion to the text: with its square this would take hours."""
    assert len(list(tags.spans(source))) in (0, 100_000)
    parts = tags.parse(source)
    assert parts is None or len(parts) == 100_001
    assert templates._shown(*templates._hidden(source[:20_000])) == source[:20_000]


@pytest.mark.parametrize(
    "inside",
    [
        "<mj-section>" * 20_000,
        "<mj-section>" * 3_000 + "</mj-section>" * 3_000,
        "<mj-section><!-- </mj-section> -->" * 3_000 + "</mj-section>" * 3_000,
        "<mj-section a='</mj-section>'>" * 3_000 + "</mj-section>" * 3_000,
        "<mj-section><![CDATA[</mj-section>]]>" * 3_000 + "</mj-section>" * 3_000,
        "<mj-section><mj-column><mj-text>" + "<div>" * 20_000,
    ],
)
def test_mjml_out_of_all_depth_is_refused(inside: str) -> None:
    """What reads it would end the process, not raise."""
    with pytest.raises(BadField, match="deep"):
        templates.page(f"<mjml><mj-body>{inside}</mj-body></mjml>", "mjml")


def test_mjml_of_many_elements_side_by_side_is_taken() -> None:
    """Depth is what is counted, not number; also with elements of HTML that are never closed."""
    row = "<mj-section><mj-column><mj-text>Hello<br>you<img src='x'/></mj-text></mj-column></mj-section>"
    assert "Hello" in templates.page(f"<mjml><mj-body>{row * 300}</mj-body></mjml>", "mjml")


def test_styles_cannot_grow_beyond_all_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long rule for many elements is refused, and a service may have pages made elsewhere."""
    monkeypatch.setattr(templates, "PAGE_MOST", 10_000)
    with pytest.raises(BadField, match="more than 10,000 characters"):
        templates.made(f"<style>p{{font-family:'{'x' * 500}'}}</style>{'<p>x' * 50}", "html")
    templates.make_elsewhere(lambda source, kind: (f"{kind} elsewhere", source))
    try:
        assert templates.made("x", "html") == ("html elsewhere", "x")
    finally:
        templates.make_elsewhere(None)
