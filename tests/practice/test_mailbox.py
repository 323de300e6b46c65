"""Mailboxes keep what they can and count everything; the memory of attempts is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aftersend.practice.mailbox import Mailbox, Memory, Received


def message(recipient: str, content: bytes = b"Subject: Hi\r\n there\r\n\r\nBody\r\n") -> Received:
    return Received(recipient, "s@example.com", content, 0, "mx", "client", "")


def test_headers_are_read_unfolded_and_by_any_case() -> None:
    """A test asks for a header as a reader sees it."""
    assert message("ann@x").header("SUBJECT") == "Hi there"
    assert message("ann@x").header("Body") is None


def test_addresses_are_compared_without_case() -> None:
    """Mailboxes are found by any spelling."""
    box = Mailbox()
    box.keep(message("Ann@X"))
    assert [m.recipient for m in box.received("ann@x")] == ["Ann@X"]
    assert box.count("ANN@x") == 1


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=60), st.integers(1, 5), st.integers(1, 100)
)
def test_the_oldest_goes_first_and_counts_stay(sent: list[tuple[str, int]], messages: int, size: int) -> None:
    """However much comes in, no more is kept than allowed, and every message is counted."""
    box = Mailbox(messages_most=messages, bytes_most=size)
    for recipient, length in sent:
        box.keep(message(recipient, b"x" * length))
    kept = box.messages()
    assert box.total == len(sent) == sum(box.counts().values())
    assert len(kept) <= messages
    assert sum(len(m.content) for m in kept) <= size or len(kept) == 1
    assert [(m.recipient, len(m.content)) for m in kept] == sent[len(sent) - len(kept) :]
    assert sum(len(box.received(r)) for r in "abc") == len(kept)


def test_attempts_are_remembered_for_each_sender_and_recipient() -> None:
    """A second sender is a stranger, as greylists see it."""
    memory = Memory(most=2)
    assert memory.seen("a", "r", 100) == (0, 0)
    memory.count("a", "r")
    assert memory.seen("a", "r", 350) == (1, 250)
    assert memory.seen("b", "r", 400) == (0, 0)
    memory.seen("c", "r", 500)
    assert memory.seen("a", "r", 600) == (0, 0)
