"""Clean messages of many kinds to be scored, and ways to write the same message differently."""

from __future__ import annotations

import base64
import binascii
import textwrap
from dataclasses import dataclass, field, replace

DATE = "Wed, 25 Nov 2026 09:00:00 +0000"
NOW_S = 1_795_597_200
FOOT = "Example Shop Ltd, 12 Market Street, Dublin. You get this because you signed up at shop.example.com."


@dataclass(frozen=True)
class Letter:
    """A message in pieces, so that one of them can be spoilt."""

    html: str | None
    text: str | None
    headers: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, bytes], ...] = ()
    raw: tuple[tuple[bytes, bytes], ...] = field(default=())
    """Changes of the bytes, at the very end."""

    def without(self, name: str) -> Letter:
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        assert len(kept) < len(self.headers), name
        return replace(self, headers=kept)

    def having(self, name: str, value: str) -> Letter:
        rest = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=(*rest, (name, value)))

    def twice(self, name: str) -> Letter:
        return replace(self, headers=(*self.headers, next(p for p in self.headers if p[0] == name)))

    def html_with(self, more: str) -> Letter:
        assert self.html is not None
        assert "</main>" in self.html
        return replace(self, html=self.html.replace("</main>", more + "</main>"))

    def html_changed(self, old: str, new: str) -> Letter:
        assert self.html is not None
        assert old in self.html, old
        return replace(self, html=self.html.replace(old, new))


def written(
    letter: Letter, *, encoding: str = "quoted-printable", shuffled: bool = False, folded: bool = False
) -> bytes:
    """Write a letter; what the options change must change no score."""
    parts = []
    if letter.text is not None:
        parts.append(_part("text/plain; charset=utf-8", letter.text.encode(), encoding))
    if letter.html is not None:
        parts.append(_part("text/html; charset=utf-8", letter.html.encode(), encoding))
    body = parts[0] if len(parts) == 1 else _multipart("alternative", parts[::-1] if shuffled else parts)
    if letter.files:
        files = [
            _part(f'application/octet-stream; name="{name}"', data, "base64", f'attachment; filename="{name}"')
            for name, data in letter.files
        ]
        body = _multipart("mixed", [*files, body] if shuffled else [body, *files])
    headers = list(letter.headers)
    if shuffled:
        headers = [(name.upper(), value) for name, value in reversed(headers)]
    block = b"".join(_field(name, value, folded) for name, value in headers)
    raw = block + b"MIME-Version: 1.0\r\n" + body
    for old, new in letter.raw:
        assert old in raw, old
        raw = raw.replace(old, new, 1)
    return raw


def _field(name: str, value: str, folded: bool) -> bytes:
    line = f"{name}: {value.replace(' ', chr(13) + chr(10) + ' ') if folded else value}"
    return line.encode("utf-8") + b"\r\n"


def _part(kind: str, data: bytes, encoding: str, disposition: str = "") -> bytes:
    data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if encoding == "base64":
        body = base64.encodebytes(data).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        body = binascii.b2a_qp(data).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    else:
        body = data
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    head += f"Content-Disposition: {disposition}\r\n" if disposition else ""
    return head.encode() + b"\r\n" + body


def _multipart(subtype: str, parts: list[bytes]) -> bytes:
    mark = f"=_{subtype}_{len(parts)}"
    head = f'Content-Type: multipart/{subtype}; boundary="{mark}"\r\n\r\n'.encode()
    return head + b"".join(f"--{mark}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{mark}--\r\n".encode()


def _image(name: str, alt: str, width: int = 560, height: int = 200) -> str:
    return f'<img src="https://img.example.com/{name}.png" alt="{alt}" width="{width}" height="{height}">'


def _link(path: str, words: str) -> str:
    return f'<a href="https://www.example.com/{path}">{words}</a>'


_SAID = (
    "the first warm days are here and the garden wants to be planted again so we have put together what works best in small "
    "spaces with little water and a lot of wind as most balconies have it. our gardeners have tried forty kinds of herbs and "
    "salads over three summers and kept notes of everything that grew well, what died in the first heat and what came back after "
    "the rain. you find their favourites below with the best time to sow each of them, how deep the pots must be and what they "
    "like to stand beside. everything can be had in our shop in dublin and cork, or it comes to your door within three days."
)


def prose(words: int, begin: int = 0) -> str:
    """Return so many words that mean something."""
    found = _SAID.split()
    text = " ".join(found[(begin + n) % len(found)] for n in range(words)).capitalize() + "."
    return "\n".join(textwrap.wrap(text, 300))


def _letter(
    number: int, title: str, subject: str, main: str, text: str, *, style: str = "", lang: str = "en"
) -> Letter:
    foot = f"{FOOT} {_link('leave?u=4f2a', 'Unsubscribe')}"
    html = (
        f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>p {{ margin: 0 0 16px }} @media (max-width: 600px) {{ .w {{ width: 100% }} }}</style></head>"
        f'<body style="margin:0;{style}"><main>{main}</main>'
        f'<p style="font-size:13px;color:#444444">{foot}</p></body></html>'
    )
    headers = (
        ("From", "Example Shop <news@example.com>"),
        ("To", "reader@example.net"),
        ("Subject", subject),
        ("Date", DATE),
        ("Message-ID", f"<letter-{number}@example.com>"),
        ("List-Unsubscribe", f"<https://www.example.com/u/{number}>, <mailto:leave-{number}@example.com>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("List-Id", "Example news <news.example.com>"),
        ("Feedback-ID", f"letter{number}:news:bulk:example"),
    )
    html = html.replace("</p>", "</p>\n").replace("</tr>", "</tr>\n").replace("</head>", "</head>\n")
    return Letter(html, f"{text}\n\n{FOOT}\nUnsubscribe: https://www.example.com/u/{number}\n", headers)


def _simple(number: int, title: str, subject: str, body: str) -> Letter:
    paragraphs = [body[i : i + 400] for i in range(0, len(body), 400)]
    main = f"<h1>{title}</h1>" + "".join(f"<p>{p}</p>" for p in paragraphs)
    return _letter(number, title, subject, main, f"{title}\n\n{body}")


def clean() -> list[Letter]:
    """Return 24 messages with which nothing is wrong."""
    letters = [
        _simple(0, "News of May", "What to plant in May", prose(160)),
        _simple(1, "A short note", "A short note from the garden", prose(45)),
        _simple(
            2,
            "Très bientôt",
            "=?utf-8?q?Le_jardin_au_printemps=2C_c=27est_tr=C3=A8s_bient=C3=B4t?=",
            "Bonjour ! " + prose(80),
        ),
        _simple(3, "Dear Ann", "Your order has left us", "Dear Ann,\n" + prose(70)),
        _simple(4, "Hello", "Three ideas for your balcony", "Hello, " + prose(300, 7)),
    ]
    hero = '<table role="presentation" width="600"><tr><td>{}</td></tr></table>'
    for n, (title, subject) in enumerate(
        (
            ("Spring sale", "Spring sale: 20 % off all pots until Sunday"),
            ("New in the shop", "New in the shop: seeds from Crete"),
            ("Invitation", "You are invited: an evening in the greenhouse"),
            ("Survey", "Tell us how we did, it takes two minutes"),
            ("Reminder", "Reminder: your basket is waiting for you"),
        ),
        5,
    ):
        body = prose(110 + 10 * n, 3 * n)
        main = (
            hero.format(_image(f"hero{n}", title)) + f"<h1>{title}</h1><p>{body}</p><p>{_link(f'go/{n}', 'See it')}</p>"
        )
        letters.append(_letter(n, title, subject, main, f"{title}\n{body}"))
    for n in range(10, 14):
        cards = [(f"Product {n}{c}", prose(40, n + c)) for c in range(4)]
        main = "".join(
            f'<table role="presentation"><tr><td>{_image(f"p{n}{c}", name, 280, 160)}</td><td><h2>{name}</h2><p>{said}</p>'
            f"{_link(f'p/{n}/{c}', f'Buy {name}')}</td></tr></table>"
            for c, (name, said) in enumerate(cards)
        )
        text = "\n".join(f"{name}: {said}" for name, said in cards)
        letters.append(_letter(n, "Products", f"Four things we like, part {n - 9}", main, text))
    prices = "".join(f"<tr><td>Seed {i}</td><td>{i} €</td></tr>" for i in range(1, 20))
    table = f"<h1>Prices</h1><p>{prose(60)}</p><table><caption>Prices</caption><tr><th>Seed</th><th>Price</th></tr>{prices}</table>"
    told = prose(60) + "\n" + "\n".join(f"Seed {i}: {i} €" for i in range(1, 20))
    letters.append(_letter(14, "Prices", "Our prices from June on", table, f"Prices\n{told}"))
    dark = f'<p style="color:#ffffff;background-color:#123456;font-size:18px">{prose(90)}</p>'
    letters.append(
        _letter(15, "Evening", "An evening among the roses", dark, prose(90), style="background-color:#ffffff")
    )
    hidden = f'<div style="display:none;font-size:1px;color:#ffffff">Preview of the letter</div><p>{prose(120)}</p>'
    letters.append(_letter(16, "Preview", "Roses, lavender and thyme", hidden, prose(120)))
    pixel = '<img src="https://t.example.com/o/1.gif" alt="" width="1" height="1">'
    letters.append(_letter(17, "Pixel", "What the bees do in June", f"<p>{prose(100)}</p>{pixel}", prose(100)))
    letters.append(_letter(18, "Garten", "Neues aus dem Garten", f"<p>{prose(130)}</p>", prose(130), lang="de"))
    long = "".join(f"<p>{prose(120, n)}</p>" for n in range(60))
    letters.append(
        _letter(19, "Long", "The whole year in the garden", long, "\n".join(prose(120, n) for n in range(60)))
    )
    pdf = (("programme.pdf", b"%PDF-1.7\n" + bytes(20_000)),)
    letters.append(replace(_simple(20, "Programme", "Our programme for the summer", prose(100)), files=pdf))
    shown = f'<p>{prose(100)}</p><p><a href="https://www.example.com/roses">www.example.com/roses</a></p>'
    letters.append(_letter(21, "Roses", "Re-opened: our rose garden", shown, prose(100)))
    points = f'<p>{prose(100)}</p><p style="font-size:11pt">Node.js, README.md and v2.0 are no domains, nor is [1].</p>'
    letters.append(_letter(22, "Points", "Notes for those who build with us", points, prose(100)))
    query = (
        f'<p>{prose(100)}</p><a href="https://www.example.com/s?q=rose&amp;utm_source=news&amp;page=2">All roses</a>'
    )
    letters.append(_letter(23, "Query", "Take our test: which herb are you?", query, prose(100)))
    return letters
