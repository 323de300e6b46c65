"""Check for what was not filled in: tags, greetings, links, and words that only tests have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aftersend.policy.score.facts import Sending
from aftersend.policy.score.finding import Found
from aftersend.policy.score.sample import Sample, shown

_TAGS = re.compile(
    r"\{\{[^{}\n]{0,200}\}\}|\{%[^%\n]{0,200}%\}|\*\|[A-Z0-9_:.]{1,60}\|\*|%%[A-Za-z0-9_. ]{1,60}%%|<%=?[^%\n]{1,200}%>"
    r"|\$\{[A-Za-z_][\w.]{0,60}\}|\[\[[A-Za-z_][\w .]{0,60}\]\]"
    r"|[\[{%](?:F|L|FIRST|LAST|FULL|USER|CONTACT)[_ ]?NAME[\]}%]|\[(?:NAME|EMAIL|COMPANY|UNSUBSCRIBE)\]",
    re.IGNORECASE,
)
"""Tags of the languages that are in use for mail."""
_GREETING = (
    r"(?:dear|hello|hi|hey|good (?:morning|day|evening)|hallo|liebe[r]?|sehr geehrte[r]?|bonjour|cher|chère|hola|estimad[oa]"
    r"|ciao|gentile|beste|olá|kære|hej)"
)
_GAP = re.compile(
    rf"(?:^|[\n>.!])\s{{0,9}}(?:{_GREETING}\s{{1,9}}[,!:]|dear[,!:]|{_GREETING}\s{{1,9}}(?:null|none|undefined|nan|n/a|unknown|first ?name)\b)",
    re.IGNORECASE,
)
_EMPTY = re.compile(r"[?&]([A-Za-z_][\w.-]{0,60})=(?=&|#|$)")
_TEST = re.compile(
    r"lorem ipsum|\basdf\w{0,10}\b|^\s*\[?test\]?\s*(?:$|[:!\-–\]]|mail\b|email\b|\d+\s*$)|\bTEST\b|^untitled\b"
)
_FRENCH_GREETINGS = ("bonjour", "cher", "chère", "hello")
_FRENCH = re.compile(r"\s[!:]$")


def check(sample: Sample, sending: Sending) -> Iterator[Found]:
    """Yield what was left open."""
    links = sample.page.links if sample.page is not None else []
    places = (("Subject", sample.subject), ("text", sample.text or ""), ("HTML", sample.seen))
    for where, text in (*places, *((f"link {n}", link.url) for n, link in enumerate(links, 1))):
        tag = _TAGS.search(text)
        if tag:
            yield Found("unresolved-tag", shown(tag[0]), where)
            break
    for where, text in places:
        gap = _gap(text)
        if gap:
            yield Found("empty-greeting", shown(gap), where)
            break
    for number, link in enumerate(links, 1):
        empty = _EMPTY.search(link.url)
        if empty:
            yield Found("empty-parameter", f"{empty[1]} in {shown(link.url)}", f"link {number}")
            break
    for where, text in places:
        tested = _TEST.search(text) if where == "Subject" else re.search(r"lorem ipsum", text, re.IGNORECASE)
        if tested:
            yield Found("test-words", shown(tested[0]), where)
            break


def _gap(text: str) -> str:
    """Return a greeting with a gap. A space before “!” and “:” is French, not a gap."""
    for found in _GAP.finditer(text):
        said = found[0].strip(" \n>.")
        if not _FRENCH.search(said) or not said.lower().startswith(_FRENCH_GREETINGS):
            return said
    return ""
