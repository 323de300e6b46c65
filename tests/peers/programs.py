"""Other mail programs, run for a test: configured in a directory of their own, on loopback, ended by their process number.

Programs that are installed are used as they are. Packages that cannot be installed beside each other are unpacked only,
under `build/peers` (where CI puts them) or in a directory that the test run makes.
"""

from __future__ import annotations

import atexit
import contextlib
import email
import email.message
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from node_process import free_port, greeting

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "peers.test"
KNOWN = f"inbox@{DOMAIN}"
UNKNOWN = f"nobody-here@{DOMAIN}"


def installed(name: str) -> str:
    """Return the path of a program, or skip the test by its name."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", "/sbin", str(ROOT / "build" / "peers" / "usr" / "sbin")]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@cache
def _unpacked(packages: tuple[str, ...]) -> Path | None:
    """Fetch Debian packages and unpack them; None where that is not possible."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="aftersend-peers-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with contextlib.suppress(subprocess.SubprocessError, OSError):
        fetch = ["apt-get", "download", "-qq", *packages]
        subprocess.run(fetch, cwd=folder, check=True, capture_output=True, timeout=120)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True, capture_output=True, timeout=60)
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    return None


def installed_or_unpacked(name: str, packages: Sequence[str], among: Sequence[str] = ("usr/sbin",)) -> Path:
    """Return the path of a program, from the system or out of its packages; skip the test by its name if there is none."""
    for folder in (ROOT / "build" / "peers", Path("/")):
        for place in among:
            if (folder / place / name).exists():
                return folder / place / name
    unpacked = _unpacked(tuple(packages))
    for place in among:
        if unpacked is not None and (unpacked / place / name).exists():
            return unpacked / place / name
    pytest.skip(f"{name} is not installed and cannot be fetched")


def need_root(name: str) -> None:
    """Skip the test where the program cannot be started by whoever runs the tests."""
    if os.geteuid() != 0:
        pytest.skip(f"{name} has to be started by root")


def need_user(*names: str) -> None:
    """Skip the test where a system user is missing that a program runs as."""
    for name in names:
        try:
            pwd.getpwnam(name)
        except KeyError:
            pytest.skip(f"there is no user {name}")


class Maildirs:
    """What a program has delivered under a directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def messages(self) -> list[bytes]:
        """Everything that has been delivered."""
        return [file.read_bytes() for file in sorted(self._folder.glob("**/new/*")) if file.is_file()]

    def wait(self, number: int = 1, seconds: float = 30.0) -> list[email.message.Message]:
        """Wait for so many messages."""
        end = time.monotonic() + seconds
        while len(found := self.messages()) < number:
            assert time.monotonic() < end, f"{len(found)} of {number} messages have been delivered"
            time.sleep(0.1)
        return [email.message_from_bytes(message) for message in found]


@contextlib.contextmanager
def running(command: Sequence[str | Path], port: int, log: Path, **more: object) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program that stays in the foreground; it is ready when it greets."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, **more,  # type: ignore[call-overload]
        )  # fmt: skip
    try:
        end = time.monotonic() + 90
        while not greeting(port, 2.0).startswith(b"220"):
            assert process.poll() is None, f"{command[0]} ended:\n{log.read_text(errors='replace')[-3000:]}"
            assert time.monotonic() < end, f"{command[0]} does not answer:\n{log.read_text(errors='replace')[-3000:]}"
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):  # its children, which are in its own session
            os.killpg(process.pid, signal.SIGKILL)


def _readable_folder() -> Path:
    """A directory that other users may enter, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="aftersend-peer-"))
    folder.chmod(0o755)
    return folder


@contextlib.contextmanager
def postfix(
    certificate: Path, *, relay_to: int | None = None, relay_tls: str = "may"
) -> Iterator[tuple[int, Maildirs]]:
    """A Postfix that takes mail for `inbox@peers.test`, or sends everything on to a port of 127.0.0.1."""
    program = installed("postfix")
    need_root("postfix")
    need_user("postfix", "nobody")
    folder = _readable_folder()
    port = free_port()
    for name in ("etc", "spool", "data", "mail"):
        (folder / name).mkdir()
    owner, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
    os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
    os.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
    (folder / "etc" / "users").write_text(f"{KNOWN} inbox/\n")
    settings = {
        "compatibility_level": "3.6",
        "queue_directory": folder / "spool",
        "data_directory": folder / "data",
        "command_directory": "/usr/sbin",
        "daemon_directory": "/usr/lib/postfix/sbin",
        "mail_owner": "postfix",
        "setgid_group": "postdrop",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "myhostname": "postfix.test",
        "mydestination": "",
        "alias_maps": "",
        "local_recipient_maps": "",
        "mynetworks": "127.0.0.0/8",
        "smtpd_relay_restrictions": "permit_mynetworks, reject" if relay_to else "reject_unauth_destination",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_chain_files": certificate,
        "smtpd_forbid_bare_newline": "yes",
        "maillog_file": folder / "maillog",
        "maillog_file_prefixes": folder,
        "smtp_host_lookup": "native",
        "smtp_tls_security_level": relay_tls,
    }
    if relay_to is None:
        settings |= {
            "virtual_mailbox_domains": DOMAIN,
            "virtual_mailbox_base": folder / "mail",
            "virtual_mailbox_maps": f"texthash:{folder}/etc/users",
            "virtual_uid_maps": f"static:{nobody.pw_uid}",
            "virtual_gid_maps": f"static:{nobody.pw_gid}",
        }
    else:
        settings["default_transport"] = f"smtp:[127.0.0.1]:{relay_to}"
    (folder / "etc" / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    (folder / "etc" / "master.cf").write_text(_master(port))
    for name in ("dynamicmaps.cf", "postfix-files"):
        if Path("/etc/postfix", name).exists():
            shutil.copy(Path("/etc/postfix", name), folder / "etc" / name)
    for name in ("dynamicmaps.cf.d", "postfix-files.d"):
        if Path("/etc/postfix", name).is_dir():
            shutil.copytree(Path("/etc/postfix", name), folder / "etc" / name)
    try:
        with running([program, "-c", folder / "etc", "start-fg"], port, folder / "maillog"):
            try:
                yield port, Maildirs(folder / "mail")
            finally:
                _end_master(folder / "spool" / "pid" / "master.pid")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_master(pid_file: Path) -> None:
    """End Postfix's master and with it its services: it does not end with the script that started it."""
    with contextlib.suppress(OSError, ValueError):
        master = int(pid_file.read_text())
        os.kill(master, signal.SIGTERM)
        end = time.monotonic() + 90
        while time.monotonic() < end:
            os.kill(master, 0)  # raises when it is gone
            time.sleep(0.02)


def _master(port: int) -> str:
    """The services of Debian's Postfix, on another port and without a changed root."""
    lines = []
    for line in Path("/usr/share/postfix/master.cf.dist").read_text().splitlines():
        fields = line.split()
        if len(fields) == 8 and not line.startswith("#"):
            fields[4] = "n"
            if fields[:2] == ["smtp", "inet"]:
                fields[0] = f"127.0.0.1:{port}"
            line = " ".join(fields)
        lines.append(line)
    return "\n".join(lines) + "\n"


EXIM = """
exim_path = {program}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
primary_hostname = exim.test
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
domainlist local_domains = peers.test
acl_smtp_rcpt = check_rcpt
deliver_drop_privilege
never_users =
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {certificate}
smtp_accept_max_per_host = 50
begin acl
check_rcpt:
  require domains = +local_domains
  require message = Unknown user
          verify = recipient
  accept
begin routers
kept:
  driver = accept
  local_parts = inbox
  domains = +local_domains
  transport = kept
begin transports
kept:
  driver = appendfile
  directory = {folder}/mail/inbox
  maildir_format
  create_directory
"""


@contextlib.contextmanager
def exim(certificate: Path) -> Iterator[tuple[int, Maildirs]]:
    """An Exim that takes mail for `inbox@peers.test`."""
    program = installed_or_unpacked("exim4", ["exim4-base", "exim4-daemon-light"])
    need_root("exim4")
    need_user("Debian-exim")
    folder = _readable_folder()
    port = free_port()
    owner = pwd.getpwnam("Debian-exim")
    for name in ("spool", "log", "mail"):
        (folder / name).mkdir()
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    own = folder / "certificate.pem"
    shutil.copy(certificate, own)
    os.chown(own, owner.pw_uid, owner.pw_gid)
    file = folder / "exim.conf"
    file.write_text(EXIM.format(folder=folder, port=port, certificate=own, program=program))
    try:
        with running([program, "-C", file, "-bdf", "-q10s"], port, folder / "log" / "output"):
            yield port, Maildirs(folder / "mail")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


OPENSMTPD = """
pki "opensmtpd.test" cert "{certificate}"
pki "opensmtpd.test" key "{key}"
table users {{ "inbox" = "nobody" }}
listen on 127.0.0.1 port {port} tls pki "opensmtpd.test" hostname "opensmtpd.test"
action "keep" maildir "{folder}/mail/inbox" virtual <users>
match from any for rcpt-to "inbox@peers.test" action "keep"
"""
OPENSMTPD_START = """
set -e
mount --make-rprivate /
mount --bind {libexec} /usr/libexec
mount -t tmpfs none /var/spool && mkdir -m 711 /var/spool/smtpd
mount -t tmpfs none /var/lib && mkdir -p /var/lib/opensmtpd/empty
mount -t tmpfs none /run
exec {program} -d -f {file}
"""


@contextlib.contextmanager
def opensmtpd(certificate: Path) -> Iterator[tuple[int, Maildirs]]:
    """An OpenSMTPD that takes mail for `inbox@peers.test`; its fixed paths are hidden from the machine."""
    program = installed_or_unpacked("smtpd", ["opensmtpd"])
    need_root("smtpd")
    need_user("opensmtpd", "opensmtpq", "nobody")
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    folder = _readable_folder()
    port = free_port()
    (folder / "mail").mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
    # It reads certificate and key from two files, and wants the key to be nobody else's.
    blocks = certificate.read_text().partition("-----BEGIN CERTIFICATE")
    (folder / "certificate.pem").write_text(blocks[1] + blocks[2])
    (folder / "key.pem").write_text(blocks[0])
    (folder / "key.pem").chmod(0o600)
    file = folder / "smtpd.conf"
    file.write_text(
        OPENSMTPD.format(folder=folder, port=port, certificate=folder / "certificate.pem", key=folder / "key.pem")
    )
    file.chmod(0o600)
    libexec = program.parent.parent / "libexec"
    script = OPENSMTPD_START.format(program=program, file=file, libexec=libexec)
    try:
        with running(["unshare", "-m", "sh", "-c", script], port, folder / "output"):
            yield port, Maildirs(folder / "mail")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def aiosmtpd(certificate: Path) -> Iterator[tuple[int, Maildirs]]:
    """An aiosmtpd that takes mail for `inbox@peers.test`."""
    import ssl

    controller_module = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")
    handlers = pytest.importorskip("aiosmtpd.handlers")
    folder = _readable_folder()

    class Keeps(handlers.Mailbox):  # type: ignore[misc, name-defined]
        async def handle_RCPT(self, server: object, session: object, envelope: object, address: str, options: object) -> str:  # noqa: N802  # fmt: skip
            if address != KNOWN:
                return "550 5.1.1 Unknown user"
            envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
            return "250 2.1.5 Ok"

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    controller = controller_module.Controller(
        Keeps(str(folder / "mail")), hostname="127.0.0.1", port=free_port(), tls_context=context, enable_SMTPUTF8=True
    )
    controller.start()
    try:
        yield controller.port, Maildirs(folder / "mail")
    finally:
        controller.stop()
        shutil.rmtree(folder, ignore_errors=True)


def exchange(port: int, *pieces: bytes, read_s: float = 1.0) -> bytes:
    """Say something to a server, piece by piece, and return all that it says until it is silent or closes."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.settimeout(read_s)
        for piece in (b"", *pieces):
            connection.sendall(piece)
            heard += _hear(connection)
    return heard


def _hear(connection: socket.socket) -> bytes:
    heard = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while data := connection.recv(65536):
            heard += data
            if heard.endswith(b"\r\n") and heard.rstrip().rpartition(b"\r\n")[2][3:4] == b" ":
                connection.settimeout(0.1)
    connection.settimeout(1.0)
    return heard
