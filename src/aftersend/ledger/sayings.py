"""Own what is said of each fact when no reason says it better: in the headline, as later news, why, who must act."""

from __future__ import annotations

from dataclasses import dataclass

from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Actor


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said of a fact."""

    short: str
    """A few words behind the headline's word; "" where the word says it all."""
    news: str
    """How it reads as news beside the headline: "later …"."""
    why: str
    who_must_act: Actor
    advice: str


_NONE = "Nothing needs to be done."
_A, _S = Actor, Saying

SAYINGS: dict[Fact, Saying] = {
    Fact.RECEIVED: _S("about to be checked", "received",
        "We have taken it and are about to check it.", _A.NOBODY, _NONE),
    Fact.REFUSED: _S("refused when it came in", "refused", "We did not take it; the error message said what to mend.",
        _A.YOUR_CONTENT, "Mend what the error message named, then send it again."),
    Fact.SCHEDULED: _S("planned for later", "planned for later", "It is planned for a later time.", _A.NOBODY, _NONE),
    Fact.MODERATION_PENDING: _S("waiting for a moderator", "kept for a moderator",
        "A person has to check it against the anti-spam rules first.", _A.US, "Nothing needs to be done but wait."),
    Fact.QUARANTINED: _S("held back by a moderator", "held back by a moderator",
        "The person who checked it said no.", _A.YOUR_CONTENT,
        "Read the anti-spam rules, mend the message and send it again, or ask us to look once more."),
    Fact.MODERATION_ACCEPTED: _S("accepted by a moderator", "accepted by a moderator",
        "The person who checked it said yes.", _A.NOBODY, _NONE),
    Fact.DEPLETED: _S("no credits left", "held back, as there were no credits left",
        "There were no credits left to send it.", _A.YOUR_ACCOUNT, "Top up or renew; then it goes on by itself."),
    Fact.THROTTLED: _S("held back for a while", "held back for a while",
        "We hold it back for a while, so that not too much goes out at once.", _A.NOBODY, _NONE),
    Fact.HELD_AT_SENDING: _S("held back for a while", "held back for a while",
        "It is ready and waits for its turn: only so much may leave from here at a time.", _A.NOBODY, _NONE),
    Fact.TREATED: _S("about to be delivered", "passed by our checks",
        "It has passed all our checks and is about to be delivered.", _A.NOBODY, _NONE),
    Fact.NOT_SELECTED: _S("", "left out, for want of an address",
        "The recipient has no email address for this type of broadcast.", _A.RECIPIENT_ADDRESS,
        "Add an address for this type of broadcast to the recipient's entry."),
    Fact.DUPLICATE: _S("", "left out as a duplicate",
        "The address was already in the same broadcast; it gets one copy only.", _A.NOBODY, _NONE),
    Fact.SUPPRESSED: _S("address no longer written to", "stopped, as the address is no longer written to",
        "Earlier mail taught us not to write to this address.", _A.RECIPIENT_ADDRESS,
        "Ask the recipient for another address, or for their consent; the list shows what happened when."),
    Fact.BLOCKLISTED: _S("on your block list", "stopped by your block list",
        "The address is on a list of addresses that people here chose not to mail.", _A.YOUR_ACCOUNT,
        "Take the address off the block list if it should get mail."),
    Fact.MALFORMED: _S("cannot be sent as it is", "found to be unfit for sending",
        "The message cannot be sent as it is: something in its form or contents is missing or wrong.", _A.YOUR_CONTENT,
        "Mend the message, then send it again."),
    Fact.INVALID_ADDRESS: _S("impossible address", "found to have an impossible address",
        "No email can ever reach this address.", _A.RECIPIENT_ADDRESS,
        "Check the spelling, or ask the recipient for the right address."),
    Fact.CANCELLED: _S("cancelled", "cancelled", "A person stopped it.", _A.NOBODY, _NONE),
    Fact.EXPIRED: _S("waited too long", "given up, as it had waited too long",
        "It waited longer than allowed and was not sent.", _A.YOUR_ACCOUNT, "Send it again if it still matters."),
    Fact.DEFERRED: _S("not taken yet", "put off",
        "The recipient's server could not take it yet.", _A.THEIR_SERVER, "Nothing needs to be done; we try again."),
    Fact.RELAYED: _S("no confirmation yet", "handed to the mail relay",
        "We handed it to the mail relay, which has not told us yet what became of it.", _A.NOBODY, _NONE),
    Fact.DELAYED: _S("still being tried on the way", "reported as delayed",
        "A server on the way could not deliver it yet and is still trying.", _A.THEIR_SERVER,
        "Nothing needs to be done; it is still being tried."),
    Fact.UNCERTAIN: _S("it may have arrived", "cut off at the last moment, so that a copy may have arrived",
        "The connection broke at the last moment; it may have arrived and it may not.", _A.NOBODY,
        "Nothing needs to be done. If it is important, ask the recipient."),
    Fact.GAVE_UP: _S("not delivered in the time allowed", "given up",
        "It could not be delivered in the time allowed.", _A.THEIR_SERVER,
        "Send it again later, or tell the recipient in another way."),
    Fact.BOUNCED: _S("returned", "returned", "It was sent back for good.", _A.THEIR_SERVER,
        "If it happens again, ask the recipient in another way."),
    Fact.BOUNCED_INVALID: _S("the address does not work", "returned",
        "It was sent back for good, because the address does not work.", _A.RECIPIENT_ADDRESS,
        "Check the spelling, or ask the recipient for the right address."),
    Fact.REJECTED_AS_SPAM: _S("taken for spam", "turned away as spam",
        "It was turned away, as spam or because of the sender's reputation.", _A.YOUR_CONTENT,
        "Look at the wording, the links and the attachments; the Email Quality Score shows where."),
    Fact.DELIVERED: _S("", "confirmed as delivered",
        "The recipient's server confirmed that it has taken it.", _A.NOBODY, _NONE),
    Fact.OPENED_BY_MACHINE: _S("fetched by a program", "fetched by a program",
        "A program such as a virus scanner fetched it.", _A.NOBODY, _NONE),
    Fact.CLICKED_BY_MACHINE: _S("links followed by a program", "its links followed by a program",
        "A program such as a virus scanner followed its links.", _A.NOBODY, _NONE),
    Fact.OPENED: _S("", "opened", "The recipient opened it.", _A.NOBODY, _NONE),
    Fact.READ: _S("read", "read", "The recipient kept it open for more than five seconds.", _A.NOBODY, _NONE),
    Fact.CLICKED: _S("a link followed", "a link followed", "The recipient followed a link in it.", _A.NOBODY, _NONE),
    Fact.UNSUBSCRIBED: _S("unsubscribed", "unsubscribed",
        "The recipient asked not to get such mail any more.", _A.NOBODY, "Send no more such mail to this address."),
    Fact.COMPLAINED: _S("reported as spam", "reported as spam",
        "The recipient reported it as spam.", _A.YOUR_CONTENT,
        "Send nothing more to this address, and check how it came onto your list."),
    Fact.AUTO_REPLIED: _S("automatic answer", "answered automatically",
        "An automatic answer came back, such as an out-of-office note.", _A.NOBODY,
        "Read the answer: it may name somebody else to write to."),
    Fact.THIRD_SOFT_BOUNCE: _S("one of several in a row that came back", "one of several in a row that came back",
        "Several emails in a row to this address came back, with no delivery between them.", _A.RECIPIENT_ADDRESS,
        "Ask the recipient in another way whether they still use this address."),
}  # fmt: skip
"""Covers every fact."""

CAUSES: dict[tuple[Fact, str], tuple[str, str]] = {
    (Fact.SUPPRESSED, "bounced"): (
        "earlier mail came back",
        "Earlier mail to this address came back, because the address does not work.",
    ),
    (Fact.SUPPRESSED, "unsubscribed"): ("unsubscribed", "The recipient asked not to get such mail any more."),
    (Fact.SUPPRESSED, "complained"): ("complained before", "The recipient reported earlier mail as spam."),
    (Fact.SUPPRESSED, "soft_bounces"): (
        "came back several times in a row",
        "Earlier mail to this address could not be delivered several times in a row.",
    ),
}
"""Why an address is suppressed, in short and in a sentence, by the cause that the list gives: the event's detail, or
`cause` in its evidence."""
