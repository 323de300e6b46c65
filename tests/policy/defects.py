"""Everything that can be wrong with a message, one way each: how to spoil a clean letter, and what must be found."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace

from letters import NOW_S, Letter, prose

from aftersend.policy.score.facts import (
    Authentication,
    DmarcFact,
    Heard,
    HostFact,
    KeyFact,
    Sending,
    SpfFact,
    Surroundings,
)
from aftersend.policy.score.finding import Found

GOOD = Authentication(
    True,
    (KeyFact("a._domainkey.example.com", "found", 2048, "v=DKIM1; p=abc"),),
    SpfFact("b.example.org", "pass", "v=spf1 ip4:203.0.113.1 -all", 1, 0, "203.0.113.1"),
    DmarcFact(
        "example.com", "v=DMARC1; p=reject; rua=mailto:d@example.com", "example.com", "reject", {"rua": "mailto:d"}
    ),
    HostFact("mx.example.org", ("203.0.113.1",), {"203.0.113.1": "mx.example.org"}),
    True,
)
AROUND = Surroundings(
    Sending(True, frozenset({"mx.example.org"}), 0, NOW_S),
    GOOD,
    (Heard("spamassassin", 0.3, 5.0), Heard("rspamd", 0.5, 6.0)),
)

Spoils = Callable[[Letter], Letter]
Changes = Callable[[Surroundings], Surroundings]


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong."""

    finding: str
    name: str
    letter: Spoils = lambda letter: letter
    around: Changes = lambda around: around
    points: float | None = None
    """Where they are not the rule's."""
    also: frozenset[str] = frozenset()
    """What comes with it of necessity."""

    def expected(self) -> Found:
        return Found(self.finding, points=self.points)


def _knows(**changes: object) -> Changes:
    return lambda around: replace(around, authentication=replace(around.authentication, **changes))


def _key(state: str, bits: int = 2048) -> Changes:
    return _knows(keys=(KeyFact("a._domainkey.example.com", state, bits, "v=DKIM1; p=abc"),))


def _spf(**changes: object) -> Changes:
    return _knows(spf=GOOD.spf._replace(**changes))


def _dmarc(record: str, policy: str = "", trouble: str = "", **tags: str) -> Changes:
    return _knows(dmarc=DmarcFact("example.com", record, "example.com", policy, tags, trouble))


def _host(**changes: object) -> Changes:
    return _knows(host=GOOD.host._replace(**changes))


def _says(sa: float, rspamd: float | None = None) -> Changes:
    heard = (Heard("spamassassin", sa, 5.0), *(() if rspamd is None else (Heard("rspamd", rspamd, 6.0),)))
    return lambda around: replace(around, heard=heard)


def _adds(more: str) -> Spoils:
    return lambda letter: letter.html_with(more)


def _swaps(old: bytes, new: bytes) -> Spoils:
    return lambda letter: replace(letter, raw=(*letter.raw, (old, new)))


def _attaches(name: str, size: int = 100) -> Spoils:
    return lambda letter: replace(letter, files=(*letter.files, (name, bytes(size))))


def _is(name: str, value: str) -> Spoils:
    return lambda letter: letter.having(name, value)


_BOXES = "".join(f'<img src="https://img.example.com/{n}.png" alt="{n}" width="40" height="40">\n' for n in range(14))
_SITES = "".join(f'<a href="https://site{n}.example">Site {n}</a> ' for n in range(9))
_DATA = "data:image/png;base64," + base64.encodebytes(bytes(40_000)).decode()
_PICTURE = '<img src="https://img.example.com/all.png" alt="All of it" width="600" height="900">'
_INLINE = f'<img alt="x" width="20" height="20" src="{_DATA}">'
_SILENT = '<img src="https://img.example.com/x.png" width="20" height="20">'
_WORDS = "Unsubscribe, signed, because, Example, 12 Market Street, Dublin, this, shop, example."


def _only_a_picture(letter: Letter) -> Letter:
    head, _, rest = letter.html.partition("<main>")
    return replace(letter, html=f"{head}<main>{_PICTURE}</main>{rest.partition('</main>')[2]}", text=_WORDS)


DEFECTS = [
    # ---- authentication
    Defect("domain-not-ours", "a domain of somebody else", around=_knows(is_ours=False, keys=())),
    Defect("from-freemail", "from gmail", _is("From", "Shop <shop.dublin@gmail.com>"), also=frozenset({"foreign-message-id"})),
    Defect("from-freemail", "from yahoo", _is("From", "shop@yahoo.fr"), also=frozenset({"foreign-message-id"})),
    Defect("no-dkim", "no key in the DNS", around=_key("missing")),
    Defect("dkim-different", "another key in the DNS", around=_key("different")),
    Defect("dkim-worthless", "a key that was revoked", around=_key("revoked")),
    Defect("dkim-worthless", "a key of 768 bits", around=_key("found", 768)),
    Defect("dkim-short", "a key of 1024 bits", around=_key("found", 1024)),
    Defect("spf-missing", "no SPF record", around=_spf(result="none", record="")),
    Defect("spf-fails", "an SPF record without us", around=_spf(result="fail", record="v=spf1 -all")),
    Defect("spf-fails", "SPF that cannot be read", around=_spf(result="permerror", trouble="two records")),
    Defect("spf-limits", "SPF with 14 look-ups", around=_spf(result="permerror", lookups=14)),
    Defect("spf-open", "SPF for everybody", around=_spf(record="v=spf1 +all")),
    Defect("spf-neutral", "SPF that says nothing", around=_spf(record="v=spf1 ip4:203.0.113.1 ?all")),
    Defect("no-dmarc", "no DMARC policy", around=_dmarc("")),
    Defect("dmarc-invalid", "a DMARC policy that is none", around=_dmarc("v=DMARC1; p=maybe", "none", "p=maybe")),
    Defect("dmarc-unwatched", "p=none without reports", around=_dmarc("v=DMARC1; p=none", "none")),
    Defect("dmarc-old-tags", "pct", around=_dmarc("v=DMARC1; p=reject; pct=5", "reject", pct="5")),
    Defect("no-reverse-name", "no PTR", around=_host(reverse={"203.0.113.1": ""})),
    Defect("no-reverse-name", "a PTR of the provider", around=_host(reverse={"203.0.113.1": "host1.isp.example"})),
    Defect("helo-unknown", "a host name without an address", around=_host(addresses=())),
    Defect("replies-lost", "no MX", around=_knows(takes_mail=False)),
    # ---- duties
    Defect("no-unsubscribe-header", "no List-Unsubscribe", lambda a: a.without("List-Unsubscribe")),
    Defect("unsubscribe-not-one-click", "no List-Unsubscribe-Post", lambda a: a.without("List-Unsubscribe-Post")),
    Defect("unsubscribe-not-one-click", "only mailto", _is("List-Unsubscribe", "<mailto:leave@example.com>")),
    Defect("unsubscribe-not-one-click", "only http", _is("List-Unsubscribe", "<http://www.example.com/u/1>")),
    Defect("no-unsubscribe-link", "no link to leave", lambda a: a.html_changed("leave?u=4f2a", "f").html_changed("Unsubscribe", "Here")),
    Defect(
        "no-identity", "no postal address",
        lambda a: replace(a.html_changed("12 Market Street, Dublin", "the shop"), text=a.text.replace("12 Market Street, Dublin", "the shop")),
    ),
    Defect("no-list-id", "no List-Id", lambda a: a.without("List-Id")),
    Defect("no-feedback-id", "no Feedback-ID", lambda a: a.without("Feedback-ID")),
    # ---- filters
    Defect("filters-suspect", "SpamAssassin says 3", around=_says(3.0), points=5.0),
    Defect("filters-reject", "SpamAssassin says 9", around=_says(9.0), points=20.0),
    Defect("filters-suspect", "both are uneasy", around=_says(4.0, 5.0), points=6.5),
    Defect("gtube", "GTUBE", lambda a: replace(a, text=a.text + "\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\n")),
    # ---- structure
    Defect("html-clipped", "110 KB of HTML", _adds("<!--" + "style\n" * 18_000 + "-->")),
    Defect("html-large", "85 KB of HTML", lambda a: a.html_with("<!--" + "\n".join(["style"] * ((85_000 - len(a.html.encode())) // 6)) + "-->")),
    Defect("no-text", "no text part", lambda a: replace(a, text=None), also=frozenset({"no-identity"})),
    Defect("no-text", "an empty text part", lambda a: replace(a, text="\n")),
    Defect("text-differs", "another text", lambda a: replace(a, text="This message needs a program that shows pages. Please look at it there.")),
    Defect("image-only", "one large image", _only_a_picture),
    Defect("many-images", "fourteen images and few words", lambda a: a.html_with(_BOXES)),
    Defect("no-alt", "an image without alt", _adds(_SILENT), points=1.0),
    Defect("no-alt", "three images without alt", _adds(_SILENT * 3), points=3.0, also=frozenset({"many-images"})),
    Defect("no-image-size", "an image without width", _adds('<img src="https://img.example.com/x.png" alt="x" height="20">')),
    Defect("insecure-link", "a link over http", _adds('<a href="http://www.example.com/old">Old page</a>')),
    Defect("insecure-link", "an image over http", _adds('<img src="http://img.example.com/x.png" alt="x" width="20" height="20">')),
    Defect("shortener", "bit.ly", _adds('<a href="https://bit.ly/3xYz">More</a>')),
    Defect("shortener", "tinyurl", _adds('<a href="https://tinyurl.com/3xYz">More</a>')),
    Defect("link-mismatch", "shows a bank", _adds('<a href="https://www.example.com/x">https://www.bank.example.org/login</a>')),
    Defect("link-mismatch", "shows a shop", _adds('<a href="https://evil.example">amazon.co.uk</a>')),
    Defect("ip-link", "a bare address", _adds('<a href="https://192.0.2.7/login">Sign in</a>')),
    Defect("ip-link", "a bare IPv6 address", _adds('<a href="https://[2001:db8::7]/login">Sign in</a>')),
    Defect("many-domains", "nine sites", _adds(_SITES)),
    Defect("active-content", "a form", _adds('<form action="https://www.example.com/s"><input name="q"></form>')),
    Defect("active-content", "a script", _adds("<script>alert(1)</script>")),
    Defect("active-content", "an iframe", _adds('<iframe src="https://www.example.com/v"></iframe>')),
    Defect("inline-images", "an image as data", _adds(_INLINE), also=frozenset({"html-large", "html-clipped"})),
    Defect("dangerous-file", "a program", _attaches("invoice.pdf.exe")),
    Defect("dangerous-file", "a script", _attaches("Prices.JS")),
    Defect("large-files", "3 MB", _attaches("catalogue.pdf", 3 * 1024 * 1024)),
    Defect("no-lang", "no language", lambda a: replace(a, html=a.html.replace(' lang="en"', "").replace(' lang="de"', ""))),
    Defect("no-title", "no title", lambda a: replace(a, html=a.html[: a.html.index("<title>")] + a.html[a.html.index("</title>") + 8 :])),
    Defect("bare-tables", "a table for layout", _adds("<table><tr><td>Left</td><td>Right</td></tr></table>")),
    Defect("low-contrast", "grey on white", _adds('<p style="color:#aaaaaa">Terms and conditions apply</p>')),
    Defect("low-contrast", "white on yellow", _adds('<p style="background:#ffff00"><font color="white">Now or never</font></p>')),
    Defect("small-print", "print of 8 px", _adds(f'<p style="font-size:8px">{prose(40)}</p>')),
    # ---- format
    Defect("no-from", "no From", lambda a: a.without("From"), also=frozenset({"domain-not-ours"})),
    Defect("no-from", "a From without an address", _is("From", "Shop")),
    Defect("long-line", "a line of 2,000", _swaps(b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\r\nX-Long: " + b"a " * 1000 + b"\r\n")),
    Defect("bare-newline", "a lone LF", _swaps(b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\n")),
    Defect("bare-newline", "a lone CR", _swaps(b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\r\nX-A: b\rc\r\n")),
    Defect("repeated-field", "two subjects", lambda a: a.twice("Subject")),
    Defect("repeated-field", "two From", lambda a: a.twice("From")),
    Defect("raw-header", "umlauts in To", _is("To", "Jörg <joerg@example.net>")),
    Defect("bad-encoding", "half an encoded word", _is("Subject", "The garden =?utf-8?q?in spring")),
    Defect("bad-encoding", "umlauts in ASCII", lambda a: replace(a, text=a.text + "\nJörg\n", raw=((b"charset=utf-8", b"charset=us-ascii"),))),
    Defect("no-subject", "no subject", lambda a: a.without("Subject")),
    Defect("no-subject", "an empty subject", _is("Subject", " ")),
    Defect("long-subject", "200 letters", _is("Subject", ("What grows in spring " * 10).strip())),
    Defect("capital-subject", "all capitals", _is("Subject", "BUY NOW AND SAVE")),
    Defect("false-reply", "Re:", _is("Subject", "Re: your question")),
    Defect("false-reply", "Fwd:", _is("Subject", "Fwd: look at this")),
    Defect("wrong-date", "last year", _is("Date", "Tue, 25 Nov 2025 09:00:00 +0000")),
    Defect("wrong-date", "no date at all", _is("Date", "tomorrow")),
    Defect("foreign-message-id", "somebody else's", _is("Message-ID", "<1@elsewhere.example>")),
    # ---- personalisation
    Defect("unresolved-tag", "{{ }}", _adds("<p>Your code is {{ code }}.</p>")),
    Defect("unresolved-tag", "*|FNAME|*", _is("Subject", "News for *|FNAME|*")),
    Defect("unresolved-tag", "%%name%%", lambda a: replace(a, text=a.text + "\nYours, %%name%%\n")),
    Defect("unresolved-tag", "[FIRSTNAME]", _adds("<p>So, [FIRSTNAME], see you soon.</p>")),
    Defect("unresolved-tag", "a tag in a link", _adds('<a href="https://www.example.com/?u={{user}}">Yours</a>')),
    Defect("empty-greeting", "Dear ,", _adds("<p>Dear ,</p>")),
    Defect("empty-greeting", "Hi null", _adds("<p>Hi null!</p>")),
    Defect("empty-parameter", "?id=", _adds('<a href="https://www.example.com/go?id=&amp;x=1">Yours</a>')),
    Defect("test-words", "[TEST]", _is("Subject", "[TEST] What grows in spring")),
    Defect("test-words", "lorem ipsum", _adds("<p>Lorem ipsum dolor sit amet.</p>")),
]  # fmt: skip
