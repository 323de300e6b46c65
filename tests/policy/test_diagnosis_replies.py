"""What replies mean: own examples of many systems, and the laws that protect good addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersend.ledger.reasons import Category, Reason
from aftersend.policy.diagnosis import Action, Suppress, diagnose_reply, diagnose_text, load_tables
from aftersend.smtp.reply import Reply

HARD = {
    Reason.INVALID_RECIPIENT,
    Reason.BAD_DOMAIN,
    Reason.ADDRESS_ERROR,
    Reason.CLOSED_ACCOUNT,
    Reason.GENERAL_HARD_BOUNCE,
}
EXAMPLES = [
    line.split("\t")
    for line in (Path(__file__).parent / "replies.tsv").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
WORDS = [
    *("user unknown", "mailbox full", "sender rejected", "host blocked", "spam", "quota exceeded", "relay denied"),
    *("not found", "please try later", "550", "5.1.1", "4.7.1", "policy", "dmarc", "spf", "listed", "account disabled"),
    *("address", "connection timed out", "message too large", "<a@b.example>", "recipient", "is not", "invalid", "."),
]
texts = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))
codes = st.integers(400, 599)
statuses = st.one_of(
    st.just(""), st.builds("{}.{}.{}".format, st.sampled_from("45"), st.integers(0, 9), st.integers(0, 30))
)


@pytest.mark.parametrize(("reasons", "text"), EXAMPLES, ids=[text[:60] for _, text in EXAMPLES])
def test_every_example_has_one_of_its_reasons(reasons: str, text: str) -> None:
    """The words are read first, then the codes; the reason is one that a careful reader accepts."""
    assert diagnose_text(text).reason.value in reasons.split(",")


def test_first_choice_is_met_in_nine_of_ten_examples() -> None:
    """Where several reasons are right, the best one is usually given."""
    met = sum(diagnose_text(text).reason.value == reasons.split(",")[0] for reasons, text in EXAMPLES)

    assert met >= 0.9 * len(EXAMPLES)


@given(code=codes, status=statuses, text=texts)
def test_no_reply_makes_it_raise(code: int, status: str, text: str) -> None:
    """A remote's text is hostile: whatever it says, there is a diagnosis, with a sentence and somebody to act."""
    found = diagnose_reply(Reply(code, status, text))

    assert found.sentence
    assert found.advice
    assert found.action is (Action.DELAYED if code < 500 else Action.FAILED)


@given(code=st.integers(400, 499), status=statuses, text=texts)
def test_what_is_still_tried_is_never_hard_and_never_suppresses(code: int, status: str, text: str) -> None:
    """4yz never suppresses, however final the words."""
    found = diagnose_reply(Reply(code, status, text))

    assert found.category is not Category.HARD
    assert found.suppress is Suppress.NEVER


@given(
    code=st.integers(500, 599),
    status=statuses,
    text=texts,
    command=st.sampled_from(["CONNECT", "EHLO", "STARTTLS", "AUTH PLAIN", "MAIL FROM:<a@b.example>"]),
)
def test_a_refusal_before_the_recipient_was_named_is_not_the_recipients_fault(
    code: int, status: str, text: str, command: str
) -> None:
    """What was refused at connecting, greeting or MAIL cannot be about an address not yet named."""
    found = diagnose_reply(Reply(code, status, text), command=command)

    assert found.reason not in HARD
    assert found.suppress is not Suppress.NOW


@pytest.mark.parametrize("code", [550, 553, 554])
@pytest.mark.parametrize("status", ["", "5.1.1", "5.1.0", "5.0.0", "5.2.1"])
@pytest.mark.parametrize(
    "text",
    [
        "Sender address rejected: user unknown",
        "Mail from 192.0.2.1 refused, see https://www.spamhaus.org/query/ip/192.0.2.1",
        "Your domain failed DMARC",
        "SPF check failed",
        "message rejected due to the poor reputation of the sending IP address",
        "this message was classified as spam",
        "message size exceeds fixed limit",
        "authentication required",
        "Relay access denied",
        "policy violation",
        "blocked by the recipient's administrator",
    ],
)
def test_words_about_the_sender_beat_every_code(code: int, status: str, text: str) -> None:
    """Reputation, policy, spam, size and authentication are never the fault of the address, with no code at all."""
    found = diagnose_reply(Reply(code, status, text), command="RCPT")

    assert found.category is not Category.HARD
    assert found.suppress is Suppress.NEVER


@given(code=codes, status=statuses, text=texts)
def test_only_the_address_itself_is_suppressed_at_once(code: int, status: str, text: str) -> None:
    """Nothing but an address that cannot take mail suppresses at once; the rest counts, or does not."""
    found = diagnose_reply(Reply(code, status, text), command="RCPT")

    if found.suppress is Suppress.NOW:
        assert found.reason in HARD
        assert found.category is Category.HARD


def test_user_unknown_at_rcpt_suppresses_at_once_and_after_data_only_counts() -> None:
    """Carriers answer "unknown user" after DATA to mail that they filter: that is weaker evidence."""
    reply = Reply(550, "5.1.1", "User unknown")

    assert diagnose_reply(reply, command="RCPT").suppress is Suppress.NOW
    assert diagnose_reply(reply, command="DATA").suppress is Suppress.COUNTER


@pytest.mark.parametrize("text", ["550 This subscriber we have not", "550 Nobody of that alias came to mind"])
def test_what_is_only_hinted_at_counts_and_does_not_suppress_at_once(text: str) -> None:
    """A word beside a denial shows what a refusal speaks of; that is too little to give an address up."""
    found = diagnose_text(text, command="RCPT")

    assert found.reason is Reason.INVALID_RECIPIENT
    assert found.suppress is Suppress.COUNTER


def test_access_denied_is_an_invalid_recipient_that_only_counts() -> None:
    """Edge blocking says "access denied" for unknown addresses, and for other things as well."""
    found = diagnose_reply(Reply(550, "5.4.1", "Recipient address rejected: Access denied."), command="RCPT")

    assert found.reason is Reason.INVALID_RECIPIENT
    assert found.suppress is Suppress.COUNTER


def test_null_mx_suppresses_at_once_and_an_unknown_domain_counts() -> None:
    """A domain that declares to take no mail is certain (RFC 7505); one that is not found may be a fault of DNS."""
    assert diagnose_text("556 5.1.10 Recipient address has null MX").suppress is Suppress.NOW
    assert diagnose_text("550 5.1.2 Domain not found").suppress is Suppress.COUNTER


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("450 4.2.0 Greylisted, please retry in 5 minutes", 300),
        ("451 4.7.1 Greylisting in action, please come back in 00:04:59", 299),
        ("421 try again in 30 seconds", 30),
        ("450 wait 2 hours", 7200),
        ("450 wait 99999 hours", 7 * 86_400),
        ("450 try again later", None),
        ("550 user unknown for 5 minutes", None),
    ],
)
def test_the_wait_that_was_asked_for_is_read(text: str, seconds: int | None) -> None:
    """A server that names the time is believed, up to a week; a final refusal asks for no wait."""
    assert diagnose_text(text).retry_after_s == seconds


def test_greylisting_is_named() -> None:
    """Greylisting has a detail of its own, because nobody has to do anything about it."""
    found = diagnose_reply(Reply(451, "4.7.1", "Greylisted for 5 minutes"), command="RCPT")

    assert (found.reason, found.detail) == (Reason.SERVER_BUSY, "greylisted")


def test_the_evidence_is_the_words_as_they_were_written() -> None:
    """Every diagnosis shows the code and the words that it stands on."""
    found = diagnose_reply(Reply(550, "5.1.1", "<joe@example.org>: Recipient address rejected: User Unknown"))

    assert found.evidence[0] == "550 5.1.1"
    assert "User Unknown" in found.evidence[1]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("552 5.2.2 <ann@example.org>: mailbox full", "mailbox full"),
        ("550 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org", "blocked using zen.spamhaus.org"),
        ("<jörg@example.org>: Das Postfach ist überfüllt.", "Das Postfach ist überfüllt"),
    ],
)
def test_the_evidence_has_no_word_that_stands_for_an_address_and_no_half_of_one(said: str, wanted: str) -> None:
    """What stands for addresses while texts are compared is not shown; a name is quoted whole."""
    assert wanted == diagnose_text(said).evidence[-1]


def test_lines_joined_by_a_log_read_like_lines() -> None:
    """A log that joins the lines of a reply leaves its codes among the words; they do not part a phrase."""
    joined = "550-5.1.1 The email account that you tried to 550-5.1.1 reach does not 550 5.1.1 exist."

    assert diagnose_text(joined).reason is Reason.INVALID_RECIPIENT


def test_what_people_call_themselves_is_not_read() -> None:
    """An address is no statement, whatever its local part says."""
    found = diagnose_text("550 5.2.1 <spam.blocked@quota-exceeded.example>: user unknown")

    assert found.reason is Reason.INVALID_RECIPIENT


def test_a_link_names_the_help_page_and_not_the_cause() -> None:
    """The address of an anti-spam page beside "user unknown" does not make it a question of spam."""
    found = diagnose_text("550 5.1.1 User unknown, see https://help.example/antispam/blocked")

    assert found.reason is Reason.INVALID_RECIPIENT


def test_what_is_not_known_is_not_called_the_addresss_fault() -> None:
    """Without words and without a code there is only "general error"."""
    found = diagnose_text("zzqq totally unheard of gibberish")

    assert (found.reason, found.category) == (Reason.GENERAL_ERROR, Category.OTHER)


def test_success_is_delivered() -> None:
    """2yz is no trouble."""
    assert diagnose_reply(Reply(250, "2.0.0", "Ok: queued")).reason is Reason.DELIVERED


@settings(max_examples=25)
@given(st.text(alphabet="ab @.:'<>5|-=\n", min_size=1, max_size=8), st.integers(1, 200_000))
def test_long_texts_are_cut(piece: str, times: int) -> None:
    """A text of any length is read in bounded time."""
    assert diagnose_text("550 " + piece * times).action is Action.FAILED


def test_tables_can_be_loaded_ahead() -> None:
    """Loading again changes nothing."""
    load_tables()
    load_tables()

    assert diagnose_text("550 user unknown").reason is Reason.INVALID_RECIPIENT
