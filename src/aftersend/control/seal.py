"""Seal what is kept secret in the database, so that a copy of the database alone opens nothing.

AES-256-GCM with a key derived from the installation's secret. What a sealed text belongs to is bound to it: moved to
another row, it does not open.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from aftersend.control.secret import Secret
from aftersend.errors import SettingsError
from aftersend.mail import dkim
from aftersend.store.accounts import DkimRow

VERSION = b"\x01"
NONCE_LENGTH = 12


def seal(secret: Secret, text: bytes, *, belongs_to: str) -> bytes:
    """Return the sealed text: version, nonce, AES-256-GCM."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_LENGTH)
    return VERSION + nonce + AESGCM(secret.derive("seal")).encrypt(nonce, text, belongs_to.encode())


def unseal(secret: Secret, sealed: bytes, *, belongs_to: str) -> bytes:
    """Return what was sealed. Raise SettingsError when it was sealed with another secret or was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce, text = sealed[1 : 1 + NONCE_LENGTH], sealed[1 + NONCE_LENGTH :]
    try:
        if sealed[:1] != VERSION:
            raise InvalidTag
        return AESGCM(secret.derive("seal")).decrypt(nonce, text, belongs_to.encode())
    except (InvalidTag, ValueError):
        raise SettingsError(
            f"What is sealed for {belongs_to} does not open with this installation's secret. Start with the secret that "
            "it was made with (setting `secret`, or the file `secret` in the data directory)."
        ) from None


def belongs_to(account_id: int, domain: str, selector: str) -> str:
    """Name the place of a signing key, to which its sealed text is bound."""
    return f"account {account_id}, {dkim.dns_name(domain, selector)}"


def opener(secret: Secret, row: DkimRow) -> Callable[[], dkim.DkimKey]:
    """Return a function that opens a signing key; opening takes some milliseconds, so it is done when needed."""

    def opened() -> dkim.DkimKey:
        place = belongs_to(row.account_id, row.domain, row.selector)
        return dkim.load(row.domain, row.selector, unseal(secret, row.sealed, belongs_to=place), is_ours=True)

    return opened
