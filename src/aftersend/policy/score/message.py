"""Score one message: read it once, ask every check, add up."""

from __future__ import annotations

from collections.abc import Sequence

from aftersend.policy.score import authentication, duties, filters, form, personal, structure
from aftersend.policy.score.facts import Authentication, Surroundings
from aftersend.policy.score.finding import AUTHENTICATION, DUTIES, FILTERS, Found, Score, total
from aftersend.policy.score.providers import FREEMAIL
from aftersend.policy.score.rules import RULES
from aftersend.policy.score.sample import Sample, read

NO_DNS = "The DNS was not asked."
NO_FILTER = "No spam filter is set up (settings engines.rspamd, engines.spamassassin)."
NOT_BULK = "The mail is transactional: the duties of bulk mail do not hold."


def score(raw: bytes, around: Surroundings) -> Score:
    """Score a message, whole as it would be submitted. Never raises, whatever the bytes."""
    return score_sample(read(raw), around)


def score_sample(sample: Sample, around: Surroundings, more: Sequence[Found] = ()) -> Score:
    """Score a message that was read already; `more` was found by whoever could ask others about it."""
    found: list[Found] = list(more)
    unmeasured: dict[str, str] = {}
    unknown: list[str] = []
    known = around.authentication
    if known is None and sample.domain in FREEMAIL:
        known = Authentication(unknown=(NO_DNS,))  # that it fails needs no question
    if known is None:
        unmeasured[AUTHENTICATION.name] = NO_DNS
    else:
        found += authentication.check(sample, known)
        unknown += known.unknown
    if around.sending.is_broadcast:
        found += duties.check(sample)
    else:
        unmeasured[DUTIES.name] = NOT_BULK
    found += filters.check(around.heard, sample.text or sample.seen)
    if not around.heard and not any(each.id == "gtube" for each in found):
        unmeasured[FILTERS.name] = " ".join(around.absent) or NO_FILTER
    elif around.heard:
        unknown += around.absent
    found += structure.check(sample, around.sending)
    found += form.check(sample, around.sending)
    found += personal.check(sample, around.sending)
    return total(found, RULES, unmeasured=unmeasured, unknown=unknown)
