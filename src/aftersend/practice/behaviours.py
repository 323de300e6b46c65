"""What can happen to a mail, one local part for each: `full@one.practice.test` answers as a full mailbox does.

Owns the table. The servers walk it; nothing here knows of sockets or time. A local part may carry a number or a plus
suffix (`unknown17@`, `unknown+shop@`), so that many recipients can share one behaviour. Every other local part accepts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from aftersend.ledger.events import Event
from aftersend.ledger.facts import Fact, Facts
from aftersend.ledger.reasons import Reason
from aftersend.ledger.vocabularies import BOUNCES, VOCABULARIES
from aftersend.ledger.vocabularies.bounces import pairs
from aftersend.smtp.reply import Reply


class At(Enum):
    """Where in the conversation a server answers in its own way."""

    RECIPIENT = "in answer to RCPT"
    CONTENT = "in answer to the final dot"


class Ending(Enum):
    """What becomes of the connection. An answer of 421 closes it by itself."""

    STAYS = "it stays open"
    DROPS = "it is cut instead of an answer"
    CUTS_CONTENT = "it is cut while the content is coming in"


@dataclass(frozen=True, slots=True)
class Answer:
    """How one attempt is answered."""

    at: At
    reply: Reply
    ending: Ending = Ending.STAYS
    after_s: float = 0.0
    """Real seconds of silence before the answer."""
    keeps: bool = False
    """Whether the message lies in the mailbox afterwards, whatever the sender was told."""


class Then(Enum):
    """What the recipient's side sends back, or does, after it has accepted."""

    FAILURE_REPORT = "a report that it could not be delivered after all"
    DELAY_REPORT = "a report that it is still being tried"
    SUCCESS_REPORT = "a report that it was delivered"
    MIXED_REPORT = "one report about two recipients with different fates"
    EXIM_BOUNCE = "a bounce in the words of Exim"
    QMAIL_BOUNCE = "a bounce in the words of qmail"
    SENDMAIL_BOUNCE = "a bounce with a transcript, as Sendmail writes it"
    EXCHANGE_BOUNCE = "a report in the words of Exchange"
    GMAIL_BOUNCE = "a report in the words of Gmail"
    FILTER_BOUNCE = "a report of a spam filter behind the server"
    DOMINO_BOUNCE = "a bounce in the words of Domino"
    GERMAN_BOUNCE = "a bounce in German"
    JAPANESE_BOUNCE = "a bounce in Japanese"
    AUTOMATIC_ANSWER = "an out-of-office note"
    COMPLAINT = "a complaint by the provider's feedback loop"
    REDACTED_COMPLAINT = "a complaint in which the address is left out"
    OPEN = "a person opens it"
    READ = "a person keeps it open for longer than five seconds"
    CLICK = "a person follows a link"
    UNSUBSCRIBE = "a person opts out with one click"
    SCAN = "a scanner fetches everything and follows every link at once"
    PROXY_OPEN = "the provider's proxy fetches the images"

    @property
    def is_mail(self) -> bool:
        """Whether it comes back as a mail to the return path; otherwise it is a visit to the message's links."""
        return self in _MAILS


_MAILS = frozenset(
    {
        Then.FAILURE_REPORT,
        Then.DELAY_REPORT,
        Then.SUCCESS_REPORT,
        Then.MIXED_REPORT,
        Then.EXIM_BOUNCE,
        Then.QMAIL_BOUNCE,
        Then.SENDMAIL_BOUNCE,
        Then.EXCHANGE_BOUNCE,
        Then.GMAIL_BOUNCE,
        Then.FILTER_BOUNCE,
        Then.DOMINO_BOUNCE,
        Then.GERMAN_BOUNCE,
        Then.JAPANESE_BOUNCE,
        Then.AUTOMATIC_ANSWER,
        Then.COMPLAINT,
        Then.REDACTED_COMPLAINT,
    }
)


@dataclass(frozen=True, slots=True)
class Later:
    """Something that happens after the message was accepted."""

    what: Then
    after_s: float
    """Seconds later; multiplied by the world's time scale."""
    fact: Fact
    agent: str = ""
    """What the visitor calls itself, for visits."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a recipient's server behaves, in one line, and where that leads."""

    name: str
    line: str
    answers: tuple[Answer, ...]
    """One for each attempt in turn; the last one is repeated."""
    facts: Facts
    """What is true at the end, before anything of `later`."""
    reason: Reason | None = None
    detail: str | None = None
    not_before_s: float = 0.0
    """The first answer is repeated until this long after the first attempt (scaled), as greylists do."""
    later: tuple[Later, ...] = ()
    site: str = "one"
    """Where best to try it, the first label below practice.test: what slows a sender down, or cuts connections, has
    servers of its own, so that others do not suffer."""

    def answer(self, attempt: int) -> Answer:
        """Return the answer to the attempt of that number, from 0."""
        return self.answers[min(attempt, len(self.answers) - 1)]

    @property
    def final(self) -> Answer:
        """The answer that ends it."""
        return self.answers[-1]

    @property
    def facts_when_visited(self) -> Facts:
        """What is true when everybody has visited it who will; before anything comes back by mail."""
        facts = self.facts
        for later in self.later:
            if not later.what.is_mail:
                facts |= later.fact
        return facts

    @property
    def facts_in_the_end(self) -> Facts:
        """What is true when everything that comes later has come."""
        facts = self.facts
        for later in self.later:
            facts |= later.fact
        return facts


_AT, _CONTENT = At.RECIPIENT, At.CONTENT
_ACCEPTS = Answer(_CONTENT, Reply(250, "2.0.0", "Kept in the mailbox"), keeps=True)
_SENT = Facts.of(Fact.RECEIVED, Fact.TREATED)
_DELIVERED = _SENT | Fact.DELIVERED
_SECOND_TRY = _DELIVERED | Fact.DEFERRED
_GAVE_UP = _SENT | Fact.DEFERRED | Fact.GAVE_UP
_INVALID, _BOUNCED, _SPAM = _SENT | Fact.BOUNCED_INVALID, _SENT | Fact.BOUNCED, _SENT | Fact.REJECTED_AS_SPAM
_R = Reason
DAY_S = 86_400.0
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PROGRAM = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0"
SCANNER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36"
APPLE = "Mozilla/5.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


def _says(at: At, code: int, status: str, text: str) -> Answer:
    return Answer(at, Reply(code, status, text))


def _accepts(name: str, line: str, *later: Later) -> Behaviour:
    return Behaviour(name, line, (_ACCEPTS,), _DELIVERED, later=later)


def _refuses(
    name: str, line: str, answer: Answer, facts: Facts, reason: Reason, detail: str | None = None
) -> Behaviour:
    return Behaviour(name, line, (answer,), facts, reason, detail)


_FULL = _says(_AT, 452, "4.2.2", "The mailbox is full")
_BUSY = _says(_AT, 421, "4.3.2", "Server busy, closing connection")
_GREY = _says(_AT, 451, "4.7.1", "Greylisted, please come back in five minutes")
_CUT = Answer(_CONTENT, Reply(250, "2.0.0", "Kept"), Ending.DROPS, keeps=True)

ACCEPT = _accepts("accept", "Accepts; so does every local part that is not in this list, such as ann@.")

_TABLE: tuple[Behaviour, ...] = (
    ACCEPT,
    # The address is at fault.
    _refuses("unknown", "There is no such mailbox.",
        _says(_AT, 550, "5.1.1", "No such user here"), _INVALID, _R.INVALID_RECIPIENT),
    _refuses("closed", "The mailbox has been closed for good.",
        _says(_AT, 550, "5.1.1", "This account has been closed and no longer exists"), _INVALID, _R.CLOSED_ACCOUNT),
    _refuses("moved", "The recipient has moved and left no forwarding.",
        _says(_AT, 551, "5.1.6", "The recipient has moved; no forwarding address"), _INVALID, _R.CLOSED_ACCOUNT, "address_moved"),
    _refuses("address-error", "The server finds the address malformed.",
        _says(_AT, 553, "5.1.3", "Bad recipient address syntax"), _INVALID, _R.ADDRESS_ERROR),
    _refuses("hard", "Refuses for good and says no more than that.",
        _says(_AT, 550, "5.0.0", "Permanent failure"), _BOUNCED, _R.GENERAL_HARD_BOUNCE),
    # The mailbox, for the time being.
    _refuses("full", "The mailbox is full; their server does not keep the mail for later.",
        _says(_AT, 552, "5.2.2", "The mailbox is full"), _BOUNCED, _R.MAILBOX_FULL),
    Behaviour("full-then-ok", "The mailbox is full at first, then the recipient makes room.",
        (_FULL, _ACCEPTS), _SECOND_TRY, _R.MAILBOX_FULL),
    Behaviour("full-for-ever", "The mailbox is full at every try, until we give up.",
        (_FULL,), _GAVE_UP, _R.MAILBOX_FULL),
    _refuses("inactive", "The mailbox exists and is switched off.",
        _says(_AT, 550, "5.2.1", "The account is inactive"), _BOUNCED, _R.ACCOUNT_INACTIVE),
    _refuses("mailbox-loop", "Forwarding from this mailbox goes in a circle.",
        _says(_AT, 554, "5.2.0", "Mail forwarding loop for this mailbox"), _BOUNCED, _R.NETWORK_ERROR, "loop"),
    _refuses("mailbox-fault", "There is a fault with this one mailbox.",
        _says(_AT, 550, "5.2.0", "Mailbox temporarily broken: storage error in this mailbox"), _BOUNCED, _R.OTHER_RECEIVER_ERROR),
    Behaviour("mailbox-busy", "The mailbox gets too much mail, until we give up.",
        (_says(_AT, 450, "4.2.1", "Mailbox busy"),), _GAVE_UP,
        _R.SERVER_BUSY, "mailbox_busy"),
    # The server, for the time being.
    Behaviour("greylist", "Never seen before: refused for five minutes, then accepted.",
        (_GREY, _ACCEPTS), _SECOND_TRY, _R.SERVER_BUSY, "greylisted", not_before_s=270.0),
    Behaviour("busy", "The server is too busy at every try, until we give up.",
        (_BUSY,), _GAVE_UP, _R.SERVER_BUSY, site="slowing"),
    Behaviour("busy-then-ok", "The server is too busy at first.",
        (_BUSY, _ACCEPTS), _SECOND_TRY, _R.SERVER_BUSY, site="slowing"),
    Behaviour("rate-limited", "We are told to slow down and try again in 30 seconds.",
        (_says(_AT, 450, "4.7.28", "You are sending too fast; try again in 30 seconds"), _ACCEPTS), _SECOND_TRY,
        _R.SERVER_BUSY, "rate_limited", site="limiting"),
    Behaviour("system-full", "The server's disk is full at first.",
        (_says(_AT, 452, "4.3.1", "Mail system full"), _ACCEPTS), _SECOND_TRY,
        _R.OTHER_RECEIVER_ERROR, "system_error"),
    _refuses("system-broken", "The server's disk is full, and it does not keep the mail for later.",
        _says(_AT, 554, "5.3.1", "Mail system full"), _BOUNCED, _R.OTHER_RECEIVER_ERROR, "system_error"),
    Behaviour("soft", "Refused for now, with no reason given, then accepted.",
        (_says(_AT, 451, "4.0.0", "Temporary failure"), _ACCEPTS), _SECOND_TRY, _R.SERVER_BUSY),
    Behaviour("never", "Put off at every try, until we give up.",
        (_says(_AT, 451, "4.3.0", "Temporary local problem, please try later"),), _GAVE_UP, _R.OTHER_RECEIVER_ERROR,
        "system_error"),
    _refuses("loop", "The message goes in a circle between servers.",
        _says(_CONTENT, 554, "5.4.6", "Routing loop detected: too many hops"), _BOUNCED, _R.NETWORK_ERROR, "loop"),
    _refuses("general", "Refuses without a word.",
        _says(_AT, 554, "", ""), _BOUNCED, _R.GENERAL_ERROR),
    # Content, reputation, our own set-up.
    _refuses("spam", "The content is taken for spam.",
        _says(_CONTENT, 554, "5.7.1", "Message rejected as spam by content filtering"), _SPAM, _R.SPAM_REJECTED, "rejected_as_spam"),
    _refuses("virus", "Something harmful is found in it.",
        _says(_CONTENT, 554, "5.7.1", "Message contains a virus"), _SPAM, _R.SPAM_REJECTED, "virus_found"),
    _refuses("blocked", "Our server is on a block list.",
        _says(_AT, 550, "5.7.1", "Messages from this IP address are blocked because of its poor reputation"), _SPAM,
        _R.POLICY_BLOCKED, "bad_reputation"),
    _refuses("auth-failed", "They could not verify that it comes from your domain.",
        _says(_CONTENT, 550, "5.7.26", "Unauthenticated mail: SPF and DKIM checks did not pass"), _BOUNCED,
        _R.POLICY_BLOCKED, "authentication_failed"),
    _refuses("relaying", "The server does not serve this domain.",
        _says(_AT, 550, "5.7.1", "Relaying denied"), _BOUNCED, _R.POLICY_BLOCKED, "relaying_denied"),
    _refuses("too-large", "The message is too large for them.",
        _says(_CONTENT, 552, "5.3.4", "Message size exceeds fixed limit"), _BOUNCED, _R.DATA_FORMAT_ERROR, "message_too_large"),
    _refuses("format", "They do not accept the form of the message.",
        _says(_CONTENT, 554, "5.6.0", "Message is not RFC 5322 compliant"), _BOUNCED, _R.DATA_FORMAT_ERROR, "malformed_message"),
    # The connection.
    Behaviour("slow", "Answers after two seconds.",
        (Answer(_CONTENT, _ACCEPTS.reply, after_s=2.0, keeps=True),), _DELIVERED),
    Behaviour("drop", "Cuts the connection at every try before it has the message, until we give up.",
        (Answer(_AT, Reply(421, "4.3.0", "Cut"), Ending.DROPS),), _GAVE_UP, _R.NETWORK_ERROR, site="cutting"),
    Behaviour("drop-then-ok", "Cuts the connection at the first try, then accepts.",
        (Answer(_AT, Reply(421, "4.3.0", "Cut"), Ending.DROPS), _ACCEPTS), _SECOND_TRY, _R.NETWORK_ERROR, site="cutting"),
    Behaviour("drop-mid-data", "Cuts the connection while the content is coming in, once; nothing is kept.",
        (Answer(_AT, Reply(250, "2.1.5", "Go on"), Ending.CUTS_CONTENT), _ACCEPTS), _DELIVERED | Fact.UNCERTAIN,
        _R.NETWORK_ERROR, site="cutting"),
    Behaviour("drop-after-dot", "Keeps the message, but cuts the connection before it says so, once.",
        (_CUT, _ACCEPTS), _DELIVERED | Fact.UNCERTAIN, _R.NETWORK_ERROR, site="cutting"),
    Behaviour("drop-after-dot-always", "Keeps the message each time, and never says so.",
        (_CUT,), _SENT | Fact.UNCERTAIN, _R.NETWORK_ERROR, site="cutting"),
    # Accepted, and then something comes back.
    _accepts("late-bounce", "Accepts; two days later a report says that there is no such mailbox.",
        Later(Then.FAILURE_REPORT, 2 * DAY_S, Fact.BOUNCED_INVALID)),
    _accepts("late-exim", "Accepts; a bounce comes later in the words of Exim: there is no such address.",
        Later(Then.EXIM_BOUNCE, DAY_S, Fact.BOUNCED_INVALID)),
    _accepts("late-qmail", "Accepts; a bounce comes later in the words of qmail: there is no such mailbox.",
        Later(Then.QMAIL_BOUNCE, DAY_S, Fact.BOUNCED_INVALID)),
    _accepts("late-sendmail", "Accepts; a bounce comes later with a transcript, as Sendmail writes it: the mailbox is full.",
        Later(Then.SENDMAIL_BOUNCE, DAY_S, Fact.BOUNCED)),
    _accepts("late-exchange", "Accepts; a report comes later in the words of Exchange: there is no such recipient.",
        Later(Then.EXCHANGE_BOUNCE, DAY_S, Fact.BOUNCED_INVALID)),
    _accepts("late-gmail", "Accepts; a report comes later in the words of Gmail: the mailbox is full.",
        Later(Then.GMAIL_BOUNCE, DAY_S, Fact.BOUNCED)),
    _accepts("late-filter", "Accepts; a spam filter behind the server refuses it later.",
        Later(Then.FILTER_BOUNCE, DAY_S, Fact.REJECTED_AS_SPAM)),
    _accepts("late-domino", "Accepts; a bounce comes later in the words of Domino: there is no such user.",
        Later(Then.DOMINO_BOUNCE, DAY_S, Fact.BOUNCED_INVALID)),
    _accepts("late-german", "Accepts; a bounce comes later in German: the mailbox is full.",
        Later(Then.GERMAN_BOUNCE, DAY_S, Fact.BOUNCED)),
    _accepts("late-japanese", "Accepts; a bounce comes later in Japanese: there is no such address.",
        Later(Then.JAPANESE_BOUNCE, DAY_S, Fact.BOUNCED_INVALID)),
    _accepts("delay-notice", "Accepts; four hours later a report says that it is still being tried.",
        Later(Then.DELAY_REPORT, 4 * 3600.0, Fact.DELAYED)),
    _accepts("delay-then-delivered", "Accepts; a report of delay, then a report of success.",
        Later(Then.DELAY_REPORT, 4 * 3600.0, Fact.DELAYED), Later(Then.SUCCESS_REPORT, 8 * 3600.0, Fact.DELIVERED)),
    _accepts("mixed-dsn", "Accepts; one report speaks of two recipients, one delivered and this one not.",
        Later(Then.MIXED_REPORT, 3600.0, Fact.BOUNCED)),
    _accepts("out-of-office", "Accepts; an automatic answer comes back.",
        Later(Then.AUTOMATIC_ANSWER, 60.0, Fact.AUTO_REPLIED)),
    _accepts("complaint", "Accepts; the recipient reports it as spam.",
        Later(Then.COMPLAINT, 3 * 3600.0, Fact.COMPLAINED)),
    _accepts("redacted-arf", "Accepts; a complaint comes in which the address is left out.",
        Later(Then.REDACTED_COMPLAINT, 3 * 3600.0, Fact.COMPLAINED)),
    # Accepted, and then somebody looks at it.
    _accepts("opener", "Accepts; a person opens it and closes it again at once.",
        Later(Then.OPEN, 90.0, Fact.OPENED, PROGRAM)),
    _accepts("reader", "Accepts; a person opens it, reads for longer than five seconds and follows a link.",
        Later(Then.OPEN, 90.0, Fact.OPENED, PROGRAM), Later(Then.READ, 100.0, Fact.READ, PROGRAM),
        Later(Then.CLICK, 700.0, Fact.CLICKED, PERSON)),
    _accepts("clicker", "Accepts; a person who sees no images follows a link.",
        Later(Then.CLICK, 120.0, Fact.CLICKED, PERSON)),
    _accepts("unsubscriber", "Accepts; a person opts out with one click.",
        Later(Then.UNSUBSCRIBE, 180.0, Fact.UNSUBSCRIBED, PERSON)),
    _accepts("scanner", "Accepts; a security scanner fetches everything and follows every link at once.",
        Later(Then.SCAN, 1.0, Fact.OPENED_BY_MACHINE, SCANNER), Later(Then.SCAN, 1.5, Fact.CLICKED_BY_MACHINE, SCANNER)),
    _accepts("apple-proxy", "Accepts; Apple's privacy proxy fetches the images, whether anybody reads it or not.",
        Later(Then.PROXY_OPEN, 300.0, Fact.OPENED_BY_MACHINE, APPLE)),
    _accepts("gmail-proxy", "Accepts; a person opens it, and Gmail's proxy fetches the images for them.",
        Later(Then.PROXY_OPEN, 120.0, Fact.OPENED, GMAIL)),
)  # fmt: skip

BEHAVIOURS: dict[str, Behaviour] = {behaviour.name: behaviour for behaviour in _TABLE}
"""Every behaviour by the local part that chooses it."""

_NUMBER = re.compile(r"[-._]?[0-9]+$")


def behaviour_of(local: str) -> Behaviour:
    """Return the behaviour that a local part chooses; ACCEPT for one that is not in the table."""
    name = local.strip('"').lower().partition("+")[0]
    return BEHAVIOURS.get(name) or BEHAVIOURS.get(_NUMBER.sub("", name)) or ACCEPT


def words(
    facts: Facts, reason: Reason | None = None, detail: str | None = None, *, status: str = ""
) -> dict[str, list[str]]:
    """Say with which words of the five vocabularies a delivery with these facts, all for this reason, is described."""
    found = {name: [word.word for word in vocabulary.words_of(facts)] for name, vocabulary in VOCABULARIES.items()}
    events = [Event(0, 0, 0, fact, fact.word, fact, 0, 0, reason, detail, status) for fact in facts]
    found[BOUNCES.name] = sorted(pair.word for pair in pairs(events))
    return found


def words_for(behaviour: Behaviour) -> dict[str, list[str]]:
    """Say with which words of the five vocabularies a mail in HTML to this local part ends, before anything comes back by
    mail."""
    return words(behaviour.facts_when_visited, behaviour.reason, behaviour.detail, status=behaviour.final.reply.status)
