"""Own the reasons why mail fails: their categories, their words for customers, who must act, and what to advise.

A `Reason` is one of a closed list; a detail is a finer word beside it. Whether an address is suppressed and when to try
again is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class Category(StrEnum):
    """Whose trouble a bounce is. Only a fault of the address itself is hard."""

    HARD = "hard"
    SOFT = "soft"
    TECHNICAL = "technical"
    OTHER = "other"
    NONE = "none"

    @property
    def word(self) -> str:
        """The category as customers see it."""
        return self.value.capitalize()

    @property
    def meaning(self) -> str:
        """The category in plain words."""
        return _CATEGORY_MEANING[self]


_CATEGORY_MEANING = {
    Category.HARD: "The address itself is at fault: misspelt, never existed, or closed.",
    Category.SOFT: "The address exists, but this message could not be placed there: a full mailbox, for example.",
    Category.TECHNICAL: "The recipient's mail server had a problem: down, overloaded, or not to be reached.",
    Category.OTHER: "We know nothing more, because no information came back.",
    Category.NONE: "Not a bounce.",
}


class Actor(StrEnum):
    """Who has to do something about it."""

    RECIPIENT_ADDRESS = "recipient_address"
    THEIR_SERVER = "their_server"
    YOUR_CONTENT = "your_content"
    YOUR_DOMAIN = "your_domain"
    YOUR_ACCOUNT = "your_account"
    US = "us"
    NOBODY = "nobody"

    @property
    def words(self) -> str:
        """Who that is, in plain words."""
        return _ACTOR_WORDS[self]


_ACTOR_WORDS = {
    Actor.RECIPIENT_ADDRESS: "the recipient, or whoever knows their right address",
    Actor.THEIR_SERVER: "the recipient's mail provider",
    Actor.YOUR_CONTENT: "you: the message itself, or the list it went to",
    Actor.YOUR_DOMAIN: "you: the set-up of your sending domain",
    Actor.YOUR_ACCOUNT: "you: your account here",
    Actor.US: "us, who run this service",
    Actor.NOBODY: "nobody",
}


class Reason(StrEnum):
    """Why a message came back, was put off, or what else came in for it. Identifiers are stored and never change."""

    INVALID_RECIPIENT = "invalid_recipient"
    BAD_DOMAIN = "bad_domain"
    ADDRESS_ERROR = "address_error"
    CLOSED_ACCOUNT = "closed_account"
    GENERAL_HARD_BOUNCE = "general_hard_bounce"
    MAILBOX_FULL = "mailbox_full"
    ACCOUNT_INACTIVE = "account_inactive"
    DATA_FORMAT_ERROR = "data_format_error"
    SPAM_REJECTED = "spam_rejected"
    POLICY_BLOCKED = "policy_blocked"
    SERVER_BUSY = "server_busy"
    NETWORK_ERROR = "network_error"
    OTHER_RECEIVER_ERROR = "other_receiver_error"
    GENERAL_ERROR = "general_error"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    NOT_A_BOUNCE = "not_a_bounce"
    DELIVERED = "delivered"

    @property
    def category(self) -> Category:
        """Its category when nothing finer is known."""
        return MEANINGS[self].category


class Pair(Enum):
    """The category and the reason under which a bounce is counted (002). Three reasons occur in two categories."""

    category: Category
    reason: str

    def __init__(self, category: Category, reason: str) -> None:
        self.category = category
        self.reason = reason

    @property
    def word(self) -> str:
        """Both words in one, as counters and tables show them."""
        return f"{self.category.word}/{self.reason}"

    @property
    def words(self) -> tuple[str, str]:
        """The category's word and the reason's word."""
        return self.category.word, self.reason

    @property
    def meaning(self) -> str:
        """002's own sentence for the reason."""
        return SENTENCES[self.reason]

    GENERAL_HARD_BOUNCE = Category.HARD, "General hard bounce"
    INVALID_RECIPIENT = Category.HARD, "Invalid recipient"
    BAD_DOMAIN = Category.HARD, "Bad domain"
    ADDRESS_ERROR = Category.HARD, "Address error"
    CLOSED_ACCOUNT = Category.HARD, "Closed account"
    MAILBOX_FULL = Category.SOFT, "Mailbox is full"
    BUSY_FOR_MAILBOX = Category.SOFT, "Server is currently too busy"
    ACCOUNT_INACTIVE = Category.SOFT, "Account is inactive"
    GENERAL_ERROR = Category.SOFT, "General error"
    DATA_FORMAT_ERROR = Category.SOFT, "Data format error"
    NETWORK_FOR_MAILBOX = Category.SOFT, "Network error"
    RECEIVER_FOR_MAILBOX = Category.SOFT, "Other receiver error"
    SERVER_BUSY = Category.TECHNICAL, "Server is currently too busy"
    NETWORK_ERROR = Category.TECHNICAL, "Network error"
    OTHER_RECEIVER_ERROR = Category.TECHNICAL, "Other receiver error"
    NO_INFORMATION = Category.OTHER, "No information came back"


SENTENCES: dict[str, str] = {
    "General hard bounce": "Failed to deliver the message due to unspecified permanent error.",
    "Invalid recipient": "The email address is either misspelled, or does not exist.",
    "Bad domain": "The domain name is either misspelled, or does not exist.",
    "Address error": "The email address might contain invalid characters.",
    "Closed account": "The recipient's mailbox has been closed.",
    "Mailbox is full": "Recipient's mailbox is full or has exceeded storage allocation.",
    "Server is currently too busy": (
        "Unable to deliver the message to the recipient due to temporary error on receiving side."
    ),
    "Account is inactive": "The recipient's mailbox is inactive.",
    "General error": "Failed to deliver the message due to unspecified reasons.",
    "Data format error": "Format error somewhere in the data.",
    "Network error": "Unable to deliver the message due to a network related error.",
    "Other receiver error": "Failed to deliver the message due to unspecified reasons on receiving side.",
    "No information came back": "The recipient's server has not sent back any information.",
}
"""002's own sentence for each of its reasons."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason, or a detail of it, means to the sender."""

    reason: Reason
    pair: Pair | None
    """How 002 counts it; None for what is no bounce."""
    short: str
    """A few words, to stand behind a status: "mailbox full"."""
    why: str
    """One plain sentence."""
    who_must_act: Actor
    advice: str

    @property
    def category(self) -> Category:
        """Whose trouble it is; NONE for what is no bounce."""
        return self.pair.category if self.pair else Category.NONE


_ASK = "Check the spelling, or ask the recipient for the right address."
_WAIT = "Nothing needs to be done here. If it goes on for days, the recipient can tell their provider."
_NONE = "Nothing needs to be done."
_SPAM_ADVICE = "Look at the wording, the links and the attachments; the Email Quality Score shows where."
_RECORDS = "Check the records of your sending domain (SPF, DKIM, DMARC)."
_WAYS = "If it happens again, check the address, or ask the recipient in another way."
_R, _A, _P, _M = Reason, Actor, Pair, Meaning

MEANINGS: dict[Reason, Meaning] = {
    row.reason: row
    for row in (
        _M(_R.INVALID_RECIPIENT, _P.INVALID_RECIPIENT, "no such mailbox",
           "There is no mailbox with this address.", _A.RECIPIENT_ADDRESS, _ASK),
        _M(_R.BAD_DOMAIN, _P.BAD_DOMAIN, "no such mail domain",
           "The part of the address behind the @ does not exist or takes no email.", _A.RECIPIENT_ADDRESS, _ASK),
        _M(_R.ADDRESS_ERROR, _P.ADDRESS_ERROR, "impossible address",
           "The address contains something that no mail system accepts.", _A.RECIPIENT_ADDRESS, _ASK),
        _M(_R.CLOSED_ACCOUNT, _P.CLOSED_ACCOUNT, "mailbox closed",
           "The mailbox has been closed for good.", _A.RECIPIENT_ADDRESS,
           "Ask the recipient for a new address, or take this one off your lists."),
        _M(_R.GENERAL_HARD_BOUNCE, _P.GENERAL_HARD_BOUNCE, "refused without a cause",
           "The recipient's server refused it for good and did not say why.", _A.RECIPIENT_ADDRESS, _WAYS),
        _M(_R.MAILBOX_FULL, _P.MAILBOX_FULL, "mailbox full",
           "The recipient's mailbox is full.", _A.RECIPIENT_ADDRESS,
           "The recipient has to make room. If it is urgent, tell them in another way."),
        _M(_R.ACCOUNT_INACTIVE, _P.ACCOUNT_INACTIVE, "mailbox inactive",
           "The mailbox exists but is switched off at present.", _A.RECIPIENT_ADDRESS,
           "Ask the recipient in another way whether they still use this address."),
        _M(_R.DATA_FORMAT_ERROR, _P.DATA_FORMAT_ERROR, "form of the message not accepted",
           "The recipient's server did not accept the form of the message.", _A.YOUR_CONTENT,
           "Check how the message is made: headers, characters, attachments."),
        _M(_R.SPAM_REJECTED, _P.RECEIVER_FOR_MAILBOX, "taken for spam",
           "The recipient's server took the message for spam.", _A.YOUR_CONTENT, _SPAM_ADVICE),
        _M(_R.POLICY_BLOCKED, _P.RECEIVER_FOR_MAILBOX, "blocked by their rules",
           "The recipient's server has a rule against mail from your domain or from our servers.", _A.YOUR_DOMAIN,
           "Check your domain's set-up; if it is in order, ask the recipient's provider to let you through."),
        _M(_R.SERVER_BUSY, _P.SERVER_BUSY, "their server is busy",
           "The recipient's mail server was too busy to take it.", _A.THEIR_SERVER, _WAIT),
        _M(_R.NETWORK_ERROR, _P.NETWORK_ERROR, "no connection",
           "We could not get through to the recipient's mail server.", _A.THEIR_SERVER, _WAIT),
        _M(_R.OTHER_RECEIVER_ERROR, _P.OTHER_RECEIVER_ERROR, "fault at their server",
           "The recipient's mail server had a fault of its own.", _A.THEIR_SERVER, _WAIT),
        _M(_R.GENERAL_ERROR, _P.NO_INFORMATION, "no reason known",
           "It could not be delivered, and nothing came back that says why.", _A.THEIR_SERVER, _WAYS),
        _M(_R.COMPLAINT, None, "reported as spam",
           "The recipient reported it as spam.", _A.YOUR_CONTENT,
           "Send nothing more to this address, and check how it came onto your list."),
        _M(_R.AUTO_REPLY, None, "automatic answer",
           "An automatic answer came, such as an out-of-office note; the message has arrived.", _A.NOBODY,
           "Read the answer: it may name somebody else to write to."),
        _M(_R.NOT_A_BOUNCE, None, "other mail came back",
           "Something came back that is not about the delivery.", _A.NOBODY, _NONE),
        _M(_R.DELIVERED, None, "delivered",
           "The recipient's server confirmed that it has taken it.", _A.NOBODY, _NONE),
    )
}  # fmt: skip
"""The meaning of each reason when nothing finer is known."""

_FINER: tuple[tuple[str, Meaning], ...] = (
    ("no_reason_given", _M(_R.GENERAL_ERROR, _P.GENERAL_ERROR, "no reason given",
        "The recipient's server did not take it and gave no reason.", _A.THEIR_SERVER, _WAYS)),
    ("address_moved", _M(_R.CLOSED_ACCOUNT, _P.CLOSED_ACCOUNT, "recipient has moved",
        "The recipient has moved to another address, and mail is not sent on.", _A.RECIPIENT_ADDRESS,
        "Ask the recipient for the new address.")),
    ("owner_changed", _M(_R.CLOSED_ACCOUNT, _P.CLOSED_ACCOUNT, "address has a new owner",
        "The address now belongs to somebody else.", _A.RECIPIENT_ADDRESS,
        "Take this address off your lists and ask the recipient for a new one.")),
    ("null_mx", _M(_R.BAD_DOMAIN, _P.BAD_DOMAIN, "domain takes no mail",
        "The domain of the address declares that it takes no email at all.", _A.RECIPIENT_ADDRESS, _ASK)),
    ("no_such_domain", _M(_R.BAD_DOMAIN, _P.BAD_DOMAIN, "no such domain",
        "The part of the address behind the @ does not exist.", _A.RECIPIENT_ADDRESS, _ASK)),
    ("listed_elsewhere", _M(_R.GENERAL_HARD_BOUNCE, _P.GENERAL_HARD_BOUNCE, "on another service's list",
        "Another mail service on the way no longer writes to this address.", _A.RECIPIENT_ADDRESS,
        "Check the address with the recipient in another way.")),
    ("rejected_as_spam", _M(_R.SPAM_REJECTED, _P.RECEIVER_FOR_MAILBOX, "taken for spam",
        "The recipient's server took the message for spam.", _A.YOUR_CONTENT, _SPAM_ADVICE)),
    ("virus_found", _M(_R.SPAM_REJECTED, _P.RECEIVER_FOR_MAILBOX, "taken for a virus",
        "The recipient's server found something harmful in the message, or thought so.", _A.YOUR_CONTENT,
        "Check the attachments and links before you send it again.")),
    ("bad_link", _M(_R.SPAM_REJECTED, _P.RECEIVER_FOR_MAILBOX, "a link is on a block list",
        "A link in the message leads to a site that the recipient's server distrusts.", _A.YOUR_CONTENT,
        "Take the link out, or ask the site's owner to clear its name.")),
    ("blocked_by_policy", _M(_R.POLICY_BLOCKED, _P.RECEIVER_FOR_MAILBOX, "blocked by their rules",
        "The recipient's server has a rule against mail from your domain or from our servers.", _A.YOUR_DOMAIN,
        "Check your domain's set-up; if it is in order, ask the recipient's provider to let you through.")),
    ("bad_reputation", _M(_R.POLICY_BLOCKED, _P.RECEIVER_FOR_MAILBOX, "our server is distrusted there",
        "The recipient's server distrusts the server that we send from.", _A.US,
        "Whoever runs this service has to have its server taken off the block list.")),
    ("content_policy", _M(_R.POLICY_BLOCKED, _P.RECEIVER_FOR_MAILBOX, "contents not allowed there",
        "The recipient's server does not allow something that the message contains.", _A.YOUR_CONTENT,
        "Look at attachments and links: some kinds of file are often not allowed.")),
    ("authentication_failed", _M(_R.POLICY_BLOCKED, _P.GENERAL_ERROR, "proof of sender missing",
        "The recipient's server could not verify that the message comes from your domain.", _A.YOUR_DOMAIN, _RECORDS)),
    ("reverse_dns_missing", _M(_R.POLICY_BLOCKED, _P.GENERAL_ERROR, "our server's name is not in order",
        "The recipient's server wants a proper name for the server that we send from.", _A.US,
        "Whoever runs this service has to set the name of its address (reverse DNS).")),
    ("helo_rejected", _M(_R.POLICY_BLOCKED, _P.GENERAL_ERROR, "our server's name was refused",
        "The recipient's server does not accept the name that our server gives.", _A.US,
        "Whoever runs this service has to set its host name properly.")),
    ("encryption_required", _M(_R.POLICY_BLOCKED, _P.GENERAL_ERROR, "encryption required",
        "The recipient's server takes mail over an encrypted connection only.", _A.US,
        "Whoever runs this service has to allow encryption for this destination.")),
    ("sender_refused", _M(_R.POLICY_BLOCKED, _P.RECEIVER_FOR_MAILBOX, "your address was refused",
        "The recipient's server does not accept your sender address.", _A.YOUR_DOMAIN,
        "Check that your sender address exists and can take answers.")),
    ("recipient_refuses", _M(_R.POLICY_BLOCKED, _P.RECEIVER_FOR_MAILBOX, "takes mail from chosen senders only",
        "This mailbox or group accepts mail from chosen senders only.", _A.RECIPIENT_ADDRESS,
        "Ask the recipient to allow your address.")),
    ("relaying_denied", _M(_R.POLICY_BLOCKED, _P.RECEIVER_FOR_MAILBOX, "their server does not serve this domain",
        "The server named for this domain says that it does not take the domain's mail.", _A.THEIR_SERVER,
        "The owner of the recipient's domain has to correct its set-up.")),
    ("rate_limited", _M(_R.POLICY_BLOCKED, _P.BUSY_FOR_MAILBOX, "we were told to slow down",
        "The recipient's server thinks that too much mail came from us.", _A.US,
        "Nothing needs to be done; we slow down by ourselves.")),
    ("message_too_large", _M(_R.DATA_FORMAT_ERROR, _P.DATA_FORMAT_ERROR, "message too large",
        "The message is larger than the recipient's server accepts.", _A.YOUR_CONTENT,
        "Make it smaller: link to large files instead of attaching them.")),
    ("malformed_message", _M(_R.DATA_FORMAT_ERROR, _P.DATA_FORMAT_ERROR, "message not well formed",
        "The recipient's server found the message not to be well formed.", _A.YOUR_CONTENT,
        "Check how the message is made: headers, characters, attachments.")),
    ("protocol_error", _M(_R.DATA_FORMAT_ERROR, _P.DATA_FORMAT_ERROR, "servers did not understand each other",
        "The recipient's server did not understand ours.", _A.US,
        "Whoever runs this service should look at the dialogue.")),
    ("address_needs_smtputf8", _M(_R.DATA_FORMAT_ERROR, _P.DATA_FORMAT_ERROR, "letters that a server cannot take",
        "The address has letters that a mail server on the way cannot handle.", _A.RECIPIENT_ADDRESS,
        "Ask the recipient for an address in plain letters.")),
    ("too_many_recipients", _M(_R.SERVER_BUSY, _P.SERVER_BUSY, "too many recipients at once",
        "The recipient's server takes fewer recipients at a time.", _A.US, _NONE)),
    ("rate_limited", _M(_R.SERVER_BUSY, _P.SERVER_BUSY, "we were told to slow down",
        "The recipient's server asked us to send more slowly.", _A.US,
        "Nothing needs to be done; we slow down by ourselves.")),
    ("greylisted", _M(_R.SERVER_BUSY, _P.SERVER_BUSY, "asked to come back later",
        "The recipient's server asks unknown senders to come back later; that is usual.", _A.NOBODY, _NONE)),
    ("mailbox_busy", _M(_R.SERVER_BUSY, _P.BUSY_FOR_MAILBOX, "mailbox is busy",
        "The recipient gets too much mail at present, or the mailbox is in use.", _A.RECIPIENT_ADDRESS, _NONE)),
    ("mailbox_loop", _M(_R.NETWORK_ERROR, _P.NETWORK_FOR_MAILBOX, "forwarding goes in a circle",
        "The recipient's forwarding sends mail round in a circle.", _A.RECIPIENT_ADDRESS,
        "The recipient has to correct their forwarding.")),
    ("loop", _M(_R.NETWORK_ERROR, _P.NETWORK_ERROR, "message went in a circle",
        "The message was sent round in a circle between servers.", _A.THEIR_SERVER,
        "The owner of the recipient's domain has to correct its set-up.")),
    ("no_connection", _M(_R.NETWORK_ERROR, _P.NETWORK_ERROR, "no connection",
        "The recipient's mail server does not answer.", _A.THEIR_SERVER, _WAIT)),
    ("connection_lost", _M(_R.NETWORK_ERROR, _P.NETWORK_ERROR, "connection lost",
        "The connection to the recipient's mail server broke.", _A.THEIR_SERVER, _WAIT)),
    ("no_route", _M(_R.NETWORK_ERROR, _P.NETWORK_ERROR, "no way there",
        "No way to the recipient's mail server could be found.", _A.THEIR_SERVER, _WAIT)),
    ("dns_failure", _M(_R.NETWORK_ERROR, _P.NETWORK_ERROR, "server not found at present",
        "We could not find out which server takes mail for this domain.", _A.THEIR_SERVER, _WAIT)),
    ("tls_failed", _M(_R.NETWORK_ERROR, _P.NETWORK_ERROR, "encryption failed",
        "An encrypted connection to the recipient's mail server could not be made.", _A.THEIR_SERVER, _WAIT)),
    ("waited_too_long", _M(_R.NETWORK_ERROR, _P.NETWORK_ERROR, "not delivered in the time allowed",
        "It was tried until the time allowed for it was over.", _A.THEIR_SERVER,
        "Send it again later, or tell the recipient in another way.")),
    ("mailbox_fault", _M(_R.OTHER_RECEIVER_ERROR, _P.RECEIVER_FOR_MAILBOX, "fault at the mailbox",
        "There is a fault with this one mailbox at the recipient's provider.", _A.THEIR_SERVER, _WAIT)),
    ("system_error", _M(_R.OTHER_RECEIVER_ERROR, _P.OTHER_RECEIVER_ERROR, "fault at their server",
        "The recipient's mail server had a fault of its own.", _A.THEIR_SERVER, _WAIT)),
    ("server_full", _M(_R.OTHER_RECEIVER_ERROR, _P.OTHER_RECEIVER_ERROR, "their server's disk is full",
        "The recipient's mail server has run out of room.", _A.THEIR_SERVER, _WAIT)),
    ("server_misconfigured", _M(_R.OTHER_RECEIVER_ERROR, _P.OTHER_RECEIVER_ERROR, "their server is not set up properly",
        "The recipient's mail server is not set up properly.", _A.THEIR_SERVER, _WAIT)),
    ("tls_failed", _M(_R.OTHER_RECEIVER_ERROR, _P.OTHER_RECEIVER_ERROR, "encryption is broken at their server",
        "The recipient's mail server offers encryption that does not work.", _A.THEIR_SERVER, _WAIT)),
    ("challenge_response", _M(_R.AUTO_REPLY, None, "asked to prove that we are human",
        "The recipient's mail program asks unknown senders to prove that they are people.", _A.NOBODY,
        "Answer it by hand if you know the recipient.")),
    ("auth_failure_report", _M(_R.NOT_A_BOUNCE, None, "report on proof of sender",
        "A provider reported mail in your name that it could not verify.", _A.YOUR_DOMAIN, _RECORDS)),
)  # fmt: skip

DETAILS: dict[tuple[Reason, str], Meaning] = {(row.reason, detail): row for detail, row in _FINER}
"""Finer words beside a reason. A detail that is not in the table is kept and shown, and means what its reason means."""


def meaning(reason: Reason | str, detail: str | None = None) -> Meaning:
    """Return what a reason means, in the light of its detail if that is known."""
    reason = Reason(reason)
    finer = DETAILS.get((reason, detail)) if detail else None
    return finer or MEANINGS[reason]


def pair(
    reason: Reason | str, detail: str | None = None, *, status: str = "", is_still_trying: bool = False
) -> Pair | None:
    """Return how 002 counts a bounce, or None for what is no bounce.

    `status` is the enhanced status (RFC 3463): subject 2 speaks of the one mailbox, which makes a technical trouble
    soft. What is still being tried is never hard, whatever was said.
    """
    found = meaning(reason, detail).pair
    if found is None:
        return None
    if is_still_trying and found.category is Category.HARD:
        return Pair.GENERAL_ERROR
    if found.category is Category.TECHNICAL and is_of_mailbox(status):
        return _OF_MAILBOX[found]
    return found


def is_of_mailbox(status: str) -> bool:
    """Say whether an enhanced status speaks of the one mailbox (RFC 3463, subject 2)."""
    return status[1:4] == ".2."


_OF_MAILBOX = {
    Pair.SERVER_BUSY: Pair.BUSY_FOR_MAILBOX,
    Pair.NETWORK_ERROR: Pair.NETWORK_FOR_MAILBOX,
    Pair.OTHER_RECEIVER_ERROR: Pair.RECEIVER_FOR_MAILBOX,
}

_OF_POLICY = frozenset({"bad_reputation", "blocked_by_policy", "content_policy"})


def is_content_or_reputation(reason: Reason | str, detail: str | None = None) -> bool:
    """Say whether content or reputation is at fault, as far as one can tell: such a failure is `rejected_as_spam`."""
    return reason == Reason.SPAM_REJECTED or (
        reason == Reason.POLICY_BLOCKED and (detail is None or detail in _OF_POLICY)
    )
