"""Return-path tokens: short, deaf to case, and worthless to a forger."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from aftersend.mail import verp
from aftersend.mail.verp import Refusal

SECRET = b"a secret of thirty-two bytes ...."
IDS = st.integers(0, 2**63 - 1)
DAYS = st.integers(0, 2**16 - 1)


@given(IDS, DAYS, st.integers(0, 30))
def test_a_token_names_its_delivery_for_thirty_days(delivery_id: int, day: int, later: int) -> None:
    """Within 30 days, in any case, the token gives back its delivery; the local part has 34 plain characters."""
    token = verp.make(SECRET, delivery_id, day)
    assert re.fullmatch(r"b-[0-9a-v]{32}", token)
    for seen in (token, token.upper(), token.swapcase()):
        assert verp.read([SECRET], seen, day + later) == delivery_id
    assert verp.read([SECRET], token, day + 31) is Refusal.EXPIRED
    assert verp.read([SECRET], token, day + 31, valid_days=31) == delivery_id


@given(IDS, DAYS, st.integers(2, 33), st.integers(1, 31))
def test_no_character_can_be_changed(delivery_id: int, day: int, place: int, by: int) -> None:
    """A token with one other character is refused as altered, wherever it was changed."""
    token = verp.make(SECRET, delivery_id, day)
    digits = "0123456789abcdefghijklmnopqrstuv"
    other = digits[(digits.index(token[place]) + by) % 32]
    assert verp.read([SECRET], token[:place] + other + token[place + 1 :], day) is Refusal.ALTERED


@given(IDS, DAYS)
def test_other_secrets_and_other_purposes_are_refused(delivery_id: int, day: int) -> None:
    """Secrets can be rotated; a token of one purpose says nothing for another one."""
    token = verp.make(SECRET, delivery_id, day)
    assert verp.read([b"new secret", SECRET], token, day) == delivery_id
    assert verp.read([b"new secret"], token, day) is Refusal.ALTERED
    assert verp.read([], token, day) is Refusal.ALTERED
    feedback = verp.make(SECRET, delivery_id, day, purpose="f")
    assert verp.read([SECRET], feedback, day, purpose="f") == delivery_id
    assert verp.read([SECRET], feedback, day) is Refusal.MALFORMED
    assert verp.read([SECRET], "b" + feedback[1:], day) is Refusal.ALTERED


@given(st.text(max_size=40) | st.from_regex(r"b-[0-9a-v_+ \u0660-\u0669w-z-]{32}", fullmatch=True))
def test_anything_else_is_a_refusal(text: str) -> None:
    """No other text is taken for a token, nor makes reading fail."""
    assert isinstance(verp.read([SECRET], text, 20_000), Refusal)


def test_refusals_say_why() -> None:
    """Each refusal is a plain sentence."""
    assert all(refusal.value.endswith(".") for refusal in Refusal)
