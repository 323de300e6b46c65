"""Read one text in the ways it can be read, and weigh what each says.

Owns the order of trust: the words of a reply, its enhanced status, its code, then the words of the system around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from aftersend.ledger.reasons import Reason
from aftersend.policy.diagnosis.codes import Meaning, of_code, of_status, status_within
from aftersend.policy.diagnosis.phrases import LINK_WEIGHT, Match, phrases, strongest
from aftersend.policy.diagnosis.words import BREAK, TEXT_LIMIT, flatten, without_boilerplate

BARE_CODE = 2
"""The weight up to which only a reply code speaks."""
WEAK = 4
"""Up to this weight the evidence leaves the fault of the address open: it counts, but does not suppress at once."""
_MANY_WORDS = 5
"""A refusal of more words, none of which is understood, does give its cause; it is not called lasting by its code alone."""
_FAINT, _PLAIN = 4, 8
"""A link must say more than the first to be heard where words are silent, and as much as the second to outdo weak words."""
_LOCAL = "LOCAL"
"""Stands in the `when` column for words that are those of the system that wrote the notice, not of a reply it quotes."""
_LINK = "LINK"

LEAD = re.compile(r"\s*(?:([2-5]\d\d)(?:[ :,-]{1,4}|$))?\s*#?(?:([245]\.\d{1,3}\.\d{1,3})(?![\d.]))?")
"""The codes that a reply begins with."""
_QUOTED_REPLY = re.compile(
    r"[45](?<![\d.:/-].)\d\d(?=[ :,-])[ :,-]{1,4}(?:#?[245]\.\d{1,3}\.\d{1,3}(?![\d.])|(?=[^\d\s]))"
)
"""A pattern is looked for several times as fast if it begins with a letter or a set of them: what stands before comes after."""
_NEXT_STEP = re.compile(r"\n[ \t]*(?:>>>|<<<[ \t]*([245]\d\d)?|([245]\d\d)(?=[ -]))")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_IN_REPLY = re.compile(
    r"(?:in reply to|after|during|did not like our)\s+(?:the |our |final |end of )*"
    r"(rcpt|mail|data|ehlo|helo|starttls|text|end|auth)\b"
)
_SUBJECTS = ("subject", "betreff", "objet", "asunto", "assunto", "oggetto", "onderwerp")
_ABOUT_MESSAGE = re.compile(
    rf"\n[ \t]*(?:the )?(?:{'|'.join(_SUBJECTS)}|to|cc|sent|date|from|message-id)(?: of the message is)?[ \t]*:.*",
    re.IGNORECASE,
)


class Reading(NamedTuple):
    """One way to read a text: the reply that it holds, what that means, and which command it answered, if it says so."""

    code: int
    status: str
    text: str
    match: Match | None
    meant: Meaning
    command: str
    is_quoted: bool
    """It is a reply that the text quotes, so the words are those of the last remote server."""


def read_reply(code: int, status: str, text: str, *, command: str, is_delayed: bool) -> Reading:
    """Read a live reply; `is_delayed` where neither code nor status tell."""
    return _read(code, status, text, command, is_delayed)


def readings(text: str, *, is_delayed: bool) -> Iterator[Reading]:
    """Yield the reply that a text quotes, then the text as a whole; a code by itself is the last resort of both."""
    text = text[: 2 * TEXT_LIMIT]
    if not text:
        return
    low = text.lower()
    command = _command_in(low)
    if quoted := reply_within(text):
        code, status, said = parted(quoted)
        yield _read(code, status, said, command, is_delayed, is_quoted=True)
    yield _read(0, "", without_lines_about(text, low), _LOCAL, is_delayed, answers=command)


def parted(text: str) -> tuple[int, str, str]:
    """Return the reply code or 0, the enhanced status or "", and the rest of a text that begins with a reply."""
    lead = LEAD.match(text)
    if lead is None:
        return 0, "", text
    return int(lead[1] or 0), lead[2] or "", text[lead.end() :]


def without_lines_about(text: str, low: str) -> str:
    """Leave out the lines that describe the message returned: its subject must not be read for a cause. `low` is the text in
    lower case."""
    for name in _SUBJECTS:
        if name in low:
            return _ABOUT_MESSAGE.sub("\n", "\n" + text)[1:]
    return text


def reply_within(text: str) -> str:
    """Return the part of a text that quotes an SMTP reply, from its code on, or "" if it quotes none.

    In a transcript the first refusal counts: what follows it (503 …) only follows from it.
    """
    found = _QUOTED_REPLY.search(text)
    if found is None:
        return ""
    text, code = text[found.start() :], found[0][:3]
    if "\n" in text:
        text = _PARAGRAPH.split(text, maxsplit=1)[0]
        for line in _NEXT_STEP.finditer(text):
            if (line[1] or line[2]) != code:
                return text[: line.start()]
    return text


def _read(
    code: int, status: str, text: str, command: str, is_delayed: bool, *, is_quoted: bool = False, answers: str = ""
) -> Reading:
    status = status or status_within(text)
    flat, links = flatten(_without_codes(code, status, text))
    if command == _LOCAL:
        flat = without_boilerplate(flat)
    if code or status:
        is_delayed = (code // 100 or int(status[:1])) == 4
    match, meant = _weigh(code, status, flat, links, command, is_delayed)
    return Reading(code, status, text, match, meant, answers if command == _LOCAL else command, is_quoted)


@lru_cache(maxsize=1024)
def _weigh(
    code: int, status: str, flat: str, links: str, command: str, is_delayed: bool
) -> tuple[Match | None, Meaning]:
    """Return the row of phrases that decided, if words decided, and the meaning that carries the day.

    Remembered, because what systems say repeats itself once the addresses are taken out.
    """
    context = ["4" if is_delayed else "5", command]
    of_codes = None
    if status:
        context += (status, "x" + status[1:])
        of_codes = of_status(status)
    if code:
        context.append(str(code))
        by_code = of_code(code)
        if of_codes is None or (by_code is not None and by_code.weight > of_codes.weight):
            of_codes = by_code
    floor = of_codes.weight if of_codes else 0
    match = strongest(phrases(), flat, context, above=floor - 1)
    if links and floor <= LINK_WEIGHT and (match is None or match.weight <= LINK_WEIGHT):
        hint = strongest(phrases(), links, [*context, _LINK], above=_FAINT)
        if hint is not None and (match is None or hint.weight >= _PLAIN):
            match = hint._replace(weight=LINK_WEIGHT)
    if match is not None:
        return match, Meaning(match.reason, match.detail, match.weight)
    if of_codes is None or (of_codes.reason == Reason.GENERAL_HARD_BOUNCE and flat.count(" ") >= _MANY_WORDS):
        return None, Meaning(Reason.GENERAL_ERROR, None, of_codes.weight if of_codes else 0)
    return None, of_codes


def forget() -> None:
    """Forget the texts already read."""
    _weigh.cache_clear()


def _without_codes(code: int, status: str, text: str) -> str:
    """Take away the codes that begin each line of a reply, wherever a log has joined the lines.

    One behind a colon begins another reply, which this one quotes: "host mx said: 550 …".
    """
    number = str(code)
    if not code or number not in text:
        return text
    text = text.replace(f": {number}", f": {BREAK} {number}")
    for lead in (f"{number}-{status} ", f"{number} {status} ", f"{number}-"):
        text = text.replace(lead, " ")
    return text


def _command_in(low: str) -> str:
    """Return the command that was answered, where a text in lower case says it: "in reply to RCPT TO", "after MAIL FROM"."""
    if not (" command" in low or "after " in low or "during " in low or "did not like" in low):
        return ""
    found = _IN_REPLY.search(low)
    if found is None:
        return ""
    return "DATA" if found[1] in ("end", "text") else found[1].upper()
