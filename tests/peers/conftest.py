"""What the tests with other mail programs share: the service, a certificate, and where to find the helpers."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from aftersend import clock
from aftersend.control import keys
from aftersend.store import Engine, accounts

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "endurance")]

from node_process import NodeProcess, free_port  # noqa: E402
from receiver import Manners, Receiver  # noqa: E402


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and its certificate for 127.0.0.1."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peers.test")])
    now = datetime.datetime.fromtimestamp(os.stat(HERE).st_mtime, datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.DNSName("peers.test")]), False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "both.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where all mail goes; it keeps what it gets."""
    server = Receiver(Manners(keeps_content=True)).start()
    yield server
    server.stop()


@pytest.fixture
def guarded(tmp_path: Path, receiver: Receiver, certificate: Path) -> Iterator[tuple[NodeProcess, str]]:
    """The service as it stands on a network: TLS, and nobody submits without a key. With such a key."""
    node = NodeProcess(
        tmp_path,
        smtp__trusted_networks="",
        smtp__listen_tls=f"127.0.0.1:{(tls_port := free_port())}",
        smtp__tls_certificate=certificate,
        delivery__routes=f"*=127.0.0.1:{receiver.port}",
    )
    node.smtps_port = tls_port
    node.start()
    yield node, make_key(node)
    node.end()


@pytest.fixture
def open_node(tmp_path: Path, receiver: Receiver, certificate: Path) -> Iterator[NodeProcess]:
    """The service on a network that the operator trusts."""
    node = NodeProcess(
        tmp_path,
        smtp__tls_certificate=certificate,
        smtp__max_size=1_000_000,
        smtp__max_recipients=5,
        delivery__routes=f"*=127.0.0.1:{receiver.port}",
    )
    node.start()
    yield node
    node.end()


def make_key(node: NodeProcess) -> str:
    """Make an API key that may send, straight in the database, as the command line does."""
    engine = Engine(node.store_url)
    with engine.writing() as connection:
        secret = keys.create(connection, accounts.FIRST_ACCOUNT, 4711, name="peer", scopes=["send"], now=clock.now())
    engine.close()
    return secret
