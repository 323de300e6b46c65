from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.control.seal import seal, unseal
from aftersend.control.secret import Secret, installation_secret
from aftersend.errors import SettingsError
from aftersend.store import Engine

LONG = "correct horse battery staple"


@dataclass
class Given:
    secret: str
    data_dir: str


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(engine: Engine, tmp_path: Path) -> None:
    """Without a setting, a secret is made at the first start and found again at the next."""
    with engine.writing() as connection:
        first = installation_secret(Given("", str(tmp_path)), connection)
    with engine.writing() as connection:
        second = installation_secret(Given("", str(tmp_path)), connection)
    assert first.fingerprint == second.fingerprint
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_another_secret_is_refused_with_the_remedy(engine: Engine, tmp_path: Path) -> None:
    """A node with another secret than the installation's does not start."""
    with engine.writing() as connection:
        installation_secret(Given(LONG, str(tmp_path)), connection)
    with engine.writing() as connection, pytest.raises(SettingsError, match="set `secret`, or copy"):
        installation_secret(Given("another" + LONG, str(tmp_path)), connection)


def test_a_lost_secret_is_not_made_anew(engine: Engine, tmp_path: Path) -> None:
    """If the file is gone, a new secret would open nothing: the operator is told to bring the old one."""
    with engine.writing() as connection:
        installation_secret(Given("", str(tmp_path)), connection)
    (tmp_path / "secret").unlink()
    with engine.writing() as connection, pytest.raises(SettingsError, match="missing"):
        installation_secret(Given("", str(tmp_path)), connection)
    assert not (tmp_path / "secret").exists()


def test_a_short_secret_is_refused(engine: Engine, tmp_path: Path) -> None:
    """A secret that can be guessed is refused, with the command that makes a good one."""
    with engine.writing() as connection, pytest.raises(SettingsError, match="openssl rand"):
        installation_secret(Given("letmein", str(tmp_path)), connection)


def test_derived_keys_follow_rfc_5869() -> None:
    """Sub-keys are HKDF-SHA-256 with the salt `aftersend`, so that other programs can derive them as well."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    for length in (16, 32, 64):
        expected = HKDF(SHA256(), length, b"aftersend", b"verp").derive(LONG.encode())
        assert expected == Secret(LONG).derive("verp", length)


def test_purposes_have_different_keys() -> None:
    """What one key signs, no other verifies."""
    assert len({Secret(LONG).derive(purpose) for purpose in ("verp", "seal", "fingerprint")}) == 3


def test_the_secret_has_no_text_form() -> None:
    """A secret that gets into a log says nothing."""
    assert LONG not in f"{Secret(LONG)!r} {Secret(LONG)}"


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_is_sealed_opens_where_it_belongs(text: bytes, place: str) -> None:
    """unseal(seal(x)) is x, and each sealing looks different."""
    secret = Secret(LONG)
    sealed = seal(secret, text, belongs_to=place)
    assert text == unseal(secret, sealed, belongs_to=place)
    assert sealed != seal(secret, text, belongs_to=place)


@given(st.data())
def test_a_changed_seal_does_not_open(data: st.DataObject) -> None:
    """No bit of a sealed text can be changed, nor can it be cut."""
    secret = Secret(LONG)
    sealed = bytearray(seal(secret, b"private key", belongs_to="here"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SettingsError):
        unseal(secret, bytes(sealed), belongs_to="here")
    with pytest.raises(SettingsError):
        unseal(secret, bytes(sealed[: data.draw(st.integers(0, len(sealed) - 1))]), belongs_to="here")


@pytest.mark.parametrize(("secret", "place"), [("another secret of this length", "here"), (LONG, "elsewhere")])
def test_a_seal_opens_nowhere_else(secret: str, place: str) -> None:
    """Neither another secret nor another place opens it."""
    sealed = seal(Secret(LONG), b"private key", belongs_to="here")
    with pytest.raises(SettingsError):
        unseal(Secret(secret), sealed, belongs_to=place)
