"""The certificate of the submission ports: the operator's, or one that we make ourselves so that TLS works at once."""

from __future__ import annotations

import datetime
import os
import ssl
from pathlib import Path

from aftersend import clock
from aftersend.errors import SettingsError

VALID_DAYS = 3650


def server_context(certificate: str, key: str, *, data_dir: str, hostname: str) -> ssl.SSLContext:
    """Return the context for STARTTLS and implicit TLS; without a certificate, with one that we make ourselves.

    Raise SettingsError if the operator's files cannot be used.
    """
    certificate = certificate or str(own_certificate(Path(data_dir), hostname))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"smtp.tls_certificate: {certificate} (key: {key or 'in the same file'}) cannot be used: {error}."
        ) from None
    return context


def own_certificate(folder: Path, hostname: str) -> Path:
    """Return the path of a certificate made by ourselves, making it if there is none. Clients cannot verify it."""
    path = folder / "tls.pem"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = _make(hostname)
        partial = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(made)
        partial.rename(path)
    return path


def _make(hostname: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    since = datetime.datetime.fromtimestamp(clock.now() // clock.SECOND, datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
