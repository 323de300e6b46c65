"""Own the installation's secret: where it comes from, that all nodes have the same one, and the keys derived from it.

Everything else that must be secret or hard to forge (sealed signing keys, return paths, tracking links) hangs on it.
"""

from __future__ import annotations

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from aftersend.errors import SettingsError
from aftersend.store import meta
from aftersend.store.connection import Connection

FINGERPRINT = "secret_fingerprint"
LEAST_LENGTH = 16
"""A secret that a person chose has at least as many characters; ours has 64."""


class SecretSettings(Protocol):
    """What must be known of the settings."""

    @property
    def secret(self) -> str:
        """The secret itself, or "" for the one in `data_dir`."""

    @property
    def data_dir(self) -> str:
        """The directory that holds the file `secret`."""


class Secret:
    """The secret of an installation. Never shown: it has no text form."""

    def __init__(self, text: str) -> None:
        self._key = text.encode()

    def __repr__(self) -> str:
        return "<Secret>"

    def derive(self, purpose: str, length: int = 32) -> bytes:
        """Return the key for one purpose, by HKDF with SHA-256 (RFC 5869); no key tells anything about another."""
        made = hmac.digest(b"aftersend", self._key, "sha256")
        block, key = b"", b""
        for number in range(1, -(-length // 32) + 1):
            block = hmac.digest(made, block + purpose.encode() + bytes([number]), "sha256")
            key += block
        return key[:length]

    @property
    def fingerprint(self) -> str:
        """A short text by which the same secret is known again, and from which it cannot be found."""
        return sha256(self.derive("fingerprint")).hexdigest()[:16]


def secret_file(settings: SecretSettings) -> Path:
    """Return where the secret is kept when no setting names it."""
    return Path(settings.data_dir) / "secret"


def installation_secret(settings: SecretSettings, connection: Connection) -> Secret:
    """Return the secret: the setting, else the file in `data_dir`, which is made once.

    The database remembers a fingerprint. Raise SettingsError when it belongs to another secret: what was sealed with that
    one could not be opened, and bounces to return paths already sent out would be refused.
    """
    if settings.secret:
        if len(settings.secret) < LEAST_LENGTH:
            raise SettingsError(
                f"The setting `secret` has {len(settings.secret)} characters; {LEAST_LENGTH} are the least. "
                "Make one with: openssl rand -hex 32"
            )
        secret, origin = Secret(settings.secret), "the setting `secret`"
    else:
        path = secret_file(settings)
        known = meta.get(connection, FINGERPRINT)
        secret, origin = Secret(_read_or_make(path, may_make=known is None)), str(path)
    known = meta.get(connection, FINGERPRINT)
    if known is None:
        meta.put(connection, FINGERPRINT, secret.fingerprint)
    elif known != secret.fingerprint:
        raise SettingsError(
            f"The database belongs to another secret than the one from {origin} (fingerprint {known}, not "
            f"{secret.fingerprint}). Give this node the secret that the installation was made with: set `secret`, or copy "
            "the file `secret` from the data directory of the first node."
        )
    return secret


def _read_or_make(path: Path, *, may_make: bool) -> str:
    try:
        text = path.read_text().strip()
    except FileNotFoundError:
        if not may_make:
            raise SettingsError(
                f"The secret of this installation is missing: there is no file {path}, and the setting `secret` is empty. "
                "Copy the file `secret` from the data directory of the first node, or from a backup."
            ) from None
        return _make(path)
    except OSError as error:
        raise SettingsError(f"The secret in {path} cannot be read: {error.strerror}.") from None
    if len(text) < LEAST_LENGTH:
        raise SettingsError(f"The secret in {path} has {len(text)} characters; {LEAST_LENGTH} are the least.")
    return text


def _make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = secrets.token_hex(32)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    except OSError as error:
        raise SettingsError(f"The secret cannot be written to {path}: {error.strerror}.") from None
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    return text
