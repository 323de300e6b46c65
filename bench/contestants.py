"""The servers that are measured, each in a directory of its own on loopback, and what they cost: CPU and memory.

Only the standard library. Everything that is started here is stopped here, by its process number.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python() -> str:
    """The interpreter that has the service installed: this one, or the one that dev.py has made."""
    own = ROOT / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry))
    found, waiting = [], [root]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


class Contestant:
    """A server that takes mail on `port`, and keeps it or sends it on to `sink_port`."""

    name = "?"

    def __init__(self, *, sink_port: int = 9, hold: bool = False) -> None:
        self.sink_port = sink_port
        self.hold = hold
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"bench-{self.name.split()[0]}-"))
        self.folder.chmod(0o755)
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be measured here; "" when it can."""
        return ""

    def prepare(self) -> None:
        """Write its configuration."""

    def command(self) -> list[str]:
        """What starts it in the foreground."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The variables that it is started with."""
        return dict(os.environ)

    def start(self) -> float:
        """Start it and return after how many seconds it greeted."""
        began = time.monotonic()
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                self.command(), env=self.environment(), cwd=self.folder, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        while not greets(self.port):
            if self.process.poll() is not None or time.monotonic() - began > 60:
                raise SystemExit(f"{self.name} does not start:\n{(self.folder / 'output').read_text()[-2000:]}")
            time.sleep(0.005)
        return time.monotonic() - began

    def stop(self) -> float:
        """Stop it in good order and return how long that took."""
        began = time.monotonic()
        if self.process is not None:
            members = family(self.process.pid)
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for member in members[1:]:
                with contextlib.suppress(OSError):
                    if os.getpgid(member) == self.process.pid:
                        os.kill(member, signal.SIGKILL)
            self.process = None
        return time.monotonic() - began

    def remove(self) -> None:
        """Remove its directory."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def cpu_s(self) -> float:
        """Seconds of CPU so far, of all its processes, those that have ended included."""
        assert self.process is not None
        total = 0
        for member in family(self.process.pid):
            with contextlib.suppress(OSError, IndexError):
                fields = Path("/proc", str(member), "stat").read_text().rpartition(")")[2].split()
                total += sum(map(int, fields[11:15]))
        return total / TICKS

    def memory_mib(self) -> float:
        """Memory of all its processes, what they share divided among those who share it."""
        assert self.process is not None
        total = 0
        for member in family(self.process.pid):
            with contextlib.suppress(OSError):
                for line in Path("/proc", str(member), "smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        return total / 1024


class Aftersend(Contestant):
    """The product with its defaults."""

    name = "aftersend"

    def __init__(self, *, sink_port: int = 9, hold: bool = False, **settings: str) -> None:
        super().__init__(sink_port=sink_port, hold=hold)
        self.settings = settings

    def command(self) -> list[str]:
        """`serve`, as an operator starts it."""
        return [python(), "-m", "aftersend", "serve"]

    def environment(self) -> dict[str, str]:
        """Its settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AFTERSEND_")}
        return kept | {
            "PYTHONPATH": str(ROOT / "src"),
            "AFTERSEND_DATA_DIR": str(self.folder / "data"),
            "AFTERSEND_NODE": "bench",
            "AFTERSEND_SMTP_HOSTNAME": "aftersend.bench.test",
            "AFTERSEND_SMTP_LISTEN": f"127.0.0.1:{self.port}",
            "AFTERSEND_SMTP_TRUSTED_NETWORKS": "127.0.0.0/8",
            "AFTERSEND_WEB_LISTEN": "127.0.0.1:0",
            "AFTERSEND_DELIVERY_ROUTES": f"*=127.0.0.1:{self.sink_port}",
            "AFTERSEND_DELIVERY_HOLD": "1" if self.hold else "0",
            **self.settings,
        }

    @property
    def database(self) -> Path:
        """Its file."""
        return self.folder / "data" / "aftersend.db"


class Postfix(Contestant):
    """Debian's Postfix as it comes, with a configuration, a queue and a log of its own."""

    name = "postfix"
    more = ""

    @classmethod
    def missing(cls) -> str:
        """It must be installed, and only root may start it."""
        if shutil.which("postfix", path="/usr/sbin:/usr/local/sbin") is None:
            return "postfix is not installed"
        return "" if os.geteuid() == 0 else "postfix has to be started by root"

    def prepare(self) -> None:
        """Write main.cf and master.cf."""
        for name in ("etc", "spool", "data"):
            (self.folder / name).mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.folder / "spool",
            "data_directory": self.folder / "data",
            "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "myhostname": "postfix.bench.test",
            "mydestination": "",
            "local_recipient_maps": "",
            "alias_maps": "",
            "mynetworks": "127.0.0.0/8",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "default_transport": f"smtp:[127.0.0.1]:{self.sink_port}",
            "smtp_host_lookup": "native",
            "maillog_file": self.folder / "maillog",
            "maillog_file_prefixes": self.folder,
        }
        if self.hold:
            settings["smtpd_client_restrictions"] = "check_client_access static:HOLD"
        text = "".join(f"{name} = {value}\n" for name, value in settings.items()) + self.more
        (self.folder / "etc" / "main.cf").write_text(text)
        lines = []
        for line in Path("/usr/share/postfix/master.cf.dist").read_text().splitlines():
            fields = line.split()
            if len(fields) == 8 and not line.startswith("#"):
                fields[4] = "n"
                if fields[:2] == ["smtp", "inet"]:
                    fields[0] = f"127.0.0.1:{self.port}"
                line = " ".join(fields)
            lines.append(line)
        (self.folder / "etc" / "master.cf").write_text("\n".join(lines) + "\n")
        for name in ("dynamicmaps.cf", "postfix-files"):
            if Path("/etc/postfix", name).exists():
                shutil.copy(Path("/etc/postfix", name), self.folder / "etc" / name)
        for name in ("dynamicmaps.cf.d", "postfix-files.d"):
            if Path("/etc/postfix", name).is_dir():
                shutil.copytree(Path("/etc/postfix", name), self.folder / "etc" / name)

    def command(self) -> list[str]:
        """In the foreground, as in a container."""
        return ["/usr/sbin/postfix", "-c", str(self.folder / "etc"), "start-fg"]

    def _master(self) -> int:
        return int((self.folder / "spool" / "pid" / "master.pid").read_text())

    def stop(self) -> float:
        """End its master too, which does not end with the script that started it."""
        began = time.monotonic()
        if self.process is not None:
            with contextlib.suppress(OSError, ValueError):
                master = self._master()
                os.kill(master, signal.SIGTERM)
                while time.monotonic() - began < 30:
                    os.kill(master, 0)  # raises when it is gone
                    time.sleep(0.01)
        super().stop()
        return time.monotonic() - began


class TunedPostfix(Postfix):
    """Postfix as a bulk sender sets it: no delay between accepting and sending, more processes and connections."""

    name = "postfix tuned"
    more = (
        "default_process_limit = 250\nin_flow_delay = 0s\nsmtp_destination_concurrency_limit = 50\n"
        "initial_destination_concurrency = 20\nqmgr_message_active_limit = 100000\n"
        "qmgr_message_recipient_limit = 100000\nsmtp_destination_recipient_limit = 100\n"
    )


def greets(port: int) -> bool:
    """Whether a server answers on a port."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.settimeout(5)
            return connection.recv(100).startswith(b"220")
    except OSError:
        return False


@contextlib.contextmanager
def started(contestant: Contestant) -> Iterator[Contestant]:
    """A contestant that runs, and is gone afterwards."""
    contestant.prepare()
    contestant.start()
    try:
        yield contestant
    finally:
        contestant.stop()
        contestant.remove()


class Peak(threading.Thread):
    """Watches how much memory a contestant takes at the most."""

    def __init__(self, contestant: Contestant) -> None:
        super().__init__(daemon=True)
        self._contestant = contestant
        self._ended = threading.Event()
        self.mib = 0.0

    def run(self) -> None:
        """Look four times a second."""
        while True:
            self.mib = max(self.mib, self._contestant.memory_mib())
            if self._ended.wait(0.25):
                return

    def end(self) -> float:
        """Stop watching and return the peak, in MiB."""
        self._ended.set()
        self.join()
        return self.mib


def present(*kinds: type[Contestant]) -> list[type[Contestant]]:
    """Those that can be measured here; the others are named."""
    found = []
    for kind in kinds:
        reason = kind.missing()
        if reason:
            print(f"{kind.name} is left out: {reason}.")
        else:
            found.append(kind)
    return found
