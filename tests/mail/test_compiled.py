"""Messages that are made anew for each recipient: whatever is put in, the message stays whole."""

from __future__ import annotations

import email
import email.message
import email.policy
import time
from typing import Any

import dkim as dkimpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.errors import BadField
from aftersend.mail import compiled, dkim, headers, merge, mime, tags
from aftersend.mail.address import parse_mailbox
from aftersend.mail.compiled import Compiled, Insertion, Slot

KEY = dkim.load("example.com", "s1", dkim.generate(dkim.RSA), is_ours=True)
OURS = {"_to": "ann@example.net", "_date": "Tue, 01 Dec 2026 09:00:00 +0000"}
NASTY = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300) | st.sampled_from(
    ["", ".", "..", "=", "=20", "a" * 74, "a" * 75, "a" * 76, "a" * 300, "ä" * 40, "x\r\n.\r\nQUIT\r\n", "a\nBcc: b@c", " ", "\t", "=?utf-8?q?=0A?="]
)  # fmt: skip
FILLER = st.text(alphabet="ab =.\n<>äж", max_size=200)


def draft(**more: Any) -> merge.Draft:
    given = {
        "sender": parse_mailbox("Shop <shop@example.com>"),
        "subject": "For {{ name }}",
        "message_id": "<1@example.com>",
        "date": OURS["_date"],
        "text": "Dear {{ name }},\nhello.\n",
    }
    return merge.Draft(**{**given, **more})


def made(message: Compiled, data: dict[str, Any], ours: dict[str, str] = OURS) -> email.message.EmailMessage:
    """The message as an independent reader sees it, after a journey through the store."""
    block, body = compiled.decode(message.encode()).render(data, ours)
    assert block.isascii()
    assert body.isascii()
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))
    assert body.replace(b"\r\n", b"").count(b"\n") == body.replace(b"\r\n", b"").count(b"\r") == 0
    return email.message_from_bytes(block + b"\r\n" + body, policy=email.policy.default)  # type: ignore[return-value]


def text_of(message: email.message.EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data.decode().replace("\r\n", "\n")


def in_lines(text: str) -> str:
    """As `headers.with_crlf` sees line ends."""
    return headers.with_crlf(text.encode()).decode().replace("\r\n", "\n")


@given(FILLER, NASTY, FILLER, NASTY)
def test_whatever_is_put_in_comes_out_and_nothing_else(before: str, value: str, after: str, second: str) -> None:
    """Law: what a mail program decodes is the text with the value in its place, in quoted-printable and in base64."""
    source = f"x{before}{{{{ a }}}}{after}{{{{ b }}}}"
    message = made(merge.compile_draft(draft(text=source, subject="x")), {"a": value, "b": second})
    assert in_lines(f"x{before}") + in_lines(value) + in_lines(after) + in_lines(second) == text_of(message, "plain")


@given(NASTY)
def test_a_value_never_makes_a_header_field(value: str) -> None:
    """Law: the header has the fields that were meant, in one piece each, whatever the value."""
    message = made(merge.compile_draft(draft()), {"name": value})
    wanted = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ]
    assert wanted == list(message.keys())


@given(NASTY)
def test_what_is_made_is_signed_validly(value: str) -> None:
    """Law: dkimpy verifies the signature of every rendering."""
    block, body = merge.compile_draft(draft(html="<p>{{ name }}</p>")).render({"name": value}, OURS)
    signature = dkim.sign(block, KEY, dkim.body_hash(body), now_s=int(time.time()), expire_s=3600)
    record = dkim.dns_record(KEY.private).encode()
    assert dkimpy.DKIM(signature + block + b"\r\n" + body).verify(dnsfunc=lambda name, timeout=5: record)


def test_values_are_escaped_in_html_only() -> None:
    """A value is text: it cannot bring markup, unless the author says safe."""
    html = "<p>{{ name }} {{ name|safe }} {{ name|urlencode }}</p>"
    message = made(merge.compile_draft(draft(html=html)), {"name": "<b>&"})
    assert text_of(message, "html") == "<p>&lt;b&gt;&amp; <b>& %3Cb%3E%26</p>"
    assert "Dear <b>&," in text_of(message, "plain")


def test_letters_outside_ascii_in_the_subject() -> None:
    """RFC 2047, joined with the fixed words around it."""
    message = made(merge.compile_draft(draft(subject="Für {{ name }}, heute")), {"name": "Zoë"})
    assert message["Subject"] == "Für Zoë, heute"


def test_a_text_mostly_beyond_ascii_is_base64() -> None:
    """Quoted-printable would be twice as long."""
    message = made(merge.compile_draft(draft(text="Здравствуйте, {{ name }}!")), {"name": "Зоя"})
    part = message.get_body(("plain",))
    assert part is not None
    assert part["Content-Transfer-Encoding"] == "base64"
    assert text_of(message, "plain") == "Здравствуйте, Зоя!"


def test_blocks_are_rendered_for_each_recipient() -> None:
    """What is no simple tag goes through the template engine."""
    source = "{% if vip %}Dear {{ name }}{% else %}Hello{% endif %}, {% for o in orders %}{{ o }};{% endfor %}"
    message = merge.compile_draft(draft(text=source, html=f"<p>{source}</p>"))
    data = {"name": "<Ann>", "vip": True, "orders": [1, 2]}
    assert text_of(made(message, data), "plain") == "Dear <Ann>, 1;2;"
    assert text_of(made(message, data), "html") == "<p>Dear &lt;Ann&gt;, 1;2;</p>"


def test_a_tag_without_a_value_is_an_error_that_names_it() -> None:
    """Never an empty place, neither in a simple tag nor in a block; a default helps."""
    for source in ("{{ nam }}", "{% if true %}{{ nam }}{% endif %}"):
        with pytest.raises(tags.Undefined) as error:
            merge.compile_draft(draft(text=source)).render({"name": "Ann"}, OURS)
        assert error.value.name == "nam"
    message = merge.compile_draft(draft(text="{{ nam|default('you') }}"))
    assert text_of(made(message, {"name": "Ann"}), "plain") == "you"
    assert message.missing({}) == "name"
    assert message.missing({"name": "x"}) is None


def test_where_to_opt_out_is_no_empty_link() -> None:
    """A tag that other services fill by themselves is an error here for as long as nobody gives it a value."""
    message = merge.compile_draft(draft(html='<a href="{{ unsubscribe_url }}">no more</a>'))
    assert message.missing({"name": "Ann"}) == "unsubscribe_url"


def test_a_template_that_cannot_be_read_names_field_and_line() -> None:
    """At compile time, not when it is sent."""
    with pytest.raises(BadField) as error:
        merge.compile_draft(draft(html="<p>\n{% for %}</p>"))
    assert error.value.pointer == "#/html"
    assert "line 2" in error.value.detail


def test_endless_loops_run_out_of_fuel() -> None:
    """A bound for each rendering."""
    loop = "{% for x in range(9999) %}{% for y in range(9999) %}x{% endfor %}{% endfor %}"
    with pytest.raises(tags.CannotRender, match="too many steps"):
        merge.compile_draft(draft(text=loop)).render({"name": "Ann"}, OURS)


def test_attachments_and_pictures_go_with_it() -> None:
    """The same structure as a message without tags."""
    files = [
        mime.Attachment("a.pdf", b"%PDF", "application/pdf"),
        mime.Attachment("l.png", b"PNG", "image/png", "logo"),
    ]
    message = made(merge.compile_draft(draft(html="<img src='cid:logo'>{{ name }}", attachments=files)), {"name": "x"})
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png", "application/pdf",
    ]  # fmt: skip


def test_as_it_was_written_it_shows_its_tags() -> None:
    """For a person who looks at what was sent, and for treatment."""
    block, body = merge.compile_draft(draft(html="{% if x %}y{% endif %}")).shown()
    message = email.message_from_bytes(block + b"\r\n" + body, policy=email.policy.default)
    assert message["Subject"] == "For {{ name }}"
    assert "Dear {{ name }}," in text_of(message, "plain")  # type: ignore[arg-type]
    assert text_of(message, "html") == "{% if x %}y{% endif %}"  # type: ignore[arg-type]


def links(html: bytes, is_html: bool = True) -> list[Insertion]:
    """Every quoted href, as whoever follows links would mark it."""
    found, at = [], 0
    while (start := html.find(b'href="', at)) >= 0:
        start += 6
        at = html.index(b'"', start)
        name = f"_link:{len(found)}"
        found.append(Insertion(start, at, Slot(name, instead=(html[start:at].decode("utf-8", "surrogateescape"),))))
    return found


@given(st.lists(st.sampled_from(["https://example.com/?a=1&amp;b=2", "x", "=", "é"]), max_size=5), FILLER)
def test_slots_in_an_ordinary_message_change_nothing_else(targets: list[str], filler: str) -> None:
    """Law: with the slots filled, only the targets differ; without, the message is what it was."""
    html = "<p>" + filler.replace("\n", "\r\n") + "".join(f'<a href="{t}">x</a>' for t in targets) + "</p>\r\n"
    block = b"From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    message = compiled.from_mime(block, html.encode(), links)
    if not targets:
        assert message is None
        return
    assert message is not None
    assert text_of(made(message, {}, {}), "html") == html.replace("\r\n", "\n")
    url = "https://t.example.com/c/" + "T" * 80
    filled = made(message, {}, {f"_link:{i}": f"{url}{i}" for i in range(len(targets))})
    wanted = "<p>" + filler + "".join(f'<a href="{url}{i}">x</a>' for i in range(len(targets))) + "</p>\n"
    assert text_of(filled, "html") == wanted


@pytest.mark.parametrize(
    "source", ["a {{ b", "{{ a + 1 }}", "{{ a|upper }}", "{{ loop }}", "{{ a|safe|default('x') }}"]
)
def test_what_is_not_simple_is_left_to_the_engine(source: str) -> None:
    """Only what the pieces can do is done by pieces."""
    assert tags.parse(source) is None


@given(st.dictionaries(st.sampled_from(["name", "source", "self", "a"]), st.text(alphabet="abc", max_size=5)))
def test_any_name_reaches_the_engine(data: dict[str, str]) -> None:
    """Also names that the engine's own function has for its arguments."""
    for name in set(data) - {"self"}:
        assert tags.render(f"{{% if true %}}{{{{ {name} }}}}{{% endif %}}", data, is_html=False) == data[name]


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=300), st.integers(1, 20))
def test_the_size_for_somebody_is_about_right(value: str, times: int) -> None:
    """Known before the copy is made, so that nobody makes one that is too large."""
    message = merge.compile_draft(draft(text="Dear you, {{ name }} and so on.\n" * times))
    header, body = message.render({"name": value}, OURS)
    size = message.size_for({"name": value})
    assert size >= (len(header) + len(body)) / 3.5
    assert size >= times * len(value)
