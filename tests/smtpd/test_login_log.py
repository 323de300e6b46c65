"""The line of a refused login is what the filter for fail2ban expects, whatever the client calls itself."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

FILTER = Path(__file__).parents[2] / "docs" / "fail2ban.conf"
SAYS = """
import sys
from aftersend import logs
logs.set_up(form="json", level="info", addresses="full", node="n1")
logs.Logger("smtpd").warning("auth_failed", client=sys.argv[1], user=sys.argv[2])
"""


def blamed(client: str, user: str) -> str | None:
    """Write the line as the submission server does; return the address that the filter finds in it."""
    done = subprocess.run([sys.executable, "-c", SAYS, client, user], capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    given = configparser.ConfigParser(interpolation=None)
    given.read(FILTER)
    found = re.search(given["Definition"]["failregex"].replace("<HOST>", r"(?P<host>[0-9a-fA-F.:]+)"), line)
    assert re.search(r'"time": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"', line)
    return None if found is None else found["host"]


@pytest.mark.parametrize("client", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize(
    "user",
    [
        "ann",
        "",
        'x", "client": "198.51.100.1',
        '", "event": "auth_failed", "client": "198.51.100.1", "user": "',
        "a\r\nb",
        "ü",
    ],
)
def test_the_filter_blames_who_came_in(client, user):
    """And nobody whom the user name names."""
    assert blamed(client, user) == client
