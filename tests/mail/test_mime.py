"""Messages written from pieces are read back by others as they were meant; those that come whole are read within bounds."""

from __future__ import annotations

import email
import email.policy
import itertools

import pytest
from fast_mail_parser import parse_email
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersend.errors import BadField, SubmissionError
from aftersend.mail import address, headers, mime
from aftersend.mail.mime import Attachment, Draft

DATE = "Tue, 01 Dec 2026 09:00:00 +0000"
SHOP = address.parse_mailbox("Shop <shop@example.com>")
ANN = address.parse_mailbox("Änn <ann@example.net>")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | st.text("ab \t.=\r\n\0ä€", max_size=300)
LONG = st.sampled_from(
    ["x" * 2000, "ä" * 1500, "word " * 500, "\n" * 100, " " * 1200, ". \n.\n" * 20, "From x\n" * 3, "--\n" * 3]
)
FILENAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=200).filter(
    lambda name: bool(name.strip()) and "=?" not in name
)
ATTACHMENTS = st.lists(st.tuples(FILENAMES, st.binary(max_size=200)).map(lambda pair: Attachment(*pair)), max_size=3)


def write(draft: Draft) -> bytes:
    """Write with fixed names and times."""
    return mime.write(draft, message_id="<1@example.com>", date=DATE)


def lines_of(text: str) -> str:
    """Text as it travels: CRLF line ends."""
    return headers.with_crlf(text.encode()).decode()


def check_form(content: bytes) -> None:
    """Assert what every message must keep: CRLF only, lines of 998 octets at most, no NUL, an end of line at the end."""
    assert content.endswith(b"\r\n")
    assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\0" not in content
    assert content.isascii()


@settings(deadline=None)
@given(
    TEXT | LONG,
    st.none() | TEXT | LONG,
    ATTACHMENTS,
    st.text(max_size=80).filter(lambda s: s.isprintable() and "=?" not in s),
)
def test_three_readers_read_what_was_written(
    text: str, html: str | None, files: list[Attachment], subject: str
) -> None:
    """Text, HTML, subject and every file come back unchanged, from the standard library and from fast-mail-parser."""
    content = write(Draft(SHOP, [ANN], subject=subject, text=text, html=html, attachments=files))
    check_form(content)
    message = email.message_from_bytes(content)
    leaves = [part for part in message.walk() if not part.is_multipart()]
    wanted = [lines_of(text)] + ([] if html is None else [lines_of(html)])
    read = [part.get_payload(decode=True) for part in leaves]
    if len(leaves) == 1 and read[0].endswith(b"\r\n") and not wanted[0].endswith("\r\n"):
        read[0] = read[0][:-2]  # a message must end with a line end
    assert read == [body.encode() for body in wanted] + [file.content for file in files]
    assert [file.filename.strip() for file in files] == [_filename(part) for part in leaves[len(wanted) :]]
    assert str(email.header.make_header(email.header.decode_header(message["Subject"]))) == subject.strip()
    found = parse_email(content)
    assert found.subject == subject.strip()
    assert [file.content for file in files] == [bytes(file.content) for file in found.attachments]
    structure = mime.structure(content)
    assert structure.attachments == tuple(file.filename.strip()[:255] for file in files)
    assert structure.has_text == bool(text or structure.parts == 1)
    assert structure.has_html == bool(html)


def _filename(part: email.message.Message) -> str:
    return part.get_filename(failobj="")


def test_the_tree() -> None:
    """Text stands before HTML, HTML with its pictures is one part, files stand behind both."""
    files = [Attachment("a.pdf", b"%PDF", "application/pdf"), Attachment("logo.png", b"png", "image/png", "logo")]
    content = write(Draft(SHOP, [ANN], text="Hello", html="<img src=cid:logo>", attachments=files))
    tree = [(part.depth, part.media, part.is_attachment, part.filename) for part in mime.parts(content)]
    assert tree == [
        (0, "multipart/mixed", False, ""),
        (1, "multipart/alternative", False, ""),
        (2, "text/plain", False, ""),
        (2, "multipart/related", False, ""),
        (3, "text/html", False, ""),
        (3, "image/png", True, "logo.png"),
        (1, "application/pdf", True, "a.pdf"),
    ]
    assert b"Content-ID: <logo>\r\n" in content
    assert content == write(Draft(SHOP, [ANN], text="Hello", html="<img src=cid:logo>", attachments=files))


def test_top_fields() -> None:
    """Addresses are written from their parts; without visible recipients To says so; Bcc does not exist."""
    draft = Draft(SHOP, cc=[ANN], reply_to=[ANN], text="x", headers={"X-A": "b", "In-Reply-To": "<1@x.example>"})
    block, body = headers.split(write(draft))
    names = [field.name for field in headers.fields(block)]
    own = ["x-a", "in-reply-to", "mime-version", "content-type", "content-transfer-encoding"]
    assert names == ["from", "reply-to", "to", "cc", "subject", "date", "message-id", *own]
    assert headers.get(block, "to") == b"undisclosed-recipients:;"
    assert headers.get(block, "cc") == b"=?utf-8?q?=C3=84nn?= <ann@example.net>"
    assert body == b"x\r\n"


def test_addresses_that_need_smtputf8_are_written_as_they_are() -> None:
    """A local part beyond ASCII stands in the header in UTF-8 (RFC 6532), with the domain as A-labels."""
    block, _ = headers.split(write(Draft(SHOP, [address.parse_mailbox("用户@例子.example")], text="x")))
    assert "To: 用户@xn--fsqu00a.example".encode() in block


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain\n", "7bit"),
        ("x" * 998, "7bit"),
        ("x" * 999, "quoted-printable"),
        ("a\0b", "quoted-printable"),
        ("Grüße aus dem schönen und sehr großen Köln am Rhein", "quoted-printable"),
        ("日本語の本文", "base64"),
    ],
)
def test_transfer_encodings(text: str, encoding: str) -> None:
    """Text that can travel as it is does; other text stays readable if most of it is ASCII."""
    block, _ = headers.split(write(Draft(SHOP, [ANN], text=text)))
    assert headers.get(block, "Content-Transfer-Encoding") == encoding.encode()


def test_a_boundary_occurs_in_no_part() -> None:
    """A text that contains the boundary it would get does not break the message."""
    text = "Hello"
    for _ in range(3):
        draft = Draft(SHOP, [ANN], text=text, html="<p>")
        boundary = next(iter(mime.parts(write(draft)))).parameters["boundary"]
        text += f"\n--{boundary}--\n"
    assert mime.structure(write(draft)).parts == 3


def test_attached_messages() -> None:
    """A message is attached as one where it can travel unencoded (RFC 2046 §5.2.1), otherwise as a file."""
    kinds = {
        b"From: a\r\n\r\nHello\r\n": "message/rfc822",
        "From: ä\r\n\r\n".encode(): "application/octet-stream",
        b"a\nb": "application/octet-stream",
    }
    for inner, media in kinds.items():
        content = write(Draft(SHOP, [ANN], text="x", attachments=[Attachment("m.eml", inner, "message/rfc822")]))
        *_, last = mime.parts(content)
        assert last.media == media
    content = write(
        Draft(SHOP, [ANN], text="x", attachments=[Attachment("m.eml", b"From: a\r\n\r\nHello\r\n", "message/rfc822")])
    )
    *_, last = mime.parts(content)
    assert content[last.begin : last.end] == b"From: a\r\n\r\nHello\r\n"


@pytest.mark.parametrize(
    ("draft", "pointer"),
    [
        (Draft(SHOP, [ANN]), "#/text"),
        (Draft(SHOP, [ANN], text="\ud800"), "#/text"),
        (Draft(SHOP, [ANN], html="\udfff"), "#/html"),
        (Draft(SHOP, [ANN], text="x", subject="x" * 2001), "#/subject"),
        (Draft(SHOP, [ANN], text="x", attachments=[Attachment("a", b"")] * 201), "#/attachments"),
        (Draft(SHOP, [ANN], text="x", attachments=[Attachment("", b"")]), "#/attachments/0/filename"),
        (Draft(SHOP, [ANN], text="x", attachments=[Attachment("x" * 256, b"")]), "#/attachments/0/filename"),
        (Draft(SHOP, [ANN], text="x", attachments=[Attachment("a", b""), Attachment("a", b"", "pdf")]), "#/attachments/1/content_type"),
        (Draft(SHOP, [ANN], text="x", attachments=[Attachment("a", b"", "multipart/mixed")]), "#/attachments/0/content_type"),
        (Draft(SHOP, [ANN], text="x", attachments=[Attachment("a", b"", "a/b", "x y")]), "#/attachments/0/content_id"),
        (Draft(SHOP, [ANN], text="x", headers={"Message-ID": "1@example.com"}), "#/headers/Message-ID"),
        (Draft(SHOP, [ANN], text="x", headers={"X-A": "x" * 1000}), "#/headers/X-A"),
    ],
)  # fmt: skip
def test_pieces_that_cannot_be_used(draft: Draft, pointer: str) -> None:
    """The error points at the piece to mend."""
    with pytest.raises(BadField, match=".") as caught:
        write(draft)
    assert pointer == caught.value.pointer


def test_a_subject_of_one_endless_word() -> None:
    """A subject that no line can hold is encoded, so that it can be folded."""
    content = write(Draft(SHOP, [ANN], subject="x" * 1500, text="x"))
    check_form(content)
    assert headers.shown(headers.get(headers.split(content)[0], "Subject") or b"").startswith("x" * 900)


# ---- reading -------------------------------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    """A message of multiparts inside multiparts."""
    content = b"Content-Type: text/plain\r\n\r\nHello\r\n"
    for level in range(depth):
        content = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%s--b%d--\r\n" % (
            level,
            level,
            content,
            level,
        )
    return content


def wide(count: int) -> bytes:
    """A message of many parts."""
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n"


def test_caps() -> None:
    """50 levels and 1,000 parts are read, one more is refused."""
    assert mime.structure(nested(50)).depth == 50
    with pytest.raises(SubmissionError, match="50 deep"):
        mime.structure(nested(51))
    assert mime.structure(wide(999)).parts == 1000
    with pytest.raises(SubmissionError, match="1000 parts"):
        mime.structure(wide(1000))


@pytest.mark.parametrize(
    "bomb",
    [
        nested(2000),
        wide(100_000),
        b"Content-Type: multipart/mixed" + b";" * 16_000 + b"\r\n\r\nx",
        b"Content-Type: text/plain" + b"; a=b" * 20_000 + b"\r\n\r\nx",
        b'Content-Type: multipart/mixed; boundary="' + b"\\" * 100_000 + b"\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"\r\n--ba" * 500_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + b"X: y\r\n" * 100_000,
        b"(" * 1_000_000,
        b"Content-Type: " + b"(" * 100_000,
    ],
    ids=["deep", "wide", "semicolons", "parameters", "backslashes", "almost", "header", "no header", "comments"],
)
def test_bombs(bomb: bytes) -> None:
    """What takes other readers seconds or their stack is read or refused at once."""
    try:
        mime.structure(bomb)
    except SubmissionError as error:
        assert str(error).isprintable()


PIECES = [
    b"--b", b"--b--", b"\r\n", b"--c", b"x", b" ", b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: multipart/alternative; boundary=c\r\n\r\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join))
def test_parts_lie_inside_the_content(content: bytes) -> None:
    """Offsets never leave the content or their parent, whatever the boundaries do."""
    previous = -1
    for part in mime.parts(content):
        assert 0 <= part.head <= part.begin <= len(content)
        assert part.begin <= part.end <= len(content) or part.end == part.head
        assert part.head >= previous or part.depth == 0
        previous = part.head if part.depth else -1


@given(TEXT, TEXT, ATTACHMENTS)
def test_parts_by_offset_are_the_parts_by_another_reader(text: str, html: str, files: list[Attachment]) -> None:
    """The bytes at our offsets are the payloads that the compat32 parser finds, so that one part can be changed alone."""
    content = write(Draft(SHOP, [ANN], text=text, html=html, attachments=files))
    ours = [content[part.begin : part.end] for part in mime.parts(content) if not part.media.startswith("multipart/")]
    theirs = [part.get_payload() for part in email.message_from_bytes(content).walk() if not part.is_multipart()]
    assert [body.decode() for body in ours] == theirs


FORMS = {
    "text/plain": ("text/plain", {}),
    " Text/HTML ; Charset=UTF-8": ("text/html", {"charset": "UTF-8"}),
    'a/b; name="x;y"; z=1': ("a/b", {"name": "x;y", "z": "1"}),
    r'a/b; name="x\"y"': ("a/b", {"name": 'x"y'}),
    "a/b; name*=utf-8''%c3%a4": ("a/b", {"name": "ä"}),
    "a/b; name*0*=iso-8859-1''%e4; name*1=b; name*2*=%20c": ("a/b", {"name": "äb c"}),
    "a/b; name=first; name=second": ("a/b", {"name": "first"}),
    "": ("", {}),
    ";": ("", {}),
}


@pytest.mark.parametrize("value", FORMS)
def test_fields_with_parameters(value: str) -> None:
    """Quoted, encoded and continued parameters are read (RFC 2231)."""
    assert FORMS[value] == mime.media_type(value.encode())


@given(st.binary(max_size=200))
def test_any_field_with_parameters(value: bytes) -> None:
    """No bytes make reading fail."""
    mime.media_type(b"a/b;" + value)
    mime.media_type(value)


@given(FILENAMES)
def test_parameters_come_back(name: str) -> None:
    """Any file name is read back by us and by the standard library, in lines that can be sent."""
    name = name.strip()
    written = "attachment" + "".join(f";\r\n {piece}" for piece in mime.parameter("filename", name))
    assert written.isascii()
    assert max(map(len, written.split("\r\n"))) <= 78
    assert mime.media_type(headers.unfold(written.encode()))[1]["filename"] == name
    part = email.message_from_bytes(b"Content-Disposition: " + written.encode() + b"\r\n\r\n")
    assert part.get_filename() == name


def test_digests_hold_messages() -> None:
    """In multipart/digest a part without a type is a message (RFC 2046 §5.1.5)."""
    content = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nFrom: a\r\n--b--\r\n"
    assert [part.media for part in mime.parts(content)] == ["multipart/digest", "message/rfc822"]


def test_longer_boundaries_are_others() -> None:
    """A boundary that only begins like another one does not end a part of it."""
    inner = b"Content-Type: multipart/alternative; boundary=b2\r\n\r\n--b2\r\n\r\nx\r\n--b2--\r\n"
    content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + inner + b"--b--\r\n"
    assert [part.depth for part in mime.parts(content)] == [0, 1, 2]


def test_every_combination_of_pieces() -> None:
    """Each combination of text, HTML, picture and file has the form that a message must have."""
    for text, html, picture, file in itertools.product((None, "Hello"), (None, "<p>"), (False, True), (False, True)):
        files = [Attachment("p.png", b"png", "image/png", "p")] * picture + [
            Attachment("f.txt", b"x", "text/plain; charset=utf-8")
        ] * file
        if text is None and html is None and not files:
            continue
        content = write(Draft(SHOP, [ANN], text=text, html=html, attachments=files))
        check_form(content)
        found = mime.structure(content)
        assert (found.has_text, found.has_html, len(found.attachments)) == (
            text is not None,
            html is not None,
            len(files),
        )
