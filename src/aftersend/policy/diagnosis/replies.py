"""Turn an SMTP reply, or a text that quotes one, into a Diagnosis.

Knows nothing of retries: what to do about a diagnosis is the business of suppression and of retry.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from aftersend.ledger.reasons import Reason
from aftersend.policy.diagnosis.codes import Meaning, codes, of_status, status_within
from aftersend.policy.diagnosis.findings import Action, Diagnosis, finding
from aftersend.policy.diagnosis.phrases import Match, notices, phrases
from aftersend.policy.diagnosis.readings import BARE_CODE, WEAK, Reading, parted, read_reply, readings
from aftersend.policy.diagnosis.words import ADDRESS_WORD, BREAK, IP_WORD, NOT, TEXT_LIMIT, plain, words_of

_WORDS_BACK = 6
"""So many words before another its negation is looked for."""
_STANDS = frozenset({ADDRESS_WORD, IP_WORD, BREAK})
"""Words that stand for something else in what is compared; nobody wrote them."""
_REST_OF_WORD = re.compile(r"(?:[\w-]|\.(?=\w)){1,60}")
_WAIT = re.compile(r"\b(\d{1,5}) ?(s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b")
_CLOCK = re.compile(r"\b(\d\d):(\d\d):(\d\d)\b")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_WAIT_S = 7 * 86_400

_OF_ADDRESS = frozenset(
    {
        Reason.INVALID_RECIPIENT,
        Reason.BAD_DOMAIN,
        Reason.ADDRESS_ERROR,
        Reason.CLOSED_ACCOUNT,
        Reason.GENERAL_HARD_BOUNCE,
        Reason.MAILBOX_FULL,
        Reason.ACCOUNT_INACTIVE,
    }
)
_BEFORE_RECIPIENT = frozenset({"CONNECT", "BANNER", "EHLO", "HELO", "LHLO", "STARTTLS", "AUTH", "MAIL"})
"""Commands whose refusal cannot be about the recipient, because it has not been named yet."""
_AFTER_RECIPIENT = frozenset({"DATA", "BDAT", "DOT", "."})
_ACTIONS = {2: Action.DELIVERED, 4: Action.DELAYED}


class ReplyLike(Protocol):
    """What is read of an SMTP reply: the code, the enhanced status or "", the text without codes."""

    @property
    def code(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def text(self) -> str: ...


def load_tables() -> None:
    """Read and compile the tables now, which takes a fifth of a second, so that the first reply does not wait for it."""
    codes()
    phrases()
    notices()


def diagnose_reply(reply: ReplyLike, *, command: str | None = None) -> Diagnosis:
    """Say what a live reply means; `command` names what it answers (CONNECT, EHLO, MAIL, RCPT, DATA, DOT …).

    4yz is delayed, 5yz failed, 2yz delivered. Never raises, whatever the text; linear in its size, and bounded.
    """
    return _diagnose(reply.code, reply.status, reply.text, command)


def diagnose_text(text: str, *, command: str | None = None, action: Action | None = None) -> Diagnosis:
    """Say what a text means that quotes a reply, or none: "550 5.1.1 no such user", "mailbox full".

    `action` is what a report says about the outcome; without it the code decides, and a text without one has failed.
    """
    code, status, said = parted(text[: 2 * TEXT_LIMIT])
    return _diagnose(code, status, said, command, action)


def diagnose_words(
    words: str,
    beside: Callable[[], str],
    *,
    action: Action,
    status: str = "",
    subject: str = "",
    recipients: tuple[str, ...] = (),
    is_named: bool = False,
) -> Diagnosis:
    """Say what a report means: the diagnostic `words` of a machine, or the notice `beside` it, in that order of trust.

    A reply that the words quote counts before the words around it, these before the report's own `status`, and the
    subject of the notice only where nothing else speaks. `is_named`: the notice itself names the recipient, so that a
    failure without a cause is at least a lasting one of that address.
    """
    if action is Action.DELIVERED:
        return finding(action, Reason.DELIVERED, status=status, recipients=recipients)
    best: Reading | None = None
    most = -1
    for source in (words, beside, subject):
        if most > BARE_CODE:
            break
        for reading in readings(source if isinstance(source, str) else source(), is_delayed=action is Action.DELAYED):
            weight = reading.meant.weight
            if weight > most:
                best, most = reading, weight
            if reading.is_quoted and weight > BARE_CODE:
                break
    best = best or Reading(0, "", "", None, Meaning(Reason.GENERAL_ERROR, None, 0), "", False)
    is_certain = best.is_quoted and best.meant.weight > BARE_CODE
    by_status = of_status(status) if status and not is_certain else None
    if by_status is not None and by_status.weight > best.meant.weight:
        best = best._replace(status=status, match=None, meant=by_status, command="")
    if best.meant.weight <= BARE_CODE and not best.code and action is Action.DELAYED:
        best = best._replace(meant=Meaning(Reason.NETWORK_ERROR, "waiting", 0))
    elif best.meant.weight == 0 and is_named:
        best = best._replace(meant=Meaning(Reason.GENERAL_HARD_BOUNCE, None, 0))
    return _found(best, best.status or status, action, recipients)


def _diagnose(code: int, status: str, text: str, command: str | None, action: Action | None = None) -> Diagnosis:
    text = text[: 2 * TEXT_LIMIT]
    status = status or status_within(text)
    if action is None:
        action = _ACTIONS.get(code // 100 or int(status[:1] or 5), Action.FAILED)
    if action is Action.DELIVERED:
        return finding(action, Reason.DELIVERED, status=status, evidence=_evidence(code, status, text, None))
    verb = command.upper().partition(" ")[0] if command else ""
    return _found(read_reply(code, status, text, command=verb, is_delayed=action is Action.DELAYED), status, action, ())


def _found(reading: Reading, status: str, action: Action, recipients: tuple[str, ...]) -> Diagnosis:
    """Turn a reading into a Diagnosis. What was refused before the recipient was named cannot be the recipient's fault."""
    reason, detail, weight = reading.meant
    if reading.command in _BEFORE_RECIPIENT and reason in _OF_ADDRESS:
        reason, detail = ("server_busy", None) if action is Action.DELAYED else ("policy_blocked", "sender_refused")
    is_weak = (
        weight <= WEAK
        or reading.command in _AFTER_RECIPIENT
        or status[:1] == "4"
        or reading.code // 100 == 4
        or (reading.match is not None and "denied" in reading.match.words)
    )
    return finding(
        action,
        reason,
        detail,
        status=status,
        recipients=recipients,
        evidence=_evidence(reading.code, status, reading.text, reading.match),
        is_weak=is_weak,
        retry_after_s=_wait(reading.text) if action is Action.DELAYED else None,
    )


def _wait(text: str) -> int | None:
    """Return the seconds that the text asks us to wait ("in 5 minutes", "00:04:59"), at most a week."""
    if found := _WAIT.search(text.lower()):
        return min(int(found[1]) * _SECONDS[found[2][0]], _LONGEST_WAIT_S)
    if found := _CLOCK.search(text):
        return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
    return None


def _evidence(code: int, status: str, text: str, match: Match | None) -> tuple[str, ...]:
    codes = f"{code} {status}" if code and status else str(code) if code else status
    if match is None:
        return (codes,) if codes else ()
    words = _as_written(text, match.words)
    return (codes, words) if codes else (words,)


def _as_written(text: str, matched: str) -> str:
    """Return the stretch of the text that holds the words matched, as it was written if that can be found.

    What stands for an address or a sentence's end before and behind them is left out: nobody wrote that.
    """
    words = matched.split(" ")
    while len(words) > 1 and words[0] in _STANDS:
        del words[0]
    while len(words) > 1 and words[-1] in _STANDS:
        del words[-1]
    return _found_in(text, words) or " ".join("…" if word in _STANDS else word for word in words)


def _found_in(text: str, words: list[str]) -> str:
    """Return the stretch of the text from the first to the last of the words matched, whole words; "" if it cannot be found."""
    first, last = words[0], words[-1]
    low = plain(text.lower())
    start = low.find(first)
    if start < 0 and first == NOT and len(words) > 1:
        start = _start_of_negation(low, words[1])
    end = low.find(last, start) if start >= 0 else -1
    end = end + len(last) if end >= 0 else _end_of_negation(low, start, words[1:]) if last == NOT and start >= 0 else -1
    if end < 0 or end - start > 200 or len(low) != len(text):
        return ""
    rest_of_word = _REST_OF_WORD.match(text, end)
    return " ".join(text[start : rest_of_word.end() if rest_of_word else end].split())


def _start_of_negation(low: str, following: str) -> int:
    """Return where the word begins that says "not" in whatever way and language (couldn't, nicht) before the one that follows."""
    before = low[: max(low.find(following), 0)]
    for word in reversed(before.split()[-_WORDS_BACK:]):
        if words_of(word) == NOT:
            return before.rindex(word)
    return -1


def _end_of_negation(low: str, start: int, words: list[str]) -> int:
    """Return where the word ends that says "not" in whatever language behind the words before it (n'existe pas)."""
    before = words[-2] if len(words) > 1 else ""
    at = low.find(before, start)
    following = low[at + len(before) :].split(maxsplit=1)[:1] if at >= 0 and before else []
    if not following or words_of(following[0].rstrip(".,;!")) != NOT:
        return -1
    return low.index(following[0], at + len(before)) + len(following[0].rstrip(".,;!"))
