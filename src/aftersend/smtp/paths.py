"""Own the syntax of forward and reverse paths (RFC 5321 §4.1.2, RFC 6531 §3.3).

Only syntax: whether a domain exists or a mailbox could is for others to say.
"""

from __future__ import annotations

import ipaddress
import re
import string
from functools import lru_cache

LOCAL_MOST = 64
DOMAIN_MOST = 255
LABEL_MOST = 63
"""Octets (RFC 5321 §4.5.3.1; RFC 1035 §2.3.4)."""

_LETTERS = string.ascii_letters + string.digits
_DOT_ATOM = (_LETTERS + "!#$%&'*+-/=?^_`{|}~.").encode()
_HOST = (_LETTERS + "-_.").encode()
_PATH = re.compile(
    r"""<(?:@[^:<>"\s]*:)?                       # a source route is dropped (RFC 5321 §4.1.1.3)
        (?:("(?:[^"\\]|\\.)*"|[^"@<>\\\s]+)      # the local part
           (?:@(\[[^]\s]*\]|[^][@<>"\s]+))?)?    # the domain; none for <postmaster>, neither for <>
        >""",
    re.VERBOSE,
)
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~\x80-\U0010ffff]|\\[ -~])*"')
_LABEL = re.compile(r"[A-Za-z0-9_\x80-\U0010ffff](?:[A-Za-z0-9_\x80-\U0010ffff-]*[A-Za-z0-9_\x80-\U0010ffff])?")
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+")


def plain(path: bytes) -> str | None:
    """Read the inside of `<name@example.com>` fast; None for whatever is not as plain as that."""
    local, _, domain = path.partition(b"@")
    if (
        local.translate(None, _DOT_ATOM)
        or not 0 < len(local) <= LOCAL_MOST
        or b".." in local
        or local[0] == 46
        or local[-1] == 46
        or not _is_plain_host(domain)
    ):
        return None
    return path.decode()


@lru_cache(maxsize=4096)
def _is_plain_host(domain: bytes) -> bool:
    """Whether a domain is well formed for sure: shorter than a label may be, so that no label is too long."""
    return (
        0 < len(domain) <= LABEL_MOST
        and not domain.translate(None, _HOST)
        and not any(bad in b"." + domain + b"." for bad in (b"..", b".-", b"-."))
    )


def read(text: str) -> tuple[str, str] | None:
    """Split `<path> parameters` into the address and what follows; None if it does not begin with a path.

    The address is "" for the null path, has no `@` for `<postmaster>`, and is otherwise not yet checked: see `trouble`.
    """
    found = _PATH.match(text)
    if found is None:
        return None
    rest = text[found.end() :]
    if rest and not rest.startswith(" "):
        return None
    local, domain = found[1] or "", found[2] or ""
    return (f"{local}@{domain}" if domain else local), rest


def trouble(address: str) -> str:
    """Say in a few words what is wrong with an address, or ""."""
    local, at, domain = address.rpartition("@")
    if not at:
        return "the domain is missing"
    if len(local.encode()) > LOCAL_MOST:
        return f"the part before the @ has more than {LOCAL_MOST} octets"
    if len(domain.encode()) > DOMAIN_MOST:
        return f"the domain has more than {DOMAIN_MOST} octets"
    if not address.isprintable():
        return "there is a control character in it"
    if local.startswith('"'):
        if not _QUOTED.fullmatch(local):
            return "the quoted part before the @ is not well formed"
    elif not all(_ATOM.fullmatch(atom) for atom in local.split(".")):
        return "the part before the @ is not well formed"
    if domain.startswith("["):
        return "" if _is_literal(domain) else "there is no IP address between the brackets"
    if not all(len(label) <= LABEL_MOST and _LABEL.fullmatch(label) for label in domain.split(".")):
        return "the domain is not well formed"
    return ""


def _is_literal(domain: str) -> bool:
    inside = domain[1:-1]
    try:
        if inside[:5].upper() == "IPV6:":
            ipaddress.IPv6Address(inside[5:])
        else:
            ipaddress.IPv4Address(inside)
    except ValueError:
        return False
    return True
