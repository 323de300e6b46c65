"""Start the real filters, as Debian packages them, on loopback and in a temporary directory."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _user(*names: str) -> str | None:
    """The account to run as; None when we are not root and stay who we are."""
    if os.geteuid() != 0:
        return None
    for name in names:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    pytest.skip(f"there is none of the users {', '.join(names)}")


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path, within_s: float = 60.0) -> None:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.skip(f"{process.args[0]} ended at once: {log.read_text(errors='replace')[-500:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    pytest.skip(f"{process.args[0]} does not open its port")


@contextlib.contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            _wait_for(port, process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


_RSPAMD = {
    "worker-normal.inc": 'bind_socket = "127.0.0.1:{worker}"; count = 1;',
    "worker-controller.inc": 'bind_socket = "127.0.0.1:{controller}"; password = "learn"; secure_ip = []; count = 1;',
    "worker-proxy.inc": "enabled = false; count = 0;",
    "worker-fuzzy.inc": "enabled = false; count = 0;",
    "logging.inc": 'type = "console"; level = "error";',
    "options.inc": 'dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }} neighbours {{}}',
    "classifier-bayes.conf": 'backend = "sqlite3"; min_learns = 1; new_schema = false;'
    ' statfile {{ symbol = "BAYES_HAM"; path = "{place}/ham.sqlite"; spam = false; }}'
    ' statfile {{ symbol = "BAYES_SPAM"; path = "{place}/spam.sqlite"; spam = true; }}',
    "redis.conf": "disabled_modules = [];",
    "fuzzy_check.conf": "enabled = false;",
    "rbl.conf": "enabled = false;",
    "surbl.conf": "enabled = false;",
    "asn.conf": "enabled = false;",
    "greylist.conf": "enabled = false;",
    "ratelimit.conf": "enabled = false;",
    "phishing.conf": "openphish_enabled = false; phishtank_enabled = false;",
}


@contextlib.contextmanager
def rspamd(place: Path) -> Iterator[tuple[str, str]]:
    """Run Rspamd; give the addresses of its worker and its controller (password: learn)."""
    program, user = _program("rspamd"), _user("_rspamd", "rspamd", "nobody")
    worker, controller = free_port(), free_port()
    local = place / "etc" / "local.d"
    local.mkdir(parents=True)
    for name, text in _RSPAMD.items():
        (local / name).write_text(text.format(worker=worker, controller=controller, place=place))
    command = [program, "-f", "-c", "/etc/rspamd/rspamd.conf", "--var", f"LOCAL_CONFDIR={place / 'etc'}"]
    for name in ("DBDIR", "RUNDIR", "LOGDIR"):
        command += ["--var", f"{name}={place}"]
    if user is not None:
        command += ["-u", user, "-g", user]
        open_to(place, user)
    with _running(command, worker, place / "rspamd.log"):
        yield f"http://127.0.0.1:{worker}", f"http://127.0.0.1:{controller}"


@contextlib.contextmanager
def spamassassin(place: Path) -> Iterator[tuple[str, int]]:
    """Run spamd without network tests; give its host and port."""
    program, user = _program("spamd"), _user("debian-spamd", "nobody")
    port = free_port()
    settings = place / "site"
    settings.mkdir()
    (settings / "local.cf").write_text(
        f"use_bayes 1\nbayes_path {place}/bayes/bayes\nbayes_min_ham_num 1\nbayes_min_spam_num 1\nuse_auto_whitelist 0\n"
    )
    for name in Path("/etc/spamassassin").glob("*.pre"):
        (settings / name.name).write_bytes(name.read_bytes())
    (place / "bayes").mkdir()
    command = [program, "-L", "-i", "127.0.0.1", "-p", str(port), "-m", "2", "-x", "--allow-tell"]
    command += ["--siteconfigpath", str(settings), "-r", str(place / "spamd.pid"), "-s", "stderr"]
    if user is not None:
        command += ["-u", user]
        open_to(place, user)
    with _running(command, port, place / "spamd.log"):
        yield "127.0.0.1", port


def open_to(place: Path, user: str) -> None:
    """Let the account in, down to this directory, which it owns from now on."""
    known = pwd.getpwnam(user)
    for path in (place, *place.rglob("*")):
        os.chown(path, known.pw_uid, known.pw_gid)
    for above in place.parents:
        if above.stat().st_uid == os.geteuid() and str(above) not in ("/", "/tmp"):
            above.chmod(above.stat().st_mode | 0o011)
