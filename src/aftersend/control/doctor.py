"""Own the examination of an installation: what is wrong with it, and the exact remedy.

Each check looks at one thing and returns findings; none changes anything. Those that ask other machines run only when asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import os
import shutil
import socket
import ssl
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aftersend.clock import HOUR, MINUTE, SECOND, Instant
from aftersend.control.names import Names
from aftersend.store import Engine, condition, nodes, upgrade
from aftersend.store.engine import wal_is_safe

OK, WARN, FAIL = "ok", "warn", "fail"

FREE_WARN, FREE_FAIL = 2 * 1024**3, 256 * 1024**2
"""Bytes of free disk below which to warn, and below which mail will soon be refused."""
FILES_WANTED = 8192
CERTIFICATE_WARN_DAYS = 21
CLOCK_WARN_S, CLOCK_FAIL_S = 5, 60
BUILT = 1_767_225_600
"""2026-01-01: a clock that shows an earlier time is wrong."""
ANSWER_WITHIN_S = 5.0
PROBES = ("gmail-smtp-in.l.google.com", "mx1.mail.icloud.com")
"""Servers that take mail from everywhere, to see whether port 25 is open on the way out; nothing is sent to them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    state: str
    """`ok`, `warn` or `fail`."""
    said: str
    remedy: str = ""
    """What to do, or the exact record to publish; empty when all is well."""

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return {"name": self.name, "state": self.state, "said": self.said, "remedy": self.remedy}


@dataclass(frozen=True, slots=True)
class Installation:
    """What is examined, in plain values."""

    data_dir: str
    store_url: str
    hostname: str
    return_domain: str
    listen: Sequence[tuple[str, str, int]] = ()
    """(setting, host, port) of every address that the service listens on."""
    tls_certificate: str = ""
    tls_key: str = ""
    secret: str = ""
    addresses: Sequence[str] = field(default_factory=tuple)
    """The addresses that mail leaves from, if settings name them."""
    is_smart_host_only: bool = False
    """Whether all mail goes through a smart host, so that our own address is nobody's concern."""


async def examine(
    installation: Installation, names: Names, *, now: Instant, with_network: bool = False
) -> list[Finding]:
    """Make all checks; those that ask machines beyond the DNS resolver only `with_network`."""
    found: list[Finding] = []
    for check in (_files, _secret, _sqlite, _clock, _descriptors, _certificate):
        found += check(installation, now)
    found += await asyncio.to_thread(_store, installation, now)
    found += await _ports(installation)
    found += await _names(installation, names)
    if with_network:
        found += await _outward(installation, names)
    return found


# ---- this machine ----------------------------------------------------------------------------------------------------


def _files(installation: Installation, now: Instant) -> list[Finding]:
    folder = Path(installation.data_dir).absolute()
    there = folder
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        remedy = f"mkdir -p {folder} && chown {_user()} {folder}, or set `data_dir`"
        return [Finding("data directory", FAIL, f"{folder} cannot be written to by {_user()}.", remedy)]
    found = [
        Finding("data directory", OK, f"{folder} can be written to{'' if folder.exists() else ' (it will be made)'}.")
    ]
    free = shutil.disk_usage(there).free
    shown = f"{free // 1024**2} MiB free in {there}"
    if free < FREE_FAIL:
        remedy = "Free some space, or set `data_dir` to a larger disk; keep bodies for less long (`retention.bodies`)"
        return [*found, Finding("disk", FAIL, f"{shown}: mail will be refused with 452 soon.", remedy)]
    if free < FREE_WARN:
        return [
            *found,
            Finding("disk", WARN, f"{shown}.", "Watch it, or keep bodies for less long (`retention.bodies`)"),
        ]
    return [*found, Finding("disk", OK, f"{shown}.")]


def _secret(installation: Installation, now: Instant) -> list[Finding]:
    if installation.secret:
        if len(set(installation.secret)) < 8 or len(installation.secret) < 32:
            said = f"The setting `secret` is weak: {len(installation.secret)} characters, {len(set(installation.secret))} different ones."
            return [
                Finding(
                    "secret", WARN, said, "For a new installation: openssl rand -hex 32. A running one cannot change it"
                )
            ]
        return [Finding("secret", OK, "The secret comes from the settings.")]
    path = Path(installation.data_dir) / "secret"
    if not path.exists():
        return [Finding("secret", OK, "There is no secret yet; it is made when the service first starts.")]
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return [Finding("secret", FAIL, f"Others can read the secret: {path} has mode {mode:o}.", f"chmod 600 {path}")]
    return [Finding("secret", OK, f"Only {_user()} can read {path}. Keep a copy of it with your backups.")]


def _sqlite(installation: Installation, now: Instant) -> list[Finding]:
    if not installation.store_url.startswith("sqlite"):
        return []
    version = condition.sqlite_version()
    if wal_is_safe():
        return [Finding("SQLite", OK, f"SQLite {version}.")]
    said = f"SQLite {version} can lose commits in WAL mode (mended in 3.51.3), so the slower rollback journal is used."
    return [Finding("SQLite", WARN, said, "python -m pip install pysqlite3, or a system with SQLite 3.51.3 or later")]


def _clock(installation: Installation, now: Instant) -> list[Finding]:
    if now // SECOND < BUILT:
        said = f"The clock shows {datetime.datetime.fromtimestamp(now // SECOND, datetime.UTC):%Y-%m-%d}, long ago."
        return [Finding("clock", FAIL, said, "timedatectl set-ntp true")]
    return []


def _descriptors(installation: Installation, now: Instant) -> list[Finding]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(soft, hard) if hard != resource.RLIM_INFINITY else FILES_WANTED
    if most < FILES_WANTED:
        said = f"This process may open {most} files, and every connection is one; {FILES_WANTED} are advised."
        return [
            Finding(
                "open files", WARN, said, f"LimitNOFILE={FILES_WANTED} in the systemd unit, or ulimit -n {FILES_WANTED}"
            )
        ]
    return [
        Finding(
            "open files",
            OK,
            f"{soft} files may be open, {'any number' if hard == resource.RLIM_INFINITY else hard} at the most.",
        )
    ]


def _certificate(installation: Installation, now: Instant) -> list[Finding]:
    own = not installation.tls_certificate
    path = Path(installation.tls_certificate or Path(installation.data_dir) / "tls.pem")
    if own and not path.exists():
        return [
            Finding(
                "TLS certificate",
                WARN,
                "None is set: one is made at the first start, which clients cannot verify.",
                _OWN,
            )
        ]
    try:
        from cryptography import x509

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, installation.tls_key or None)
        leaf = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError, ssl.SSLError) as error:
        return [
            Finding(
                "TLS certificate", FAIL, f"{path} cannot be used: {error}.", "Set smtp.tls_certificate and smtp.tls_key"
            )
        ]
    ends = leaf.not_valid_after_utc
    left = (ends - datetime.datetime.fromtimestamp(now // SECOND, datetime.UTC)).days
    if left < 0:
        return [
            Finding("TLS certificate", FAIL, f"{path} ended on {ends:%Y-%m-%d}.", "Renew it, then restart the service")
        ]
    if own:
        return [Finding("TLS certificate", WARN, "It is made by ourselves, so clients cannot verify it.", _OWN)]
    if left < CERTIFICATE_WARN_DAYS:
        return [Finding("TLS certificate", WARN, f"{path} ends in {left} days.", "Renew it, then restart the service")]
    found = [Finding("TLS certificate", OK, f"{path} is valid until {ends:%Y-%m-%d}.")]
    if not _names_host(leaf, installation.hostname):
        said = f"{path} is not made out to {installation.hostname}; clients that verify will refuse it."
        found.append(
            Finding("TLS certificate", WARN, said, f"Get one for {installation.hostname}, or set smtp.hostname")
        )
    return found


_OWN = "Get one (for instance: certbot certonly) and set smtp.tls_certificate and smtp.tls_key"


def _names_host(leaf: Any, hostname: str) -> bool:
    from cryptography import x509

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
            x509.DNSName
        )
    except x509.ExtensionNotFound:
        return False
    return any(n == hostname or (n.startswith("*.") and n[2:] == hostname.partition(".")[2]) for n in names)


def _user() -> str:
    import getpass

    return getpass.getuser()


# ---- the store -------------------------------------------------------------------------------------------------------


def _store(installation: Installation, now: Instant) -> list[Finding]:
    url = installation.store_url
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        return [Finding("database", OK, "There is none yet; it is made when the service first starts.")]
    try:
        engine = Engine(url)
        try:
            with engine.reading() as connection:
                return _asked(engine, connection, now)
        finally:
            engine.close()
    except Exception as error:
        said = f"The database cannot be opened: {str(error).splitlines()[0][:200]}."
        return [Finding("database", FAIL, said, "Check `store.url`, and that the server runs and lets this machine in")]


def _asked(engine: Engine, connection: Any, now: Instant) -> list[Finding]:
    version = upgrade.version(connection)
    if version != upgrade.HEAD:
        said = f"The schema is {version or 'missing'}; this Aftersend knows {upgrade.HEAD}."
        return [Finding("database", FAIL, said, "aftersend db upgrade")]
    found = [Finding("database", OK, f"{engine.version()}, schema {version}, {engine.size_bytes() // 1024**2} MiB.")]
    at_work = [name for _, name, _, until in nodes.listed(connection) if until > now]
    aside, oldest = condition.overdue(connection)
    if aside:
        said = f"{aside} deliveries met a fault of ours three times and are set aside; nothing is lost."
        found.append(Finding("queue", FAIL, said, "aftersend queue list shows why; then: aftersend queue retry --all"))
    late = 0 if oldest is None else now - oldest
    if oldest is not None and late > 10 * MINUTE:
        shown = f"{late // HOUR} h {late % HOUR // MINUTE} min" if late > HOUR else f"{late // MINUTE} min"
        remedy = "aftersend queue summary; see the log of the service" if at_work else "aftersend serve"
        found.append(Finding("queue", FAIL if not at_work else WARN, f"The oldest work is {shown} late.", remedy))
    elif not aside:
        found.append(Finding("queue", OK, "Nothing is late."))
    return found


# ---- ports, names ----------------------------------------------------------------------------------------------------


def unavailable(listen: Sequence[tuple[str, str, int]]) -> str | None:
    """Name the first of these (setting, host, port) that cannot be opened now, and why; None if all can."""
    for setting, host, port in listen:
        said = _taken(host, port)
        if said is not None:
            return f"{host}:{port} ({setting}) cannot be opened: {said}."
    return None


async def _ports(installation: Installation) -> list[Finding]:
    found = []
    for setting, host, port in installation.listen:
        place = f"{host}:{port}"
        said = await asyncio.to_thread(_taken, host, port)
        if said is None:
            found.append(Finding("port", OK, f"{place} ({setting}) is free."))
        elif said == "in use":
            found.append(Finding("port", OK, f"{place} ({setting}) is in use: by Aftersend, if it runs."))
        else:
            remedy = "Run as root, give the right: setcap cap_net_bind_service=+ep PYTHON, or choose a port above 1023"
            remedy = remedy if port < 1024 else f"Change {setting}"
            found.append(Finding("port", FAIL, f"{place} ({setting}) cannot be opened: {said}.", remedy))
    return found


def _taken(host: str, port: int) -> str | None:
    """None when the port could be opened; "in use"; or what else stands against it."""
    if port == 0:
        return None
    try:
        kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        import errno

        return "in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
    return None


async def _names(installation: Installation, names: Names) -> list[Finding]:
    hostname = installation.hostname
    if "." not in hostname.strip(".") or hostname.endswith((".local", ".localdomain", ".internal")):
        said = f"This server calls itself {hostname!r}, which no other server can look up."
        return [
            Finding("hostname", FAIL, said, "Set smtp.hostname to a name of yours in the DNS, such as mail.example.com")
        ]
    asked = time.monotonic()
    host = await names.addresses(hostname)
    took = time.monotonic() - asked
    servers = await names.servers(installation.return_domain)
    if not host.addresses and servers.trouble == "no_answer":
        said = f"The DNS resolver does not answer ({took:.1f} s)."
        return [Finding("DNS resolver", FAIL, said, "Check /etc/resolv.conf, or set `dns.server`")]
    found = [
        Finding(
            "DNS resolver",
            OK if took < 1 else WARN,
            f"It answers within {took * 1000:.0f} ms.",
            "" if took < 1 else "A resolver on this machine (unbound) makes delivery faster",
        )
    ]
    if not host.addresses:
        record = "\n".join(
            f"{hostname}. 3600 IN {_kind(a)} {a}" for a in _own_addresses(installation) or ["YOUR-ADDRESS"]
        )
        return [*found, Finding("hostname", FAIL, f"{hostname} has no address in the DNS.", record)]
    found.append(Finding("hostname", OK, f"{hostname} is {', '.join(host.addresses)}."))
    found += _returns(installation, servers)
    if not installation.is_smart_host_only:
        for address in host.addresses:
            found.append(await _reverse(installation, names, address))
    return found


def _returns(installation: Installation, servers: Any) -> list[Finding]:
    domain, hostname = installation.return_domain, installation.hostname
    hosts = [host.name.lower().rstrip(".") for host in servers.hosts]
    if hostname.lower() in hosts:
        return [Finding("return domain", OK, f"Bounces to {domain} come to this server.")]
    if servers.trouble == "no_answer":
        return [Finding("return domain", WARN, f"The DNS did not answer for {domain}.", "Try again in a few minutes")]
    said = f"Bounces to {domain} " + (f"go to {', '.join(hosts)}." if hosts else "have nowhere to go.")
    return [Finding("return domain", FAIL, said, f"{domain}. 3600 IN MX 10 {hostname}.")]


async def _reverse(installation: Installation, names: Names, address: str) -> Finding:
    """The name of our address must be our name: Gmail and others refuse mail otherwise."""
    known = ipaddress.ip_address(address)
    if not known.is_global:
        return Finding(
            "PTR",
            WARN,
            f"{address} is not an address of the Internet; others see another one.",
            "Check the PTR of the public address",
        )
    try:
        name = (await asyncio.wait_for(asyncio.to_thread(socket.gethostbyaddr, address), ANSWER_WITHIN_S))[0]
    except (OSError, TimeoutError):
        name = ""
    if name.lower().rstrip(".") == installation.hostname.lower():
        return Finding("PTR", OK, f"{address} is called {name}.")
    said = f"{address} is called {name or 'nothing'}, not {installation.hostname}; many servers refuse mail from it."
    return Finding(
        "PTR", FAIL, said, f"{known.reverse_pointer}. 3600 IN PTR {installation.hostname}.  (your provider sets it)"
    )


def _own_addresses(installation: Installation) -> list[str]:
    if installation.addresses:
        return list(installation.addresses)
    found = []
    for kind, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(kind, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 25))
            found.append(str(probe.getsockname()[0]))
    return [address for address in found if ipaddress.ip_address(address).is_global]


def _kind(address: str) -> str:
    return "AAAA" if ":" in address else "A"


# ---- beyond ----------------------------------------------------------------------------------------------------------


async def _outward(installation: Installation, names: Names) -> list[Finding]:
    return [*([] if installation.is_smart_host_only else [await _port_25(PROBES)]), await _time()]


async def _port_25(probes: Iterable[str]) -> Finding:
    for host in probes:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(host, 25), ANSWER_WITHIN_S)
        except (OSError, TimeoutError):
            continue
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(reader.readline(), ANSWER_WITHIN_S)
        writer.close()
        return Finding("port 25 outbound", OK, f"{host} answers.")
    remedy = 'Ask the provider to open it, or send through a smart host: delivery.routes = { "*" = "smtps://USER:PASSWORD@HOST" }'
    return Finding(
        "port 25 outbound", FAIL, f"None of {', '.join(probes)} answers on port 25: it is closed on the way.", remedy
    )


async def _time() -> Finding:
    """Ask a time server (SNTP, RFC 4330) how far the clock is off."""
    try:
        off = await asyncio.to_thread(_offset, "pool.ntp.org")
    except OSError:
        return Finding("clock", WARN, "No time server answers.", "timedatectl shows whether the clock is kept right")
    if abs(off) > CLOCK_WARN_S:
        state = FAIL if abs(off) > CLOCK_FAIL_S else WARN
        return Finding("clock", state, f"The clock is {off:+.0f} s off.", "timedatectl set-ntp true")
    return Finding("clock", OK, f"The clock is right ({off:+.1f} s).")


def _offset(server: str) -> float:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(ANSWER_WITHIN_S)
        sent = time.time()
        probe.sendto(b"\x1b" + 47 * b"\0", (server, 123))
        answer, _ = probe.recvfrom(512)
        received = time.time()
    if len(answer) < 48:
        raise OSError("the answer is too short")
    seconds = int.from_bytes(answer[40:44], "big") - 2_208_988_800 + int.from_bytes(answer[44:48], "big") / 2**32
    return (sent + received) / 2 - seconds
