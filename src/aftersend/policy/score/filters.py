"""Turn what spam filters say into points, and their rules into advice where a rule is worth one.

Filters add rules that come and go with one more link, and some that punish what receivers demand. Such noise costs points
only through the filter's whole score, and is never shown as advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from aftersend.policy.score.facts import Heard
from aftersend.policy.score.finding import Found

_CURVES = {
    "spamassassin": ((1.0, 0.0), (3.0, 5.0), (5.0, 12.0), (8.0, 20.0)),
    "rspamd": ((2.0, 0.0), (4.0, 5.0), (6.0, 12.0), (10.0, 20.0)),
}
"""(score of the filter, points lost), linear between: for thresholds of 5 and 6."""
OTHERS = _CURVES["spamassassin"]
AGREE = 2.0
"""So much is given back when two filters were asked: the larger loss of two is larger by chance alone."""
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
_IS_GTUBE = ("GTUBE",)

ADVICE = {
    "HTML_IMAGE_ONLY": "Write more text beside the images.",
    "HTML_IMAGE_RATIO": "Write more text beside the images.",
    "MIME_HTML_ONLY": "Add a text/plain part.",
    "R_PARTS_DIFFER": "Make the text part from the HTML.",
    "MPART_ALT_DIFF": "Make the text part from the HTML.",
    "SUBJ_ALL_CAPS": "Write the subject as a sentence.",
    "SUBJECT_NEEDS_ENCODING": "Encode the subject.",
    "HTML_SHORT_LINK_IMG": "Write more text beside the image that is a link.",
    "URI_TRY": "Leave out links with “try” in their host name.",
    "HTML_FONT_LOW_CONTRAST": "Use a colour with more contrast.",
    "HTML_FONT_SIZE_LARGE": "Use a smaller font.",
    "ZERO_FONT": "Take text of size zero out; filters take it for hidden.",
    "MONEY": "Filters count large sums of money in the text.",
    "BODY_8BITS": "Write the body in quoted-printable or base64.",
    "PHISHING": "A link shows another domain than it leads to.",
    "HTTP_TO_IP": "Link to hosts by their names.",
    "NUMERIC_HTTP_ADDR": "Link to hosts by their names.",
    "NORMAL_HTTP_TO_IP": "Link to hosts by their names.",
    "URL_SHORTENER": "Link to the page itself, not through a shortener.",
    "REDIRECTOR_URL": "Link to the page itself.",
    "MISSING_MIMEOLE": "",
    "DATE_IN_": "Leave Date out; it is written when the mail is sent.",
    "INVALID_DATE": "Leave Date out; it is written when the mail is sent.",
    "FORGED_": "Write From your own address, and let the mail program be named truly.",
    "BAYES_SPAM": "Mail like this was called spam by moderators of this installation.",
    "BAYES_9": "Mail like this was called spam by moderators of this installation.",
    "MIME_BAD_ATTACHMENT": "Take the attached file off.",
    "EXE_IN": "Take the program out of the archive.",
}
"""Beginnings of names of rules, of both filters, that tell an author something to do."""


def check(heard: Sequence[Heard], seen: str) -> Iterator[Found]:
    """Yield what the filters think of the message, as one finding."""
    if GTUBE in seen or any(name.startswith(_IS_GTUBE) for each in heard for name, _, _ in each.symbols):
        yield Found("gtube")
        return
    losses = sorted(((_loss(each), each) for each in heard), key=lambda pair: -pair[0])
    if not losses:
        return
    points, worst = losses[0]
    points = max(0.0, points - AGREE) if len(losses) > 1 else points
    if points <= 0:
        return
    kind = "filters-reject" if worst.score >= worst.threshold else "filters-suspect"
    evidence = f"{worst.name} gives {worst.score:g} points; it takes mail for spam from {worst.threshold:g} on"
    fixes = list(dict.fromkeys(advice for name, weight, _ in worst.symbols if weight > 0 and (advice := advised(name))))
    yield Found(kind, evidence, fix=" ".join(fixes[:3]), points=round(points, 1))


def advised(name: str) -> str:
    """Return what an author can do about a filter's rule; empty for rules that tell nothing."""
    return next((advice for start, advice in ADVICE.items() if name.startswith(start)), "")


def _loss(heard: Heard) -> float:
    curve = _CURVES.get(heard.name, OTHERS)
    if heard.score <= curve[0][0]:
        return 0.0
    for (left, low), (right, high) in pairwise(curve):
        if heard.score <= right:
            return low + (high - low) * (heard.score - left) / (right - left)
    return curve[-1][1]
