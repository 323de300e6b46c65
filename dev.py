#!/usr/bin/env python3
"""Everything a developer does with Aftersend, on a machine with Python and nothing else.

python3 dev.py run [VERB …]       the service in the practice world, or any verb of the command line
python3 dev.py test [ARGUMENT …]  the tests; arguments go to pytest; all of them share out the processors
python3 dev.py check              lint, format, types, import contracts
python3 dev.py screenshots [DIR]  a picture of every page of the console, at two widths, light and dark (needs Chromium)

Makes .venv from the hashed lists in requirements/ when they or the Python change; a second start is instant.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def main(arguments: list[str]) -> int:
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if verb == "run":
        return become([python_with("run"), "-m", "aftersend", *(rest or ["serve", "--practice"])])
    if verb == "test":
        python = python_with("test")
        os.chdir(ROOT)
        return become([python, "-m", "pytest", *shared_out(rest), *rest])
    if verb == "screenshots":
        return become([python_with("test"), str(ROOT / "bench" / "screens.py"), *(rest or ["build/screens"])])
    if verb == "check":
        return check(Path(python_with("lint")).parent)
    print(__doc__)
    return 0 if verb in ("help", "-h", "--help") else 2


def shared_out(arguments: list[str]) -> list[str]:
    """Use all processors for the whole suite; a few named tests begin sooner, and can be debugged, in one process."""
    if any(not argument.startswith("-") or argument.startswith("-n") for argument in arguments):
        return []
    return ["-n", str(os.cpu_count() or 1), "--dist", "worksteal"]


def become(command: list[str]) -> int:
    sys.stdout.flush()
    os.execv(command[0], command)


def check(tools: Path) -> int:
    """Run every gate, also after one has failed, so that one round of mending is enough."""
    gates = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["lint-imports"])
    failed = [gate for gate in gates if subprocess.run([str(tools / gate[0]), *gate[1:]], cwd=ROOT).returncode]
    for gate in failed:
        print("failed:", *gate, file=sys.stderr)
    return 1 if failed else 0


def python_with(name: str) -> str:
    """Return the interpreter of an environment that has a list installed, making or mending it first."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 14):
        raise SystemExit(f"Aftersend needs Python 3.11 to 3.14; this is {VERSION}. Try python3.13 dev.py …")
    listed = ROOT / "requirements" / f"{name}.txt"
    venv = environment()
    python = venv / "bin" / "python"
    wanted = f"{sys.version} {hashlib.sha256(listed.read_bytes()).hexdigest()}"
    stamp = venv / f"stamp-{name}"
    if not stamp.exists() or stamp.read_text() != wanted or not python.exists():
        if not works(python):
            make(venv)
        install(python, listed)
        stamp.write_text(wanted)
    return str(python)


def environment() -> Path:
    """`.venv` belongs to the Python that came first; any other version has one of its own beside it."""
    first = ROOT / ".venv"
    there = sorted(first.glob("lib/python3.*"))
    return first if not there or there[0].name == f"python{VERSION}" else ROOT / f".venv-{VERSION}"


def works(python: Path) -> bool:
    return python.exists() and subprocess.run([str(python), "-c", ""], capture_output=True).returncode == 0


def make(venv: Path) -> None:
    """Make an empty environment. It needs no pip of its own, so it works where `ensurepip` was left out."""
    print(f"Making {venv.name} for Python {VERSION} …", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv)], check=True)
    (venv / "lib" / f"python{VERSION}" / "site-packages" / "aftersend.pth").write_text(f"{ROOT / 'src'}\n")


def install(python: Path, listed: Path) -> None:
    """Install exactly what a list names, by hash: with uv where there is one, else with this Python's own pip."""
    print(f"Installing {listed.relative_to(ROOT)} …", file=sys.stderr)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    uv = shutil.which("uv")
    tools = [[uv, "pip", "install", "--quiet", "--python", str(python)], pip] if uv else [pip]
    for tool in tools:
        if subprocess.run([*tool, "--require-hashes", "-r", str(listed)]).returncode == 0:
            return
    raise SystemExit("The packages could not be installed. It takes uv, or pip 22.3 or later, and a package index.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
