"""Check what is demanded of mail to many: a way out that works with one click, and a sender who says who he is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aftersend.policy.score.finding import Found
from aftersend.policy.score.page import Link
from aftersend.policy.score.sample import Sample, shown

_URI = re.compile(r"<\s*([^<>\s]{1,2000})\s*>")
_LEAVE = re.compile(
    r"unsubscri|opt[\s-]?out|abmeld|abbestell|austragen|désabonn|desabonn|désinscri|desinscri|darse de baja|dar de baja"
    r"|cancelar (?:la )?suscripci|cancelar (?:a )?(?:inscri|assinatura)|descadastr|disiscri|annulla l.iscrizione|cancellati"
    r"|uitschrijv|afmelden|avregistrera|avsluta prenumeration|avmeld|frameld|peru(?:uta)? tilaus|wypisz|rezygn|odhlás"
    r"|отписа|配信停止|退订|수신거부|email preferences|manage (?:your )?(?:preferences|subscription)",
    re.IGNORECASE,
)
"""Words by which readers of many languages find the way out."""
_WORD = r"[A-ZÀ-Þ][\w'’.-]{0,40}"
_PLACE = re.compile(
    r"\b(?i:p\.?\s?o\.?\s?box|postfach|impressum|imprint|legal notice|mentions légales|aviso legal|note legali)\b"
    rf"|\b\d{{1,5}}[a-z]?\s{{1,9}}(?:{_WORD}\s{{1,9}}){{1,4}}(?i:st(?:reet)?|ave(?:nue)?|r(?:oa)?d|blvd|boulevard|lane|ln|drive|dr|way|square|sq"
    r"|court|ct|place|pl|suite|floor|parkway|row|quay|terrace)\b"
    rf"|\b{_WORD}\s?(?i:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|straat|laan|gatan|vägen|vej|tie|katu)\s{{0,9}}\d{{1,4}}\b"
    r"|\b(?i:rue|avenue|place|via|viale|piazza|calle|carrer|avenida|rua|ul\.|ulica|plaza)\s{1,9}(?:[\w'’.-]{1,40}\s{1,9}){0,5}\d{1,5}\b"
    rf"|\b\d{{4,5}}(?:-\d{{4}})?\s{{1,9}}{_WORD}\b(?!\s{{0,9}}%)"
    r"|\b[A-Z]{2}\s{1,9}\d{5}(?:-\d{4})?\b|\b[A-Z]{1,2}\d[A-Z\d]?\s{1,9}\d[A-Z]{2}\b|\b\d{4}\s?[A-Z]{2}\s{1,9}[A-ZÀ-Þ][a-z]{1,40}"
    r"|〒\s{0,9}\d{3}-?\d{4}"
)
"""What postal addresses of many countries, and links to them, have in common."""


def is_way_out(link: Link) -> bool:
    """Say whether somebody unsubscribes by this link, or chooses what to get."""
    return bool(_LEAVE.search(f"{link.text} {link.url}"))


def check(sample: Sample) -> Iterator[Found]:
    """Yield the duties that a broadcast leaves undone."""
    yield from _header(sample)
    links = sample.page.links if sample.page is not None else []
    text = sample.text or ""
    if not any(map(is_way_out, links)) and not _LEAVE.search(text if sample.html is None else ""):
        number = len(links)
        seen = "There is no link" if not links else f"{number} link{'' if number == 1 else 's'}, and none says so"
        yield Found("no-unsubscribe-link", seen)
    seen = sample.seen
    if not _PLACE.search(seen) and not _PLACE.search(text) and not any(_PLACE.search(link.text) for link in links):
        yield Found("no-identity", f"The message ends: …{shown(seen[-70:])}" if seen else "")
    if not sample.has("list-id"):
        yield Found("no-list-id", "", "List-Id")
    if not sample.has("feedback-id"):
        yield Found("no-feedback-id", "", "Feedback-ID")


def _header(sample: Sample) -> Iterator[Found]:
    if not sample.has("list-unsubscribe"):
        yield Found("no-unsubscribe-header", "", "List-Unsubscribe")
        return
    said = sample.fields["list-unsubscribe"][0].decode("utf-8", "replace")
    targets = _URI.findall(said)
    if not any(target.lower().startswith("https://") for target in targets):
        yield Found("unsubscribe-not-one-click", f"List-Unsubscribe: {shown(said)}", "List-Unsubscribe")
    elif "".join(sample.value("list-unsubscribe-post").split()).lower() != "list-unsubscribe=one-click":
        post = sample.value("list-unsubscribe-post")
        evidence = f"List-Unsubscribe-Post: {shown(post)}" if post else "List-Unsubscribe-Post is missing"
        yield Found("unsubscribe-not-one-click", evidence, "List-Unsubscribe-Post")
