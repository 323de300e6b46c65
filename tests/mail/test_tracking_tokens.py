"""Tracking tokens name a delivery, say nothing to others, and are worthless to a forger."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode

from hypothesis import given
from hypothesis import strategies as st

from aftersend.mail.tracking_tokens import LENGTH, VALID_S, Kind, Token, Tokens

SECRET = b"a secret of thirty-two bytes ...."
IDS = st.integers(0, 2**63 - 1)
NUMBERS = st.integers(0, 2**16 - 1)
TOKENS = Tokens((SECRET,))
NOW = 1_800_000_000


@given(st.sampled_from(Kind), IDS, IDS, IDS, NUMBERS, st.integers(-80_000, VALID_S))
def test_a_token_gives_back_what_it_names(
    kind: Kind, account: int, message: int, delivery: int, number: int, later: int
) -> None:
    """For as long as it is valid, a token of 60 plain characters gives back what it was made of; not a day longer."""
    token = TOKENS.make(kind, account, message, delivery, number, NOW)
    assert len(token) == LENGTH
    assert token.replace("-", "a").replace("_", "a").isalnum()
    assert TOKENS.read(token, NOW + later) == Token(kind, account, message, delivery, number, NOW)
    assert TOKENS.read(token.encode(), NOW) is not None
    assert TOKENS.read(token, NOW + VALID_S + 1) is None
    assert TOKENS.read(token, NOW - 90_000) is None


@given(IDS, st.integers(0, LENGTH - 1), st.characters(max_codepoint=0x17F))
def test_no_character_can_be_changed(delivery: int, place: int, other: str) -> None:
    """A token with one other character is none."""
    token = TOKENS.make(Kind.CLICK, 1, 2, delivery, 3, NOW)
    if other not in {token[place], {"-": "+", "_": "/"}.get(token[place])}:
        assert TOKENS.read(token[:place] + other + token[place + 1 :], NOW) is None


@given(st.text(max_size=70) | st.binary(max_size=70) | st.from_regex(r"[A-Za-z0-9_-]{60}", fullmatch=True))
def test_anything_else_is_none(text: str | bytes) -> None:
    """Nothing else is taken for a token, nor makes reading fail."""
    assert TOKENS.read(text, NOW) is None


def test_secrets_can_be_rotated() -> None:
    """Tokens are made with the first secret and read with all; another installation's are refused."""
    token = TOKENS.make(Kind.OPEN, 1, 2, 3, 0, NOW)
    assert Tokens((b"new" * 11, SECRET)).read(token, NOW) is not None
    assert Tokens((b"new" * 11,)).read(token, NOW) is None


@given(st.binary(max_size=200), IDS)
def test_the_proof_is_hmac(secret: bytes, delivery: int) -> None:
    """The end of a token is the beginning of HMAC-SHA-256 over what stands before it, as RFC 2104 says."""
    whole = urlsafe_b64decode(Tokens((secret,)).make(Kind.CLICK, 1, 2, delivery, 3, NOW))
    assert whole[-14:] == hmac.digest(secret, whole[:-14], "sha256")[:14]
