"""Tell notices of mail systems, automatic answers and people's mail apart, by signs that are weighed against each other.

The words are in `tables/notices.tsv`, the signs in `tables/signs.tsv`. A mail counts as a notice only if several signs
agree: people quote bounces, and machines write of full disks.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from aftersend.mail.returned import Mail, decoded_header
from aftersend.policy.diagnosis.phrases import Match, notices, phrases, strongest
from aftersend.policy.diagnosis.prose import addresses
from aftersend.policy.diagnosis.readings import without_lines_about
from aftersend.policy.diagnosis.tables import uses
from aftersend.policy.diagnosis.words import any_of, flatten

_HEADERS = frozenset(
    {
        "from", "to", "subject", "sender", "return-path", "reply-to", "x-failed-recipients", "auto-submitted", "precedence",
        "in-reply-to",
    }
)  # fmt: skip
_OPENING = 500
"""Characters within which a notice says what it is."""
_CLEAR, _DECISIVE = 9, 10
_ENOUGH = 6
"""So many signs make a notice; its words alone give three, and so do those of its subject."""
_CERTAIN = 8
"""Signs so many, before the body is read, that no word in it makes the mail anything but a notice."""
_BY_MACHINE, _PLAIN = 5, 7
"""Signs of a mail system's own mail, and what its words must weigh there, to be a notice by the cause that they give."""
_BOUNCED = frozenset({"failed", "delayed"})
_TELLING = frozenset({"invalid_recipient", "bad_domain", "mailbox_full"})
_WRITTEN = frozenset({"text/plain", "text/html"})
_PARTIES = ("from", "to", "reply-to", "sender")
_ANSWERING = re.compile(r"\s*(?:re|fwd?|aw|wg|tr|rv|sv|antw)\s*:", re.IGNORECASE)
_QUOTED = re.compile(r"\n[ \t]*>.*")
_REPLY_LINE = re.compile(r"[45](?<![\d.].)\d\d[ -]{1,3}(?:[45]\.\d+\.\d+|[A-Za-z<#\"])")


@cache
def headers_read() -> frozenset[str]:
    """Return the header fields of a mail by which it is told what it is, all others being left unread."""
    return _HEADERS.union(*(_names(use) for use in ("answer", "list", "complaint")))


def is_from_daemon(mail: Mail) -> bool:
    """Say whether the mail claims to come from a mail system: by its author, or by the empty return path."""
    return _is_daemon(mail) or _is_null(mail)


def kind_of(mail: Mail, words: str) -> str:
    """Return failed, delayed, autoreply, challenge or other for a mail without a report for machines."""
    subject = decoded_header(mail.headers.get("subject", ""))
    by_subject = _said_in_subject(subject)
    subject_says = by_subject.reason if by_subject else ""
    if subject_says == "other":
        return "other"
    is_clear = by_subject is not None and by_subject.weight >= _CLEAR
    is_daemon = _is_daemon(mail)
    of_machine = _signs_of_notice(mail, is_daemon)
    signs = of_machine - 2 * (not is_clear and bool(_ANSWERING.match(subject)))
    signs += 3 * (subject_says in _BOUNCED)
    by_body = None
    if is_daemon or signs >= _ENOUGH - 5 or subject_says or _is_answer(mail):
        opening = words[:_OPENING]
        if ">" in opening:
            opening = _QUOTED.sub("\n", "\n" + opening)
        by_body = _said_in_opening(flatten(without_lines_about(opening, opening.lower()))[0])
    body_says = by_body.reason if by_body else ""
    if by_body and by_body.weight >= _DECISIVE and body_says == "other" and signs < _CERTAIN:
        return "other"
    signs += 3 * (body_says in _BOUNCED)
    if signs < _ENOUGH and _REPLY_LINE.search(words, 0, 2 * _OPENING):
        signs += 4 if is_daemon else 2
    is_said = signs >= _ENOUGH and (subject_says in _BOUNCED or body_says in _BOUNCED)
    if is_said and (of_machine > 0 or _shows_something(mail, words)):
        return _outcome(subject_says, body_says)
    is_silent = not subject_says and not body_says
    if is_silent and of_machine >= _BY_MACHINE and _gives_cause(words) and _shows_something(mail, words):
        return "failed"
    if subject_says == "autoreply" and not is_clear and body_says != "autoreply" and not _is_by_machine(mail):
        subject_says = ""
    return _answer(mail, subject_says, body_says)


@lru_cache(maxsize=1024)
def _said_in_subject(subject: str) -> Match | None:
    """Return what a subject says of the kind of mail; remembered, because notices share few subjects."""
    return strongest(notices(), flatten(subject)[0], ("subject",))


@lru_cache(maxsize=1024)
def _said_in_opening(flat: str) -> Match | None:
    """Return what the flattened opening of a body says of the kind of mail; remembered, because systems repeat themselves."""
    return strongest(notices(), flat, ("body",))


def forget() -> None:
    """Forget the subjects and openings already read."""
    _said_in_subject.cache_clear()
    _said_in_opening.cache_clear()


def _signs_of_notice(mail: Mail, is_daemon: bool) -> int:
    headers = mail.headers
    signs = 5 * ("x-failed-recipients" in headers)
    signs += 3 * is_daemon
    signs += 2 * _is_null(mail)
    if mail.media == "multipart/report":
        signs += 2 + 2 * (mail.parameters.get("report-type", "").lower() == "delivery-status")
    signs += 2 * ("message/rfc822" in [part.media for part in mail.parts])
    is_of_list = not _names("list").isdisjoint(headers)
    is_response = "in-reply-to" in headers and "x-failed-recipients" not in headers
    signs -= 2 * (not is_daemon and is_of_list) + 2 * is_response + 2 * (is_of_list and is_response)
    signs -= 2 * (not _names("answer").isdisjoint(headers))
    return signs


def _gives_cause(words: str) -> bool:
    """Say whether the words of a mail system, which say in no known way that mail did not arrive, give plainly a cause that
    nothing but a notice gives: mail systems write of spam, locked accounts and maintenance in other mail as well."""
    cause = strongest(phrases(), flatten(words[:_OPENING])[0], ("5",), above=_PLAIN - 1)
    return cause is not None and cause.reason in _TELLING


def _shows_something(mail: Mail, words: str) -> bool:
    """Say whether a notice shows what it speaks of: a recipient, a reply, the message. People only tell of their trouble,
    and name themselves and whom they write to."""
    if any(part.media not in _WRITTEN for part in mail.parts) or _REPLY_LINE.search(words):
        return True
    own = {_domain(one) for name in _PARTIES for one in addresses(mail.headers.get(name, ""))}
    return not all(any(_is_of(_domain(one), known) for known in own) for one in addresses(words))


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _is_of(domain: str, other: str) -> bool:
    """Say whether one domain is the other, or lies in it, or holds it."""
    return domain == other or domain.endswith(f".{other}") or other.endswith(f".{domain}")


def _outcome(subject_says: str, body_says: str) -> str:
    """A subject that speaks of delay decides; else the body: "gave up" beats what it quotes of earlier tries."""
    if subject_says == "delayed":
        return "delayed"
    return body_says if body_says in _BOUNCED else subject_says


def _answer(mail: Mail, subject_says: str, body_says: str) -> str:
    is_answer = _is_answer(mail)
    if "challenge" in (subject_says, body_says) and (subject_says == "challenge" or is_answer):
        return "challenge"
    return "autoreply" if is_answer or subject_says == "autoreply" else "other"


def _is_answer(mail: Mail) -> bool:
    """Say whether the mail calls itself an automatic answer (RFC 3834 and what came before it)."""
    headers = mail.headers
    return (
        headers.get("auto-submitted", "").lower().startswith("auto-replied")
        or not _names("answer").isdisjoint(headers)
        or headers.get("precedence", "").lower().strip() in _names("precedence")
    )


def _is_by_machine(mail: Mail) -> bool:
    return _is_null(mail) or mail.headers.get("precedence", "").lower().strip() in ("bulk", "junk")


@cache
def _names(use: str) -> frozenset[str]:
    return frozenset(uses("signs.tsv", "|")[use])


@cache
def _daemon() -> re.Pattern[str]:
    return re.compile(any_of(_names("author")))


def _is_daemon(mail: Mail) -> bool:
    author = f"{decoded_header(mail.headers.get('from', ''))} {mail.headers.get('sender', '')}"
    return bool(_daemon().search(author.lower()))


def _is_null(mail: Mail) -> bool:
    path = mail.headers.get("return-path")
    author = mail.headers.get("from")
    return (path is not None and path.strip() in ("<>", "")) or (author is not None and author.strip() in ("<>", ""))
