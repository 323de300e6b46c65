"""What returned mail means: reports for machines, notices in prose of many systems, complaints, answers, other mail."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersend.ledger.reasons import Category, Reason
from aftersend.policy.diagnosis import Action, Report, Suppress, as_report, diagnose_mail, diagnose_text

RETURNED = """\
Received: from relay.shop.example by mx.example.net; Thu, 29 Apr 2021 23:34:45 +0900
From: Shop <news@shop.example>
To: joe@example.org
Subject: Spam, viruses, and a mailbox full of offers
Message-ID: <abc123@shop.example>

Hello
"""
QMAIL = """\
Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.
"""


def mail(body: str, *, author: str = "MAILER-DAEMON@mx.example.net", subject: str = "x", header: str = "") -> bytes:
    """Return a mail as a return address gets it."""
    lead = f"Return-Path: <>\nFrom: {author}\nTo: bounces@shop.example\nSubject: {subject}\n{header}"
    return f"{lead}\n{body}".encode()


def report(fields: str, *, words: str = "It failed.", returned: str = RETURNED, transfer: str = "7bit") -> bytes:
    """Return a delivery status notification (RFC 3464) with these fields."""
    body = f"""\
--b1
Content-Type: text/plain; charset=utf-8

{words}
--b1
Content-Type: message/delivery-status
Content-Transfer-Encoding: {transfer}

{fields}
--b1
Content-Type: message/rfc822

{returned}
--b1--
"""
    header = 'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="b1"\n'
    return mail(body, subject="Undelivered Mail Returned to Sender", header=header)


def fields(*recipients: str) -> str:
    """Return the fields of a report: those about the message, and a group for each recipient."""
    return "\n\n".join(("Reporting-MTA: dns; mx.example.net\nOriginal-Envelope-Id: env-1", *recipients))


FAILED = "Final-Recipient: rfc822; joe@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown"


# --- reports for machines ---------------------------------------------------------------------------------------


def test_a_failed_recipient() -> None:
    """A plain report gives recipient, reason, status, the message it is about, and the envelope it came from."""
    found = diagnose_mail(report(fields(FAILED)))

    assert found.kind == "delivery_status"
    assert found.whole.action is Action.FAILED
    assert found.whole.reason is Reason.INVALID_RECIPIENT
    assert found.whole.recipients == ("joe@example.org",)
    assert found.whole.status == "5.1.1"
    assert found.whole.suppress is Suppress.NOW
    assert found.original_message_id == "abc123@shop.example"
    assert found.fields["original-envelope-id"] == "env-1"


def test_every_recipient_has_a_fate_of_their_own() -> None:
    """One report may fail one recipient, delay a second, and have delivered to a third: none is lost, none is mixed up."""
    found = diagnose_mail(
        report(
            fields(
                "Final-Recipient: rfc822; ann@example.org\nAction: delivered\nStatus: 2.1.5",
                "Final-Recipient: rfc822; bob@example.org\nAction: delayed\nStatus: 4.4.1\n"
                "Diagnostic-Code: smtp; 451 4.4.1 Connection timed out",
                "Final-Recipient: rfc822; cy@example.org\nAction: failed\nStatus: 5.2.2\n"
                "Diagnostic-Code: smtp; 552 5.2.2 Mailbox full",
                "Final-Recipient: rfc822; di@example.org\nAction: relayed\nStatus: 2.0.0",
                "Final-Recipient: rfc822; ed@example.org\nAction: expanded\nStatus: 2.0.0",
            )
        )
    )
    fates = {one.recipients[0]: (one.action, one.reason, one.detail) for one in found.per_recipient}

    assert fates == {
        "ann@example.org": (Action.DELIVERED, Reason.DELIVERED, None),
        "bob@example.org": (Action.DELAYED, Reason.NETWORK_ERROR, "connection_lost"),
        "cy@example.org": (Action.FAILED, Reason.MAILBOX_FULL, None),
        "di@example.org": (Action.DELIVERED, Reason.DELIVERED, "relayed"),
        "ed@example.org": (Action.DELIVERED, Reason.DELIVERED, "expanded"),
    }
    assert found.whole.action is Action.FAILED
    assert found.whole.recipients == ("bob@example.org", "cy@example.org")


def test_a_thousand_recipients_are_all_read() -> None:
    """A list's report has a group for each of them."""
    groups = [
        f"Final-Recipient: rfc822; u{n}@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user"
        for n in range(1000)
    ]

    assert len(diagnose_mail(report(fields(*groups))).per_recipient) == 1000


@pytest.mark.parametrize(
    ("named", "address"),
    [
        (
            "Original-Recipient: rfc822; joe@example.org\nFinal-Recipient: rfc822; alias@inside.example",
            "joe@example.org",
        ),
        (
            "Original-Recipient: rfc822; joe+2Btag@example.org\nFinal-Recipient: rfc822; x@y.example",
            "joe+tag@example.org",
        ),
        ("Final-Recipient: rfc822;<Joe@Example.ORG>", "joe@example.org"),
        ("Final-Recipient: joe@example.org", "joe@example.org"),
        ("Final-Recipient: utf-8; j\\x{F6}e@example.org", "jöe@example.org"),
        (
            "Final-Recipient: x400; /RFC-822=joe(a)example.org/\nOriginal-Recipient: rfc822; joe@example.org",
            "joe@example.org",
        ),
        ("Final-Recipient: rfc822; joe", "joe@example.org"),
    ],
)
def test_the_address_is_the_one_that_was_written_to(named: str, address: str) -> None:
    """Original-Recipient before Final-Recipient (RFC 3464 §2.3), typed or not, xtext and UTF-8 decoded, else the To."""
    assert diagnose_mail(report(fields(f"{named}\nAction: failed\nStatus: 5.1.1"))).whole.recipients == (address,)


def test_the_words_of_the_remote_server_beat_the_status_field() -> None:
    """Status is often the local system's guess: 5.0.0 above a refusal that says what it means, or 5.1.1 above our fault."""
    refused = "Final-Recipient: rfc822; joe@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; {}"

    for said in ("550 Sender address rejected: user unknown", "554 5.7.1 Client host blocked using zen.spamhaus.org"):
        found = diagnose_mail(report(fields(refused.format(said))))
        assert found.whole.reason is Reason.POLICY_BLOCKED
        assert found.whole.suppress is Suppress.NEVER


def test_a_final_report_that_quotes_a_temporary_reply_has_failed() -> None:
    """Action decides failed or delayed; the last reply says why."""
    said = "Final-Recipient: rfc822; joe@example.org\nAction: failed\nStatus: 4.2.2\nDiagnostic-Code: smtp; 452 4.2.2 over quota"
    found = diagnose_mail(report(fields(said)))

    assert (found.whole.action, found.whole.reason) == (Action.FAILED, Reason.MAILBOX_FULL)


def test_a_delay_that_quotes_a_final_reply_is_delayed_and_not_hard() -> None:
    """A notice that somebody downstream still tries is a note, whatever it quotes."""
    said = "Final-Recipient: rfc822; joe@example.org\nAction: delayed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user"
    found = diagnose_mail(report(fields(said)))

    assert found.whole.action is Action.DELAYED
    assert found.whole.category is not Category.HARD
    assert found.whole.suppress is Suppress.NEVER


def test_a_refusal_of_mail_from_is_not_the_recipients_fault() -> None:
    """Postfix says which command was answered; before RCPT the recipient is not the matter."""
    said = (
        "Final-Recipient: rfc822; joe@example.org\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 unknown user"
        " (in reply to MAIL FROM command)"
    )
    found = diagnose_mail(report(fields(said)))

    assert found.whole.reason is Reason.POLICY_BLOCKED


def test_fields_may_be_encoded() -> None:
    """Some systems encode the fields in base64."""
    encoded = base64.b64encode(fields(FAILED).encode()).decode()

    assert diagnose_mail(report(encoded, transfer="base64")).whole.recipients == ("joe@example.org",)


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_every_kind_of_line_end_is_read(end: bytes) -> None:
    """CRLF, LF and bare CR are line ends of one and the same report."""
    raw = report(fields(FAILED))

    assert diagnose_mail(raw.replace(b"\n", end)) == diagnose_mail(raw)


def test_the_recipients_of_the_returned_message_are_not_the_failed_ones() -> None:
    """A message to many whose report names one has failed for that one only."""
    returned = RETURNED.replace("To: joe@example.org", "To: joe@example.org, ann@example.org, bob@example.org")

    assert diagnose_mail(report(fields(FAILED), returned=returned)).whole.recipients == ("joe@example.org",)


def test_a_report_wrapped_by_a_gateway_is_unwrapped() -> None:
    """A gateway that adds its disclaimer wraps the report into a mail of its own."""
    body = "--w\nContent-Type: message/rfc822\n\n" + report(fields(FAILED)).decode() + "\n--w\n\nDisclaimer\n--w--\n"
    wrapped = mail(body, header="Content-Type: multipart/mixed; boundary=w\n")

    assert diagnose_mail(wrapped).whole.recipients == ("joe@example.org",)


# --- notices in prose ------------------------------------------------------------------------------------------

FAILURES = {
    "qmail": (
        "MAILER-DAEMON@mx.example.net",
        "failure notice",
        QMAIL
        + "\n<joe@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy.\n\n"
        + RETURNED,
        "invalid_recipient",
    ),
    "qmail transcript": (
        "MAILER-DAEMON@mx.example.net",
        "failure notice",
        QMAIL + "\n<joe@example.org>:\n192.0.2.1 does not like recipient.\nRemote host said: 552 disk quota exceeded\n"
        "Giving up on 192.0.2.1.\n\n--- Below this line is a copy of the message.\n\n" + RETURNED,
        "mailbox_full",
    ),
    "exim": (
        "Mail Delivery System <Mailer-Daemon@mx.example.net>",
        "Mail delivery failed: returning message to sender",
        "A message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. "
        "The following address(es) failed:\n\n  joe@example.org\n    SMTP error from remote mail server after RCPT TO:"
        "<joe@example.org>:\n    host mx.example.org [192.0.2.1]: 550 Requested action not taken:\n    mailbox unavailable\n\n"
        "------ This is a copy of the message, including all the headers. ------\n\n" + RETURNED,
        "invalid_recipient",
    ),
    "exim, unroutable": (
        "Mail Delivery System <Mailer-Daemon@mx.example.net>",
        "Mail delivery failed: returning message to sender",
        "This is a permanent error. The following address(es) failed:\n\n  joe@example.org\n    Unrouteable address\n",
        "bad_domain",
    ),
    "sendmail transcript": (
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>",
        "Returned mail: see transcript for details",
        "   ----- The following addresses had permanent fatal errors -----\n<joe@example.org>\n\n   ----- Transcript of session"
        " follows -----\n... while talking to mx.example.org.:\n>>> RCPT To:<joe@example.org>\n<<< 550 5.1.1 User unknown\n"
        ">>> DATA\n<<< 503 5.0.0 Need RCPT (recipient)\n",
        "invalid_recipient",
    ),
    "old gateway": (
        '"MAILER-DAEMON" <MAILER-DAEMON@mx.example.net>',
        "FAILURE NOTICE :April news",
        "  ----- The following addresses had permanent fatal errors -----\n\n>>> joe@example.org <joe@example.org>\n\n"
        "    sorry, no mailbox here by that name (#5.1.1 - chkusr)\n\n  ----- original message follows -----\n\n"
        + RETURNED,
        "invalid_recipient",
    ),
    "count of messages": (
        "postmaster@mx.example.net",
        "Returned mail:",
        "   ----- The following addresses had delivery problems -----\njoe@example.org\n\n   ----- Non-delivered information -----\n"
        "The number of messages in recipient's mailbox exceeded the local limit.\n\n   ----- Original message -----\n"
        + RETURNED,
        "mailbox_full",
    ),
    "carrier": (
        "<Postmaster@mx.example.net>",
        "Mail System Error - Returned Mail",
        "Each of the following recipients was rejected by a remote mail server.\n\n    Recipient: <joe@example.org>\n"
        "    >>> RCPT TO:<joe@example.org>\n    <<< 550 <joe@example.org>: User unknown\n",
        "invalid_recipient",
    ),
    "filter": (
        "E-mail Filter <postmaster@gw.example.net>",
        "Message Delivery Failure",
        "Your message could not be sent.\nThe number of attempts made: 1\nAddressed To: joe@example.org\n\nFailed to send to "
        "identified host,\njoe@example.org: [192.0.2.5], 550 joe@example.org... No such user\n--- Message non-deliverable.\n",
        "invalid_recipient",
    ),
    "in brackets": (
        "MAILER-DAEMON <mailer-daemon@mx.example.net>",
        "There was an error sending your mail",
        "We had trouble delivering your message.\n\n1 error(s):\n\nSMTP Server <mx.example.org> rejected recipient "
        "<joe@example.org>\n  (Error following RCPT command). It responded as follows: [550 5.1.1 User unknown]\n",
        "invalid_recipient",
    ),
    "office suite": (
        "System Administrator <postmaster@corp.example>",
        "Undeliverable: Spam and viruses",
        "Your message\n\n  To:      joe@example.org\n  Subject: Spam and viruses\n\ndid not reach the following recipient(s):\n\n"
        "joe@example.org on Thu, 29 Apr 2010 23:34:51 +0900\n    The e-mail account does not exist at the organization this "
        "message was sent to.\n    <mail.corp.example #5.1.1>\n",
        "invalid_recipient",
    ),
    "office suite, French": (
        "postmaster@corp.example",
        "Non remis : April news",
        "Échec de la remise pour ces destinataires :\n\njoe@example.org\nL'adresse de messagerie du destinataire n'existe pas dans "
        "le système.\n\njoe@example.org\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n",
        "invalid_recipient",
    ),
    "groupware, German": (
        "Postmaster@firma.example",
        "ZUSTELLFEHLER: Benutzer joe nicht im Verzeichnis",
        "Ihre Nachricht\n\n  Betreff: April news\n\nwurde nicht zugestellt an:\n\n  joe@example.org\n\nGrund:\n\n"
        "  Benutzer joe (joe@example.org) nicht im Verzeichnis aufgeführt\n",
        "invalid_recipient",
    ),
    "Japanese": (
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.jp>",
        "配信不能",
        "次のあて先へのメッセージはエラーのため送信できませんでした。\n\n    joe@example.org\n    <<< 550 5.1.1 <joe@example.org>... User Unknown\n",
        "invalid_recipient",
    ),
    "Chinese": (
        "PostMaster@mx.example.cn",
        "退信通知",
        "很抱歉，您的邮件被退回。\n收件人：joe@example.org\n退信原因：收件人不存在\n",
        "invalid_recipient",
    ),
    "session log": (
        "MDaemon at mx.example.net <MDaemon@mx.example.net>",
        "Permanent Delivery Failure",
        "The following message could not be delivered because:\nFailed address: joe@example.org\n\n--- Session Transcript ---\n"
        " 21:42:50: --> RCPT To:<joe@example.org>\n 21:42:50: <-- 550 5.1.1 unknown or illegal alias: joe@example.org\n",
        "invalid_recipient",
    ),
    "no cause": (
        "Postmaster <postmaster@mx.example.net>",
        "Undeliverable Mail",
        "undeliverable to joe@example.org\n\nOriginal message follows.\n\n" + RETURNED,
        "general_hard_bounce",
    ),
    "waited too long": (
        "Mailer Daemon <MAILER-DAEMON@mx.example.net>",
        "Delivery status notification: error",
        "An error has occurred while attempting to deliver a message for\nthe following list of recipients:\n\n"
        "joe@example.org: Envelope expired\n\n    Below is a copy of the original message:\n\n" + RETURNED,
        "network_error",
    ),
}


@pytest.mark.parametrize("system", FAILURES)
def test_notices_of_failure_in_prose(system: str) -> None:
    """Systems that write for people only are understood: the recipient and the reason are found in their words."""
    author, subject, body, reason = FAILURES[system]
    found = diagnose_mail(
        mail(body, author=author, subject=subject, header="Content-Type: text/plain; charset=utf-8\n")
    )

    assert found.kind == "notice"
    assert (found.whole.action, found.whole.reason.value) == (Action.FAILED, reason)
    assert found.whole.recipients == ("joe@example.org",)


@pytest.mark.parametrize(
    ("author", "subject", "body", "reason"),
    [
        (
            "MAILER-DAEMON@mx.example.net (Mail Delivery System)",
            "Delayed Mail (still being retried)",
            "# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #\n\nYour message could not be delivered for more "
            "than 4 hour(s).\nIt will be retried until it is 5 day(s) old.\n\n<joe@example.org>: connect to "
            "mx.example.org[192.0.2.1]:25: Connection timed out\n",
            "network_error",
        ),
        (
            "Mail Delivery System <Mailer-Daemon@mx.example.net>",
            "Warning: message 1abc delayed 24 hours",
            "A message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours.\n\n"
            "  joe@example.org\n    Delay reason: SMTP error from remote mail server after RCPT TO:<joe@example.org>:\n"
            "    451 4.7.1 Greylisting in action, please come back later\n\nDelivery attempts will continue for some time.\n",
            "server_busy",
        ),
        (
            "postmaster@corp.example",
            "Delivery Delayed: April news",
            "Delivery to these recipients or groups has been delayed:\n\njoe@example.org\n\nThis message has not yet been delivered. "
            "We will continue to try to deliver the message on your behalf.\n",
            "network_error",
        ),
        (
            "mailer-daemon@mx.example.net",
            "Delivery Status Notification (Delay)",
            "** Delivery incomplete **\nThere was a temporary problem delivering your message to joe@example.org. We will retry for "
            "47 more hours.\n\n550 5.1.1 no such user\n",
            "invalid_recipient",
        ),
    ],
)
def test_notices_of_delay_are_notes(author: str, subject: str, body: str, reason: str) -> None:
    """Somebody downstream is still trying: never hard, never a step towards suppression."""
    found = diagnose_mail(mail(body, author=author, subject=subject)).whole

    assert (found.action, found.reason.value, found.recipients) == (Action.DELAYED, reason, ("joe@example.org",))
    assert found.category is not Category.HARD
    assert found.suppress is Suppress.NEVER


def test_a_notice_tells_its_recipients_apart() -> None:
    """Each address is followed by what is said of it."""
    body = (
        QMAIL + "\n<ann@example.org>:\nuser is over quota\n\n<bob@example.org>:\nSorry, no mailbox here by that name.\n"
    )
    found = diagnose_mail(mail(body, subject="failure notice"))

    assert {one.recipients[0]: one.reason for one in found.per_recipient} == {
        "ann@example.org": Reason.MAILBOX_FULL,
        "bob@example.org": Reason.INVALID_RECIPIENT,
    }


def test_the_subject_of_the_message_is_no_cause() -> None:
    """A notice repeats the subject of the message; that subject may speak of spam and full mailboxes."""
    body = "Your message\n  Subject: Spam: your mailbox is full\nwas not delivered to:\n  joe@example.org\nbecause:\n  User joe unknown\n"
    found = diagnose_mail(mail(body, subject="Undeliverable: Spam: your mailbox is full"))

    assert found.whole.reason is Reason.INVALID_RECIPIENT


# --- complaints -------------------------------------------------------------------------------------------------


def feedback(kind: str, more: str = "", returned: str = RETURNED) -> bytes:
    """Return a feedback report (RFC 5965)."""
    body = f"""\
--f
Content-Type: text/plain

This is an email abuse report.
--f
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Provider/1.0
Version: 1
{more}
--f
Content-Type: message/rfc822

{returned}
--f--
"""
    header = "Content-Type: multipart/report; report-type=feedback-report; boundary=f\n"
    return mail(body, author="feedback@provider.example", subject="complaint", header=header)


@pytest.mark.parametrize("kind", ["abuse", "fraud", "virus", "other", "opt-out", "Abuse"])
def test_complaints_suppress_at_once(kind: str) -> None:
    """A complaint of any type is the recipient's own word."""
    found = diagnose_mail(feedback(kind, "Original-Rcpt-To: <joe@example.org>"))

    assert (found.whole.action, found.whole.reason) == (Action.FEEDBACK, Reason.COMPLAINT)
    assert found.whole.suppress is Suppress.NOW
    assert found.whole.recipients == ("joe@example.org",)
    assert found.original_message_id == "abc123@shop.example"


def test_a_redacted_complaint_names_nobody_and_still_names_the_message() -> None:
    """Providers that redact the recipient leave the Message-ID, by which the sender knows."""
    found = diagnose_mail(
        feedback(
            "abuse", "Original-Rcpt-To: redacted@redacted.invalid", RETURNED.replace("joe@example.org", "undisclosed")
        )
    )

    assert found.whole.recipients == ()
    assert found.whole.reason is Reason.COMPLAINT
    assert found.original_message_id == "abc123@shop.example"


@pytest.mark.parametrize(
    ("kind", "detail"),
    [("auth-failure", "auth_failure_report"), ("dmarc", "auth_failure_report"), ("not-spam", "not_spam")],
)
def test_other_feedback_is_no_complaint(kind: str, detail: str) -> None:
    """Reports on authentication (RFC 6591), and the taking back of a complaint, suppress nobody."""
    found = diagnose_mail(feedback(kind)).whole

    assert (found.action, found.detail, found.suppress) == (Action.NOT_A_BOUNCE, detail, Suppress.NEVER)


def test_a_plain_copy_with_the_providers_header_is_a_complaint() -> None:
    """Some providers send the message back with a header instead of a report."""
    body = "--c\nContent-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: joe@example.org\n" + RETURNED + "--c--\n"
    found = diagnose_mail(
        mail(
            body,
            author="staff@provider.example",
            subject="complaint",
            header="Content-Type: multipart/mixed; boundary=c\n",
        )
    )

    assert (found.whole.action, found.whole.recipients) == (Action.FEEDBACK, ("joe@example.org",))


# --- answers and other mail ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "header", "body"),
    [
        ("Out of office: April news", "Auto-Submitted: auto-replied\n", "I am away until Monday."),
        ("Automatische Antwort: Neues", "X-Auto-Response-Suppress: All\n", "Ich bin im Urlaub."),
        ("Réponse automatique : Nouvelles", "", "Je suis absent."),
        ("Re: April news", "X-Autoreply: yes\n", "I have left the company; this mailbox is no longer in use."),
        ("vacation", "Precedence: junk\n", "I am not reading my mail."),
        ("自動応答: お知らせ", "", "不在です。"),
    ],
)
def test_answers_by_machine_are_notes(subject: str, header: str, body: str) -> None:
    """An automatic answer (RFC 3834) means that the message arrived; "left the company" is no closed account either."""
    raw = mail(
        body,
        author="Joe <joe@example.org>",
        subject=subject,
        header=header + "Content-Type: text/plain; charset=utf-8\n",
    )
    found = diagnose_mail(raw).whole

    assert (found.action, found.reason, found.suppress) == (Action.AUTOREPLY, Reason.AUTO_REPLY, Suppress.NEVER)


def test_a_challenge_is_an_answer_and_is_named() -> None:
    """A challenge is shown as one, and never confirmed by itself."""
    body = "I am protecting myself from spam. Please click the link below to confirm that your message is legitimate."
    found = diagnose_mail(
        mail(
            body,
            author="joe@example.org",
            subject="Please confirm your message",
            header="Auto-Submitted: auto-replied\n",
        )
    ).whole

    assert (found.action, found.detail) == (Action.AUTOREPLY, "challenge_response")


PEOPLE = "Return-Path: <ann@example.org>\nFrom: Ann <ann@example.org>\nTo: support@shop.example\nMessage-ID: <q@example.org>\n"


@pytest.mark.parametrize(
    "raw",
    [
        PEOPLE + "Subject: Lunch?\n\nShall we?",
        PEOPLE
        + "Subject: Fwd: Returned mail: User unknown\n\nWhat is this?\n\n> 550 5.1.1 <joe@example.org> User unknown\n> permanent error\n",
        PEOPLE
        + "Subject: Re: failure notice\nIn-Reply-To: <x@y>\n\nThanks!\n\n> I'm afraid I wasn't able to deliver your message\n",
        PEOPLE
        + "Subject: [list] mail delivery failed, help\nList-Id: <help.example.org>\n\nMy mail is not delivered, what to do?",
        "Return-Path: <list-bounces@example.org>\nFrom: list-bounces@example.org\nSubject: Re: [list] mailbox full everywhere\n"
        "List-Id: <list.example.org>\nIn-Reply-To: <x@y>\n\nThey answer 552 mailbox full now.\n",
        "From: root@box.example (Cron Daemon)\nSubject: Cron <root@box> backup\n\ncp: write error: quota exceeded, disk full\n",
        "From: Mailbox Team <no-reply@phish.example>\nSubject: Undelivered messages (5) returned to sender\n\n5 incoming messages are on"
        " hold. Sign in to release your messages.\n",
        "From: ann@example.org\nSubject: Read: April news\nContent-Type: multipart/report; report-type=disposition-notification;"
        " boundary=r\n\n--r\n\nYour message was read.\n--r\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;"
        " ann@example.org\nDisposition: manual-action/MDN-sent-manually; displayed\n\n--r--\n",
        "From: Parcels <info@parcels.example>\nSubject: Delivery failed\n\nYour parcel could not be delivered to your address.\n",
        "From: Post <info@parcels.example>\nSubject: Sendung nicht zugestellt\n\nWir konnten Ihre Sendung nicht zustellen.\n",
        "From: noreply@dmarc.example\nSubject: Report Domain: shop.example Submitter: x Report-ID: 1\n\nattached\n",
        "From: list-bounces@example.org\nSubject: Your message to list awaits moderator approval\n\nIs being held until the list moderator"
        " can review it.\n",
        PEOPLE
        + "Subject: Mailbox full, can't send\n\nMy mailbox is full and I cannot send mail since Monday. What shall I do?\n",
        PEOPLE
        + "Subject: Mailbox full, can't send\nContent-Type: multipart/alternative; boundary=r\n\n--r\n\nMy mailbox is full and I"
        " cannot send mail. What shall I do?\nann@example.org\n--r\nContent-Type: text/html\n\n<p>My mailbox is full</p>\n--r--\n",
        "From: Max <max@example.de>\nTo: bounces@mail.shop.example\nSubject: Mein Paket ist nicht angekommen\n\nDie Sendung konnte nicht"
        " zugestellt werden und kam zurück. Ich hatte an support@shop.example geschrieben.\n",
        "From: mailman@lists.example\nTo: news-owner@lists.example\nSubject: Bounce action notification\n"
        "List-Id: <news.lists.example>\nContent-Type: multipart/mixed; boundary=r\n\n--r\n\nThis is a Mailman mailing list bounce"
        " action notice:\n\n    Member: ann@example.org\n    Action: Subscription disabled.\n    Reason: Excessive or fatal bounces.\n"
        "--r\nContent-Type: message/rfc822\n\nSubject: Undelivered Mail Returned to Sender\n\n550 5.1.1 No such user\n--r--\n",
        "",
        "\n\n\n",
    ],
)
def test_what_is_no_bounce_is_not_called_one(raw: str) -> None:
    """People's mail, quoted bounces, cron, phishing, receipts, DMARC reports, moderation, list software: never a failure."""
    found = diagnose_mail(raw.encode()).whole

    assert (found.action, found.reason, found.suppress) == (Action.NOT_A_BOUNCE, Reason.NOT_A_BOUNCE, Suppress.NEVER)


OFFICE = "Return-Path: <>\nFrom: Postmaster <postmaster@a.example>\nTo: bounces@mail.shop.example\nSubject: "


@pytest.mark.parametrize(
    "written",
    [
        "Quarantine summary\n\nThree new messages: win@lottery.example, pills@x.example. They were classified as spam.",
        "Your abuse report\n\nThank you for your report about spam from joe@c.example. We have closed the account.",
        "Scheduled maintenance\n\nOur servers will be down for maintenance on Sunday. Questions: help@isp.example",
        "Account locked\n\nYour account kim@b.example has been locked after too many failed logins.",
        "Kontosperrung\n\nIhr Konto kim@b.example wurde gesperrt, weil die Rechnung offen ist.",
        "List of blocked senders\n\nThese senders are on your block list: joe@c.example, ann@d.example.",
        "Weekly statistics\n\nMessages: 120. Rejected as spam: 30. Unknown user: 4. Top sender: joe@c.example",
        "Your message was delivered\n\nYour message to kim@b.example was successfully delivered.",
    ],
)
def test_other_mail_of_mail_systems_is_no_bounce(written: str) -> None:
    """Though it comes from a postmaster, with an empty return path, and speaks of somebody's trouble."""
    found = diagnose_mail((OFFICE + written + "\n").encode()).whole

    assert (found.action, found.suppress) == (Action.NOT_A_BOUNCE, Suppress.NEVER)


def test_a_full_mailbox_dressed_as_a_receipt_is_a_failure() -> None:
    """Some delivery agents refuse by a disposition notification."""
    body = (
        "--r\n\nYour message to <joe@example.org> was automatically rejected:\nQuota exceeded\n--r\n"
        "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; joe@example.org\n"
        "Disposition: automatic-action/MDN-sent-automatically; deleted\n\n--r--\n"
    )
    header = "Content-Type: multipart/report; report-type=disposition-notification; boundary=r\n"
    found = diagnose_mail(
        mail(body, author="postmaster@mx.example.org", subject="Automatically rejected mail", header=header)
    ).whole

    assert (found.action, found.reason, found.recipients) == (Action.FAILED, Reason.MAILBOX_FULL, ("joe@example.org",))


# --- the form of the answer -------------------------------------------------------------------------------------


def test_the_printed_form() -> None:
    """The keys that interfaces and acceptance checks read are these, and all is JSON."""
    printed = json.loads(json.dumps(diagnose_mail(report(fields(FAILED))).to_json()))

    assert {"action", "category", "reason", "status", "recipients", "per_recipient"} <= printed.keys()
    assert {
        *("recipient", "action", "category", "reason", "status", "who_must_act", "advice", "suppress", "evidence"),
    } <= printed["per_recipient"][0].keys()
    assert printed["recipients"] == ["joe@example.org"]
    assert printed["per_recipient"][0]["evidence"] == ["550 5.1.1", "User unknown"]


def test_a_reply_is_printed_in_the_same_form() -> None:
    """Whoever reads the output need not know whether a mail or a reply went in."""
    of_reply = as_report(diagnose_text("550 5.1.1 User unknown")).to_json()
    of_mail = diagnose_mail(report(fields(FAILED))).to_json()

    assert of_reply.keys() == of_mail.keys()
    assert of_reply["per_recipient"][0] == of_mail["per_recipient"][0] | {"recipient": None}


def test_answers_and_other_mail_have_no_recipients() -> None:
    """What says nothing about a delivery is printed without an entry for one."""
    assert diagnose_mail(b"Subject: Lunch?\n\nShall we?").to_json()["per_recipient"] == []


# --- hostile mail -----------------------------------------------------------------------------------------------


def nested(depth: int, boundary: str) -> bytes:
    """Return multiparts within multiparts."""
    inner = "hello"
    for level in range(depth):
        name = boundary.format(level)
        inner = f'Content-Type: multipart/mixed; boundary="{name}"\n\n--{name}\n{inner}\n--{name}--\n'
    return inner.encode()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(report(fields(FAILED), returned=RETURNED + "x" * 25_000_000), id="25 MB returned"),
        pytest.param(mail("\r" * 5_000_000), id="bare CR"),
        pytest.param(mail("a@b " * 1_000_000), id="addresses"),
        pytest.param(mail("550 5.1.1 user unknown <a@b.example>\n" * 100_000), id="replies"),
        pytest.param(b"Subject: " + b"=?utf-8?q?=41?= " * 200_000, id="encoded words"),
        pytest.param(b"Subject: a" + b"\n b" * 500_000 + b"\n\nhi", id="folds"),
        pytest.param(b"".join(b"X-%d: y\n" % n for n in range(100_000)), id="header fields"),
        pytest.param(nested(2_000, "b{}"), id="nested"),
        pytest.param(nested(2_000, "same"), id="nested, same boundary"),
        pytest.param(mail("--p\n\nx\n" * 200_000, header="Content-Type: multipart/mixed; boundary=p\n"), id="parts"),
        pytest.param(mail("<" * 2_000_000, header="Content-Type: text/html\n"), id="tags"),
        pytest.param(mail("<style>" * 200_000, header="Content-Type: text/html\n"), id="styles"),
        pytest.param(mail("=A==" * 500_000, header="Content-Transfer-Encoding: base64\n"), id="broken base64"),
        pytest.param(mail("\x1b$B" * 500_000, header="Content-Type: text/plain; charset=iso-2022-jp\n"), id="shifts"),
        pytest.param(
            report("Final-Recipient: rfc822; a@b.example\nDiagnostic-Code: smtp; 550" + "\n x" * 100_000),
            id="folded field",
        ),
        pytest.param(mail("x", header="Content-Type: text/plain; charset=idna\n"), id="codec that is none of ours"),
        pytest.param(bytes(range(256)) * 1000, id="all bytes"),
    ],
)
def test_hostile_mail_is_read_within_bounds(raw: bytes) -> None:
    """Neither size nor nesting nor broken encodings cost more than a fixed multiple of the size, or raise."""
    assert isinstance(diagnose_mail(raw), Report)


PIECES = [
    *(
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\0",
        b"--b1",
        b"--b1--",
        b"Content-Type: multipart/report; boundary=b1\n",
        b"\xff\xfe",
        b"\x1b$B",
    ),
    *(
        b"Content-Type: message/delivery-status\n\n",
        b"Final-Recipient: rfc822; a@b.example\n",
        b"Action: failed\n",
        b"550 5.1.1 no",
    ),
    *(
        b"From: MAILER-DAEMON\n",
        b"Subject: failure notice\n",
        b"=?utf-8?b?AAAA?=",
        b"<a@b.example>:",
        b"+2B",
        b"\\x{110000}",
        b";",
    ),
    *(
        b"Content-Transfer-Encoding: base64\n",
        b"charset=utf-16",
        b"Feedback-Type: abuse\n",
        b"message/feedback-report",
        b">",
        b"@",
    ),
]


@settings(max_examples=300)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=30)), max_size=40).map(b"".join))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    """Whatever comes, there is a report, it can be printed, and asking again gives the same."""
    found = diagnose_mail(raw)

    json.dumps(found.to_json())
    assert diagnose_mail(raw) == found
