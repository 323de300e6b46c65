"""Turn an SMTP reply, or a text that quotes one, into a Diagnosis.

The strongest evidence wins: the words of the reply, then its enhanced status, then its code (the weights of the two
tables). Knows nothing of retries: what to do about a diagnosis is the business of suppression and of retry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from aftersend.ledger.reasons import Reason
from aftersend.policy.diagnosis.codes import STATUS, Meaning, of_code, of_status
from aftersend.policy.diagnosis.findings import Action, Diagnosis, finding
from aftersend.policy.diagnosis.phrases import (
    LINK_WEIGHT,
    TEXT_LIMIT,
    Match,
    flatten,
    phrases,
    strongest,
    without_boilerplate,
)

_LEAD = re.compile(r"\s*(?:([2-5]\d\d)(?:[ :,-]{1,4}|$))?\s*#?(?:([245]\.\d{1,3}\.\d{1,3})(?![\d.]))?")
_QUOTED_REPLY = re.compile(
    r"(?<![\d.:/-])[45]\d\d(?=[ :,-])[ :,-]{1,4}(?:#?[245]\.\d{1,3}\.\d{1,3}(?![\d.])|(?=[^\d\s]))"
)
_ABOUT_MESSAGE = re.compile(
    r"^[ \t]*(?:the )?(?:subject|betreff|objet|asunto|assunto|oggetto|onderwerp|to|cc|sent|date|from|message-id)"
    r"(?: of the message is)?[ \t]*:.*$",
    re.MULTILINE | re.IGNORECASE,
)
"""Lines that describe the message returned; its subject must not be read for a cause."""
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_NEXT_STEP = re.compile(r"\n[ \t]*(?:>>>|<<<[ \t]*([245]\d\d)?|([245]\d\d)(?=[ -]))")
_WAIT = re.compile(r"\b(\d{1,5}) ?(s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b")
_IN_REPLY = re.compile(
    r"(?:in reply to|after|during|for|did not like our)\s+(?:the |our |final |end of )*"
    r"(RCPT|MAIL|DATA|EHLO|HELO|STARTTLS|TEXT|END|AUTH)\b",
    re.IGNORECASE,
)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_WAIT_S = 7 * 86_400

_HARD = frozenset(
    {
        Reason.INVALID_RECIPIENT,
        Reason.BAD_DOMAIN,
        Reason.ADDRESS_ERROR,
        Reason.CLOSED_ACCOUNT,
        Reason.GENERAL_HARD_BOUNCE,
    }
)
_OF_ADDRESS = _HARD | {Reason.MAILBOX_FULL, Reason.ACCOUNT_INACTIVE}
_BEFORE_RECIPIENT = frozenset({"CONNECT", "BANNER", "EHLO", "HELO", "LHLO", "STARTTLS", "AUTH", "MAIL"})
"""Commands whose refusal cannot be about the recipient, because it has not been named yet."""
_AFTER_RECIPIENT = frozenset({"DATA", "BDAT", "DOT", "."})
_BARE_CODE = 2
"""The weight up to which only a reply code speaks."""
_LOCAL = "LOCAL"
"""Stands in the `when` column for words that are those of the system that wrote the notice, not of a reply it quotes."""
_FAINT, _PLAIN = 4, 8
"""A link must say more than the first to be heard where words are silent, and as much as the second to outdo weak words."""
_WEAK_WEIGHT = 4
"""Up to this weight the evidence leaves the fault of the address open: it counts, but does not suppress at once."""


class ReplyLike(Protocol):
    """What is read of an SMTP reply: the code, the enhanced status or "", the text without codes."""

    @property
    def code(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def text(self) -> str: ...


def diagnose_reply(reply: ReplyLike, *, command: str | None = None) -> Diagnosis:
    """Say what a live reply means; `command` names what it answers (CONNECT, EHLO, MAIL, RCPT, DATA, DOT …).

    4yz is delayed, 5yz failed, 2yz delivered. Never raises, whatever the text; linear in its size, and bounded.
    """
    return _diagnose(reply.code, reply.status, reply.text, command)


def reply_within(text: str) -> str:
    """Return the part of a text that quotes an SMTP reply, from its code on, or "" if it quotes none.

    In a transcript the first refusal counts: what follows it (503 …) only follows from it.
    """
    found = _QUOTED_REPLY.search(text)
    if found is None:
        return ""
    text, code = text[found.start() :], found[0][:3]
    text = _PARAGRAPH.split(text, 1)[0]
    for line in _NEXT_STEP.finditer(text):
        if (line[1] or line[2]) != code:
            return text[: line.start()]
    return text


def diagnose_text(text: str, *, command: str | None = None, action: Action | None = None) -> Diagnosis:
    """Say what a text means that quotes a reply, or none: "550 5.1.1 no such user", "mailbox full".

    `action` is what a report says about the outcome; without it the code decides, and a text without one has failed.
    """
    text = text[: 2 * TEXT_LIMIT]
    lead = _LEAD.match(text)
    code = int(lead[1]) if lead and lead[1] else 0
    status = lead[2] if lead and lead[2] else ""
    if lead:
        text = text[lead.end() :]
    return _diagnose(code, status, text, command, action)


def diagnose_words(
    words: str,
    beside: Callable[[], str],
    *,
    status: str = "",
    subject: str = "",
    action: Action,
    is_named: bool = False,
) -> Diagnosis:
    """Say what a report means: the diagnostic `words` of a machine, or the notice `beside` it, in that order of trust.

    A reply that the words quote counts before the words around it, these before the report's own `status`, and the
    subject of the notice only where nothing else speaks. `is_named`: the notice itself names the recipient, so that a
    failure without a cause is at least a lasting one of that address.
    """
    if action is Action.DELIVERED:
        return finding(action, Reason.DELIVERED, status=status)
    best: _Reading | None = None
    for source in (words, beside, subject):
        if best is not None and best.weight > _WEAK_WEIGHT:
            break
        text = source if isinstance(source, str) else source()
        for reading in _readings(text[: 2 * TEXT_LIMIT], action):
            if best is None or reading.weight > best.weight:
                best = reading
            if reading.is_quoted and reading.weight > _BARE_CODE:
                break
    by_status = of_status(status) if status else None
    is_certain = best is not None and best.is_quoted and best.weight > _BARE_CODE
    if best is None or (not is_certain and by_status is not None and by_status.weight > best.weight):
        meant = by_status or Meaning(Reason.GENERAL_ERROR, None, 0)
        best = _Reading(best.code if best else 0, status, best.text if best else "", None, meant, "", False)
    if best.weight <= _BARE_CODE and not best.code and action is Action.DELAYED:
        best = best._replace(meant=Meaning(Reason.NETWORK_ERROR, "waiting", 0))
    if best.weight == 0 and action is Action.FAILED and is_named:
        best = best._replace(meant=Meaning(Reason.GENERAL_HARD_BOUNCE, None, 0))
    return _found(best._replace(status=best.status or status), action)


class _Reading(NamedTuple):
    """One way to read a text: the reply that it holds, and what that means."""

    code: int
    status: str
    text: str
    match: Match | None
    meant: Meaning
    command: str
    is_quoted: bool
    """It is a reply that the text quotes, so the words are those of the last remote server."""

    @property
    def weight(self) -> int:
        return self.meant.weight


def _readings(text: str, action: Action) -> Iterator[_Reading]:
    """Yield the reply within a text, then the text as a whole; a code by itself is the last resort of both."""
    if not text:
        return
    command = _command_in(text)
    is_delayed = action is Action.DELAYED
    if quoted := reply_within(text):
        lead = _LEAD.match(quoted)
        code, status = (int(lead[1] or 0), lead[2] or "") if lead else (0, "")
        said = quoted[lead.end() :] if lead else quoted
        yield _read(code, status, said, command, is_delayed, is_quoted=True)
    yield _read(0, "", _ABOUT_MESSAGE.sub("", text), _LOCAL, is_delayed)._replace(command=command)


def _read(code: int, status: str, text: str, command: str, is_delayed: bool, *, is_quoted: bool = False) -> _Reading:
    if not status and (within := STATUS.search(text)):
        status = within[1]
    flat, links = flatten(_without_codes(code, status, text))
    if command == _LOCAL:
        flat = without_boilerplate(flat)
    if code or status:
        is_delayed = _action(code, status) is Action.DELAYED
    match, meant = weigh(code, status, flat, links, command=command, is_delayed=is_delayed)
    return _Reading(code, status, text, match, meant, command, is_quoted)


def _diagnose(code: int, status: str, text: str, command: str | None, action: Action | None = None) -> Diagnosis:
    text = text[: 2 * TEXT_LIMIT]
    if not status and (within := STATUS.search(text)):
        status = within[1]
    if action is None:
        action = _action(code, status)
    if action is Action.DELIVERED:
        return finding(action, Reason.DELIVERED, status=status, evidence=_evidence(code, status, text, None))
    verb = command.upper().partition(" ")[0] if command else ""
    return _found(_read(code, status, text, verb, action is Action.DELAYED), action)


def _found(reading: _Reading, action: Action) -> Diagnosis:
    """Turn a reading into a Diagnosis. What was refused before the recipient was named cannot be the recipient's fault."""
    reason, detail, weight = reading.meant
    if reading.command in _BEFORE_RECIPIENT and reason in _OF_ADDRESS:
        reason, detail = ("server_busy", None) if action is Action.DELAYED else ("policy_blocked", "sender_refused")
    is_weak = (
        weight <= _WEAK_WEIGHT
        or reading.command in _AFTER_RECIPIENT
        or reading.status[:1] == "4"
        or reading.code // 100 == 4
        or (reading.match is not None and "denied" in reading.match.words)
    )
    return finding(
        action,
        reason,
        detail,
        status=reading.status,
        evidence=_evidence(reading.code, reading.status, reading.text, reading.match),
        is_weak=is_weak,
        retry_after_s=_wait(reading.text) if action is Action.DELAYED else None,
    )


def _command_in(text: str) -> str:
    """Return the command that was answered, where the text says it: "in reply to RCPT TO", "after MAIL FROM"."""
    found = _IN_REPLY.search(text)
    return "DATA" if found and found[1].upper() in ("END", "TEXT") else found[1].upper() if found else ""


def weigh(
    code: int, status: str, flat: str, links: str, *, command: str = "", is_delayed: bool = False
) -> tuple[Match | None, Meaning]:
    """Return the row of phrases that decided, if words decided, and the meaning that carries the day."""
    context = ["4" if is_delayed else "5", command]
    of_codes = None
    if status:
        context += [status, "x" + status[1:]]
        of_codes = of_status(status)
    if code:
        context.append(str(code))
    by_code = of_code(code) if code else None
    if of_codes is None or (by_code is not None and by_code.weight > of_codes.weight):
        of_codes = by_code
    floor = of_codes.weight if of_codes else 0
    match = strongest(phrases(), flat, context, above=floor - 1)
    if links and floor <= LINK_WEIGHT and (match is None or match.weight <= LINK_WEIGHT):
        hint = strongest(phrases(), links, [*context, "LINK"], above=_FAINT)
        if hint is not None and (match is None or hint.weight >= _PLAIN):
            match = hint._replace(weight=LINK_WEIGHT)
    if match is not None and match.weight >= floor:
        return match, Meaning(match.reason, match.detail, match.weight)
    return None, of_codes or Meaning(Reason.GENERAL_ERROR, None, 0)


def _action(code: int, status: str) -> Action:
    digit = code // 100 or int(status[:1] or 5)
    return {2: Action.DELIVERED, 4: Action.DELAYED}.get(digit, Action.FAILED)


def _without_codes(code: int, status: str, text: str) -> str:
    """Take away the codes that begin each line of a reply, wherever a log has joined the lines."""
    if not code or "\n" not in text and str(code) not in text:
        return text
    for lead in (f"{code}-{status} ", f"{code} {status} ", f"{code}-"):
        text = text.replace(lead, " ")
    return text


def _wait(text: str) -> int | None:
    """Return the seconds that the text asks us to wait, at most a week."""
    if (found := _WAIT.search(text.lower())) is None:
        return None
    return min(int(found[1]) * _SECONDS[found[2][0]], _LONGEST_WAIT_S)


def _evidence(code: int, status: str, text: str, match: Match | None) -> tuple[str, ...]:
    codes = f"{code} {status}".strip() if code else status
    words = _as_written(text, match.words) if match else ""
    return tuple(part for part in (codes, words) if part)


def _as_written(text: str, words: str) -> str:
    """Return the stretch of the text that holds the words matched, as it was written if that can be found."""
    first, _, rest = words.partition(" ")
    last = rest.rpartition(" ")[2] or first
    low = text.lower()
    start = low.find(first)
    end = low.find(last, start) if start >= 0 else -1
    if end < 0 or end - start > 200 or len(low) != len(text):
        return words
    return " ".join(text[start : end + len(last)].split())
