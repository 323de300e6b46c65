from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from names_table import Table

from aftersend import clock
from aftersend.control.doctor import Installation, examine
from aftersend.store import Engine

GOOD = Table(
    a={"mail.example.net": ["192.0.2.7"]},
    mx={"bounces.example.net": ["mail.example.net"]},
)


def findings(
    folder: Path, names: Table = GOOD, *, now: int | None = None, **other: Any
) -> dict[str, list[tuple[str, str]]]:
    """Examine an installation in a folder; return (state, remedy) of the findings by name."""
    given = {"data_dir": str(folder), "store_url": f"sqlite:///{folder}/aftersend.db", "hostname": "mail.example.net"}
    installation = Installation(**{**given, "return_domain": "bounces.example.net", **other})
    told: dict[str, list[tuple[str, str]]] = {}
    for finding in asyncio.run(examine(installation, names, now=now or clock.now())):
        told.setdefault(finding.name, []).append((finding.state, finding.remedy))
        assert finding.said.endswith((".", ")", "!")), finding
    return told


def state(told: dict[str, list[tuple[str, str]]], name: str) -> str:
    return told[name][0][0]


def test_a_fresh_installation_is_examined_without_changing_it(tmp_path: Path) -> None:
    """Before the first start nothing is there, nothing is wrong with that, and nothing is made."""
    told = findings(tmp_path / "new")
    assert (state(told, "data directory"), state(told, "secret"), state(told, "database")) == ("ok", "ok", "ok")
    assert not (tmp_path / "new").exists()


def test_every_trouble_has_a_remedy(tmp_path: Path, engine: Engine) -> None:
    """Whatever is not well says what to do."""
    for names in (GOOD, Table(), Table(silent=frozenset({"bounces.example.net"}))):
        told = findings(tmp_path, names, hostname="mail.example.net", listen=[("smtp.listen", "203.0.113.1", 25)])
        assert [n for n, listed in told.items() for s, remedy in listed if s != "ok" and not remedy] == []


def test_a_readable_secret_is_a_fault(tmp_path: Path) -> None:
    """Others must not be able to read the secret; the remedy is the command."""
    (tmp_path / "secret").write_text("x" * 64)
    (tmp_path / "secret").chmod(0o644)
    assert [("fail", f"chmod 600 {tmp_path}/secret")] == findings(tmp_path)["secret"]
    (tmp_path / "secret").chmod(0o600)
    assert state(findings(tmp_path), "secret") == "ok"


def test_a_weak_secret_is_told(tmp_path: Path) -> None:
    """A secret of the settings that can be guessed is a warning."""
    assert state(findings(tmp_path, secret="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "secret") == "warn"


@pytest.mark.parametrize("hostname", ["localhost", "vm", "mail.local"])
def test_a_name_that_nobody_can_look_up_is_a_fault(tmp_path: Path, hostname: str) -> None:
    """A server must have a name in the DNS: others check it in HELO."""
    assert state(findings(tmp_path, hostname=hostname), "hostname") == "fail"


def test_a_missing_address_comes_with_its_record(tmp_path: Path) -> None:
    """The remedy is the very record to publish."""
    told = findings(tmp_path, Table(), addresses=("192.0.2.7", "2001:db8::7"))
    expected = "mail.example.net. 3600 IN A 192.0.2.7\nmail.example.net. 3600 IN AAAA 2001:db8::7"
    assert ("fail", expected) == told["hostname"][0]


def test_bounces_that_come_to_nobody_are_told(tmp_path: Path) -> None:
    """Without an MX for the return domain, late bounces are lost; the remedy is the record."""
    told = findings(tmp_path, Table(a=GOOD.a))
    assert told["return domain"] == [("fail", "bounces.example.net. 3600 IN MX 10 mail.example.net.")]
    assert state(findings(tmp_path), "return domain") == "ok"


def test_a_port_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """An address that is not this machine's is a fault; a port in use may be our own service."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        used = taken.getsockname()[1]
        told = findings(tmp_path, listen=[("smtp.listen", "203.0.113.1", 2525), ("web.listen", "127.0.0.1", used)])
    assert [state for state, _ in told["port"]] == ["fail", "ok"]


def test_an_old_schema_is_told(tmp_path: Path, engine: Engine) -> None:
    """A database of another schema says which command mends it."""
    assert state(findings(tmp_path), "database") == "ok"
    with engine.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    assert findings(tmp_path)["database"] == [("fail", "aftersend db upgrade")]


def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """An unreachable database is a finding, not a crash."""
    (tmp_path / "aftersend.db").write_bytes(b"this is no database, and never was one" * 100)
    assert state(findings(tmp_path), "database") == "fail"


def test_a_certificate_about_to_end_is_told(tmp_path: Path) -> None:
    """Our own certificate is a warning; one that has ended is a fault."""
    from aftersend.smtpd.certificate import own_certificate

    own_certificate(tmp_path, "mail.example.net")
    assert state(findings(tmp_path), "TLS certificate") == "warn"
    given = {"tls_certificate": str(tmp_path / "tls.pem")}
    assert state(findings(tmp_path, **given), "TLS certificate") == "ok"
    in_ten_years = clock.now() + 3645 * clock.DAY
    assert state(findings(tmp_path, now=in_ten_years, **given), "TLS certificate") == "warn"
    assert state(findings(tmp_path, now=in_ten_years + 30 * clock.DAY, **given), "TLS certificate") == "fail"
    assert state(findings(tmp_path, tls_certificate=str(tmp_path / "none.pem")), "TLS certificate") == "fail"


def test_a_wrong_clock_is_told(tmp_path: Path) -> None:
    """A clock that was never set is a fault: signatures and retries depend on it."""
    assert state(findings(tmp_path, now=clock.DAY), "clock") == "fail"
