"""HTML as mail programs and editors write it: forms by hand, and a generator that mixes them."""

from __future__ import annotations

from random import Random

BY_HAND: tuple[tuple[str, list[str]], ...] = (
    ("", []),
    ("plain text, no markup: https://x.test/", []),
    ('<a href="https://x.test/">x</a>', ["https://x.test/"]),
    ("<a href='https://x.test/?q=\"1\"'>x</a>", ['https://x.test/?q="1"']),
    ("<a href=https://x.test/a/b?c=d>x</a>", ["https://x.test/a/b?c=d"]),
    ("<a href=https://x.test/a/>x</a>", ["https://x.test/a/"]),
    ("<A HREF = 'HTTP://X.test/Y' >x</A>", ["HTTP://X.test/Y"]),
    ('<a\n\tclass="b"\r\n href\n=\n"https://x.test/"\n>x</a>', ["https://x.test/"]),
    ('<a href="https://x.test/?a=1&amp;b=2">x</a>', ["https://x.test/?a=1&b=2"]),
    ('<a href="https://x.test/?a=1&b=2&copy=3&lt=4">x</a>', ["https://x.test/?a=1&b=2&copy=3&lt=4"]),
    ('<a href="https://x.test/?q=caf&eacute;&#233;&#xE9;">x</a>', ["https://x.test/?q=caféééé"[:-1]]),
    ('<a href="https://x.test/?a&#61;1">x</a>', ["https://x.test/?a=1"]),
    ('<a href=" https://x.test/ ">x</a>', ["https://x.test/"]),
    ('<a href="https://x.test/lo\nng">x</a>', ["https://x.test/long"]),
    ('<a href="mailto:a@x.test?subject=Hi">x</a>', []),
    ('<a href="tel:+43123">x</a><a href="sms:+43123">y</a>', []),
    ('<a href="#top">x</a><a href="">y</a><a href>z</a>', []),
    ('<a name="top">x</a><a id=y>z</a>', []),
    ('<a href="data:text/html,<a href=https://x.test/>">x</a>', []),
    ('<a href="javascript:alert(1)">x</a><a href="cid:part1">y</a><a href="ftp://x.test/">z</a>', []),
    ('<a href="/relative">x</a><a href="page.html">y</a><a href="//x.test/z">z</a>', []),
    ('<base href="https://x.test/mail/"><a href="/a">x</a><a href="b?c">y</a><a href="#d">z</a>',
     ["https://x.test/a", "https://x.test/mail/b?c"]),
    ('<base href="https://x.test/"><base href="https://y.test/"><a href="a">x</a>', ["https://x.test/a"]),
    ('<a href="https://x.test/unsubscribe?u=1">x</a>', []),
    ('<a href="https://x.test/o/1"><span>Unsubscribe</span> here</a>', []),
    ('<a href="https://x.test/o/1">Newsletter abbestellen</a><a href="https://x.test/o/2">Se d&eacute;sabonner</a>', []),
    ('<a data-track="off" href="https://x.test/">x</a><a clicktracking=off href="https://y.test/">y</a>', []),
    ('<a data-track="on" href="https://x.test/">x</a>', ["https://x.test/"]),
    ('<a href="https://first.test/" href="https://second.test/">x</a>', ["https://first.test/"]),
    ('<map name="m"><area shape=rect coords="0,0,1,1" href="https://x.test/a" /><area nohref></map>', ["https://x.test/a"]),
    ('<!-- <a href="https://no.test/">x</a> --><a href="https://x.test/">x</a>', ["https://x.test/"]),
    ('<!--[if mso]><a href="https://no.test/">x</a><![endif]--><!--[if !mso]><!--><a href="https://x.test/">x</a><!--<![endif]-->',
     ["https://x.test/"]),
    ('<![if !mso]><a href="https://x.test/">x</a><![endif]>', ["https://x.test/"]),
    ('<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" href="https://no.test/" arcsize="8%"><w:anchorlock/>'
     '<center>Go</center></v:roundrect><![endif]--><a href="https://x.test/" style="mso-hide:all">Go</a>', ["https://x.test/"]),
    ('<v:rect href="https://no.test/"></v:rect><a href="https://x.test/">x</a>', ["https://x.test/"]),
    ("<!-->a<a href=https://x.test/>x</a>-->", ["https://x.test/"]),
    ("<!--->a<a href=https://x.test/>x</a>", ["https://x.test/"]),
    ("<!-- a --!><a href=https://x.test/>x</a>", ["https://x.test/"]),
    ("<!-- never ended <a href=https://no.test/>x</a>", []),
    ('<style>a[href="x"]:after{content:"<a href=https://no.test/>"}</style><a href=https://x.test/>x</a>', ["https://x.test/"]),
    ('<title><a href="https://no.test/">x</a></title><a href="https://x.test/">x</a>', ["https://x.test/"]),
    ('<textarea><a href="https://no.test/">x</a></textarea >', []),
    ('<script>document.write("<a href=https://no.test/>")</script><a href="https://x.test/">x</a>', ["https://x.test/"]),
    ("<style>a{}</STYLE\n><a href=https://x.test/>x</a>", ["https://x.test/"]),
    ('<a title="a > b" href="https://x.test/">x</a><img alt="<a href=https://no.test/>">', ["https://x.test/"]),
    ("<a title='href=https://no.test/' href=https://x.test/>x</a>", ["https://x.test/"]),
    ('<a href="https://x.test/>never closed', []),
    ("a < b and <3 <a href=https://x.test/>x</a> </> </ 4>", ["https://x.test/"]),
    ('<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://www.w3.org/TR/xhtml1.dtd"><html><body>'
     '<a href="https://x.test/">x</a></body></html>', ["https://x.test/"]),
    ('<link href="https://no.test/a.css" rel=stylesheet><img src="https://no.test/a.gif"><form action="https://no.test/">'
     '<a href="https://x.test/">x</a></form>', ["https://x.test/"]),
    ('<table><tr><td background="https://no.test/"><a href="https://x.test/1"><img src=cid:1 border=0></a></table>', ["https://x.test/1"]),
    ('<a href="https://x.test/?u={{ id | default("a>b") }}">x</a>', ['https://x.test/?u={{ id | default("a>b") }}']),
    ('<a href="{{ shop.url }}">x</a><a href="{{ unsubscribe_url }}">y</a>', ["{{ shop.url }}"]),
    ("<svg><title>x</title><a href='https://x.test/'><text>y</text></a></svg>", ["https://x.test/"]),
    ('<a href="https://bücher.test/ü?q=ß">x</a>', ["https://bücher.test/ü?q=ß"]),
    ("<a/href=https://x.test/>x</a><a / href='https://y.test/'/>", ["https://x.test/", "https://y.test/"]),
    ("<a =href=https://no.test/ href=https://x.test/>x</a>", ["https://x.test/"]),
    ("<abbr href=https://no.test/>x</abbr><applet href=https://no.test/>", []),
)  # fmt: skip
"""HTML, and where the links in it lead that may be rewritten."""

_PIECES = tuple(html for html, _ in BY_HAND if html and "never" not in html and "<base" not in html)
_WRAPS = (
    ("<div>", "</div>"), ("<p style='x: \"y\"'>", "</p>"), ("<table><tr><td>", "</td></tr></table>"), ("<!-- ", " -->"),
    ("<!--[if gte mso 9]>", "<![endif]-->"), ("<style>", "</style>"), ("<center>\r\n", "\r\n</center>"), ("<font>", ""),
    ("<title>", "</title>"), ("<svg>", "</svg>"), ("<b><i>", "</b></i>"), ("<![CDATA[", "]]>"), ("<!doctype html>", "<br/>"),
)  # fmt: skip
_TARGETS = (
    "https://x.test/{}", "http://y.test/?a={}&amp;b=1", "mailto:a{}@x.test", "#a{}", "https://x.test/{}?&copy=1&reg;",
    "/a/{}", "data:text/plain,{}", "https://x.test/unsubscribe/{}", "{{{{ link }}}}", "https://x.test/{{{{ code }}}}/{}",
)  # fmt: skip
_NOISE = ("<", ">", "&", '"', "'", "=", "--", "<!", "</", "/>", " ", "\n", "ü", "\0", "<a", "<p", "]]>", "-->", "`")


def generated(seed: int) -> str:
    """Return one HTML mail; the same for the same seed."""
    random = Random(seed)
    body = "".join(_piece(random, depth=0) for _ in range(random.randrange(1, 12)))
    if random.random() < 0.7:
        head = random.choice(("", "<head><style>p{color:red}</style></head>", "<title>News</title>"))
        body = f"<!DOCTYPE html>\r\n<html>{head}<body bgcolor=#fff>\r\n{body}\r\n</body>\r\n</html>\r\n"
    return body


def _piece(random: Random, depth: int) -> str:
    kind = random.random()
    if kind < 0.4:
        quote = random.choice(('"', "'", ""))
        target = random.choice(_TARGETS).format(random.randrange(1000))
        if not quote:
            target = target.replace(" ", "")
        name = random.choice(("a", "A", "area"))
        more = random.choice(("", " class=b", ' title="x > y"', " data-track=off", "\n\tstyle='a:b'"))
        return f"<{name}{more} {random.choice(('href', 'HREF'))}={quote}{target}{quote}>text {random.randrange(9)}</{name}>"
    if kind < 0.6 and depth < 4:
        before, after = random.choice(_WRAPS)
        return before + "".join(_piece(random, depth + 1) for _ in range(random.randrange(1, 4))) + after
    if kind < 0.8:
        return random.choice(_PIECES)
    if kind < 0.9:
        return "".join(random.choice(_NOISE) for _ in range(random.randrange(1, 5)))
    return f"<p>Words {random.randrange(10**6)}</p>\r\n"
