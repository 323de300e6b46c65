"""The tables of diagnosis, checked as data."""

from __future__ import annotations

import pytest

from aftersend.ledger.reasons import DETAILS, Category, Reason
from aftersend.policy.diagnosis.codes import codes, of_code, of_status, status_within
from aftersend.policy.diagnosis.findings import Action, Suppress, finding, suppression_of
from aftersend.policy.diagnosis.phrases import compile_table, notices, phrases, strongest
from aftersend.policy.diagnosis.tables import lines
from aftersend.policy.diagnosis.words import TEXT_LIMIT, flatten

NOTICE_KINDS = {"failed", "delayed", "autoreply", "challenge", "other"}


def test_every_row_of_phrases_names_a_known_reason() -> None:
    """A misspelt reason in a table is found here, not in production."""
    assert {row.reason for row in phrases().rows} <= {reason.value for reason in Reason}
    assert {meaning.reason for meaning in codes().values()} <= {reason.value for reason in Reason}
    assert {row.reason for row in notices().rows} <= NOTICE_KINDS


def test_no_detail_contradicts_the_reason_that_it_belongs_to() -> None:
    """A detail that the ledger knows is used beside its own reason only."""
    used = {(row.detail, row.reason) for row in phrases().rows} | {(m.detail, m.reason) for m in codes().values()}

    assert [pair for pair in used if pair[0] in DETAILS and DETAILS[pair[0]].reason != pair[1]] == []


@pytest.mark.parametrize("name", ["phrases.tsv", "notices.tsv", "codes.tsv"])
def test_no_row_stands_twice(name: str) -> None:
    """A repeated row is an oversight of a review."""
    rows = lines(name)

    assert sorted(set(rows)) == sorted(rows)


def test_no_code_about_the_sender_is_hard() -> None:
    """x.1.7 and x.1.8 speak of the sender, x.7.* of policy: none is the fault of the address."""
    for status in ("5.1.7", "5.1.8", "5.7.1", "5.7.26", "5.7.606", "5.2.3", "5.3.4", "5.6.0", "5.5.3"):
        meant = of_status(status)
        assert meant is not None
        assert Reason(meant.reason).category is not Category.HARD


def test_every_reply_code_of_a_refusal_means_something() -> None:
    """There is a row for every class, so that no refusal is without a reason."""
    assert all(of_code(code) for code in range(400, 600))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("said: 550 5.1.1 no", "5.1.1"),
        ("sorry (#5.7.1)", "5.7.1"),
        ("mail from 5.9.100.12 refused", ""),
        ("id-5.9.4.2", ""),
        ("version 15.5.1", ""),
    ],
)
def test_a_status_is_not_a_part_of_a_longer_number(text: str, status: str) -> None:
    """IP addresses and versions are no enhanced status codes (RFC 3463)."""
    assert status_within(text) == status


def test_words_left_out_and_contractions_do_not_part_a_phrase() -> None:
    """ "User doesn't exist" and "the user does not exist" are one phrase."""
    assert flatten("The user does not exist")[0] == flatten("user doesn’t exist")[0] == "user not exist"


def test_sentences_and_codes_part_phrases() -> None:
    """A phrase does not go on over the end of a sentence, nor over a code."""
    assert flatten("mailbox. full")[0] == "mailbox | full"
    assert flatten("host said: 550 unknown")[0] == "host said | unknown"


def test_links_are_read_apart() -> None:
    """The words of a link are kept from those of the text."""
    assert flatten("see https://example.org/spam now") == ("see now", "https example org spam")


def test_flattening_is_bounded() -> None:
    """Only the beginning of a text is read."""
    assert len(flatten("word " * TEXT_LIMIT)[0]) <= TEXT_LIMIT


def test_the_language_of_the_tables() -> None:
    """Classes, options, prefixes, gaps and conditions mean what the head of the table says; the strongest row wins."""
    table = compile_table(
        [
            "@fruit\tapple|sour_cherry",
            "policy_blocked\t-\t5\t-\t@fruit . rejected",
            "spam_rejected\t-\t7\t4\t@fruit|plum eaten",
            "server_busy\t-\t6\t-\thungry*",
        ]
    )

    assert strongest(table, "sour cherry was rejected", ()).reason == "policy_blocked"  # type: ignore[union-attr]
    assert strongest(table, "apple one two three rejected", ()) is None
    assert strongest(table, "plum eaten", ("5",)) is None
    assert strongest(table, "plum eaten hungryish", ("4",)).reason == "spam_rejected"  # type: ignore[union-attr]
    assert strongest(table, "plum eaten hungryish", ("5",)).reason == "server_busy"  # type: ignore[union-attr]
    assert strongest(table, "plum eaten", ("4",), above=7) is None


@pytest.mark.parametrize("slots", range(1, 8))
def test_a_row_of_many_words_stands_on_all_of_them(slots: int) -> None:
    words = ["apple", "berry", "cherry", "damson", "elder", "fig", "grape"][:slots]
    table = compile_table(["policy_blocked\t-\t5\t-\t" + " ".join(words)])

    assert strongest(table, " ".join(["so", *words, "there"]), ()).words == " ".join(words)  # type: ignore[union-attr]
    for missing in words:
        assert strongest(table, " ".join(word for word in words if word != missing), ()) is None


@pytest.mark.parametrize(
    "line", ["policy_blocked\t-\t5\t-", "policy_blocked\t-\t5\t-\tthe", "policy_blocked\t-\tx\t-\tword"]
)
def test_a_row_that_cannot_be_read_is_named(line: str) -> None:
    """A mistake in a table says where it is."""
    with pytest.raises(ValueError, match="policy_blocked"):
        compile_table([line])


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("action", list(Action))
def test_suppression_follows_the_reason(action: Action, reason: Reason) -> None:
    """Only failures of the address and complaints can suppress; what says anything about the sender never does."""
    may = suppression_of(action, reason, None)

    if reason in (Reason.SPAM_REJECTED, Reason.POLICY_BLOCKED, Reason.DATA_FORMAT_ERROR, Reason.SERVER_BUSY):
        assert may is Suppress.NEVER
    if action in (Action.DELAYED, Action.DELIVERED, Action.AUTOREPLY, Action.NOT_A_BOUNCE):
        assert may is Suppress.NEVER
    if action is Action.FEEDBACK:
        assert may is (Suppress.NOW if reason is Reason.COMPLAINT else Suppress.NEVER)


def test_trouble_of_one_mailbox_is_soft_and_of_a_server_technical() -> None:
    """The same reason counts in two categories (002): status x.2.x speaks of the one mailbox."""
    assert finding(Action.FAILED, Reason.SERVER_BUSY, status="4.2.1").category is Category.SOFT
    assert finding(Action.FAILED, Reason.SERVER_BUSY, status="4.3.2").category is Category.TECHNICAL
