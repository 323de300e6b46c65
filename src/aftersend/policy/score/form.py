"""Check the form: what RFC 5322 and MIME demand, and what a subject should not look like."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aftersend.mail import dates
from aftersend.policy.score.facts import Sending
from aftersend.policy.score.finding import Found
from aftersend.policy.score.sample import Sample, shown
from aftersend.policy.score.structure import site_of

SUBJECT_LONG = 150
DAY_S = 86_400
_REPLY = re.compile(r"\s*(?:re|aw|fwd?|wg|sv|rv|tr|antw)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)


def check(sample: Sample, sending: Sending) -> Iterator[Found]:
    """Yield what is wrong with the form."""
    if sample.trouble:
        yield Found("unreadable", sample.trouble)
    if not sample.sender:
        said = sample.value("from")
        yield Found("no-from", f"From: {shown(said)}" if said else "There is no From", "From")
    if sample.long_line:
        yield Found("long-line", f"{sample.long_line:,} octets")
    if sample.has_bare_newline:
        yield Found("bare-newline")
    if sample.repeated:
        yield Found("repeated-field", ", ".join(name.title() for name in sample.repeated), sample.repeated[0].title())
    if sample.raw_fields:
        yield Found("raw-header", ", ".join(name.title() for name in sample.raw_fields), sample.raw_fields[0].title())
    if sample.undecodable:
        yield Found("bad-encoding", ", ".join(sample.undecodable))
    yield from _subject(sample)
    yield from _identity(sample, sending)


def _subject(sample: Sample) -> Iterator[Found]:
    subject = sample.subject.strip()
    if not subject:
        yield Found("no-subject", "", "Subject")
        return
    if len(subject.encode()) > SUBJECT_LONG:
        yield Found("long-subject", f"{len(subject.encode())} bytes", "Subject")
    letters = [letter for letter in subject if letter.isalpha()]
    if len(letters) >= 8 and subject.upper() == subject and subject.lower() != subject:
        yield Found("capital-subject", shown(subject), "Subject")
    if _REPLY.match(subject) and not sample.has("references") and not sample.has("in-reply-to"):
        yield Found("false-reply", shown(subject), "Subject")


def _identity(sample: Sample, sending: Sending) -> Iterator[Found]:
    if sending.now_s is not None and sample.has("date"):
        said = sample.value("date")
        try:
            off_s = abs(dates.read(said) // dates.SECOND - sending.now_s)
        except ValueError:
            yield Found("wrong-date", f"Date: {shown(said)}", "Date")
        else:
            if off_s > DAY_S:
                yield Found("wrong-date", f"Date: {shown(said)}, {off_s // DAY_S} days off", "Date")
    domain = sample.value("message-id").strip().rstrip(">").rpartition("@")[2].lower()
    if domain and sample.domain:
        known = {site_of(each) for each in (sample.domain, *sending.our_domains)}
        if site_of(domain) not in known:
            yield Found("foreign-message-id", shown(sample.value("message-id")), "Message-ID")
