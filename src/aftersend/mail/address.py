"""Read, compare and write addresses: of envelopes, of header fields and of the API.

Owns the syntax of RFC 5321 §4.1.2, RFC 6531 and RFC 5322 §3.4 as far as it is in use. Whether a mailbox exists, only
its server knows.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import idna

from aftersend.errors import BadField
from aftersend.mail import words

LOCAL_MOST = 64
DOMAIN_MOST = 255
ADDRESS_MOST = 254
"""Octets (RFC 5321 §4.5.3.1); a path has 256 with its angle brackets."""
ADDRESSES_MOST = 2000
NAME_MOST = 500
"""Characters of a display name."""

_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~\x80-\U0010ffff]|\\[ -~])*"')
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
"""A display name that needs no quotes."""


class BadAddress(BadField, ValueError):
    """An address that cannot be used; the text says what is wrong with it and how to mend it."""

    code = "invalid-address"
    smtp = (553, "5.1.3")


class Address(NamedTuple):
    """An address. Two spellings of one mailbox have the same `folded`."""

    local: str
    """The local part as it was written; its case matters to some servers (RFC 5321 §2.4)."""
    domain: str
    """The domain in lower case, as A-labels, or an address literal in its brackets."""
    folded: str
    """Lower-case local part and domain: for suppression and for searching, never for sending."""

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only servers with SMTPUTF8 (RFC 6531) can be given this address."""
        return not self.local.isascii()


class Mailbox(NamedTuple):
    """An address and the name shown beside it, which may be empty."""

    name: str
    address: Address

    def __str__(self) -> str:
        return header_value((self,))


def parse(text: str, *, literals: bool = False, pointer: str = "") -> Address:
    """Read an address as it stands in an envelope. Raise BadAddress (a ValueError) that says what to mend.

    An address literal (`ann@[192.0.2.1]`) is refused unless `literals` says otherwise.
    """
    local, at, domain = text.rpartition("@")
    if at and _ATOM.fullmatch(local) and len(local) <= LOCAL_MOST and len(text) <= ADDRESS_MOST:
        try:
            domain = a_label(domain)
        except ValueError:
            pass
        else:
            return Address(local, domain, f"{local.lower()}@{domain}")
    return _careful(text, literals, pointer)


@lru_cache(maxsize=16_384)
def a_label(domain: str) -> str:
    """Return a domain name in lower case, its international labels as A-labels. Raise BadAddress if it is none.

    It takes two labels at least: completing a bare host name is not for us (RFC 6409 §6.2).
    """
    if len(domain) > DOMAIN_MOST:
        raise _bad(f"the domain has more than {DOMAIN_MOST} characters")
    if not domain.isascii():
        domain = _from_unicode(domain)
    domain = domain.lower()
    labels = domain.split(".")
    for label in labels:
        if not label:
            raise _bad(f"the domain “{_shown(domain)}” has a dot too many")
        if len(label) > 63:
            raise _bad("a part of the domain has more than 63 characters")
        if not _LABEL.fullmatch(label):
            raise _bad(f"the domain “{_shown(domain)}” may have only letters, digits and, inside its parts, hyphens")
    if len(labels) < 2:
        raise _bad(f"the domain “{_shown(domain)}” is not complete, write it in full as in “example.com”")
    if labels[-1].isdigit():
        raise _bad(f"“{_shown(domain)}” is not a domain name, an address needs one such as “example.com”")
    if len(domain) > DOMAIN_MOST - 2:
        raise _bad(f"the domain has more than {DOMAIN_MOST - 2} characters")
    return domain


def list_key(text: str, *, pointer: str = "") -> str:
    """Return what an address, or a whole domain (`@example.com`), is called on lists. Raise BadAddress if it is neither."""
    if not text.startswith("@"):
        return parse(text, pointer=pointer).folded
    try:
        return f"@{a_label(text[1:].strip())}"
    except BadAddress:
        raise _bad(f"“{_shown(text)}” names no domain", pointer) from None


def parse_mailbox(text: str, *, pointer: str = "") -> Mailbox:
    """Read one address with or without a name: `Shop <shop@example.com>`. Raise BadAddress.

    Refused are names with line breaks and other controls, encoded ones included.
    """
    _refuse_hidden(text, pointer)
    return mailbox(*_mailbox(text, pointer), pointer=pointer)


def parse_mailboxes(text: str, *, pointer: str = "") -> list[Mailbox]:
    """Read a list of addresses with or without names, as To has it; groups are dissolved. Raise BadAddress."""
    _refuse_hidden(text, pointer)
    return [mailbox(*_mailbox(part, pointer), pointer=pointer) for part in split_list(text, pointer=pointer)]


def read_mailboxes(text: str) -> list[Mailbox]:
    """Read a list from a field that somebody else wrote, whatever its names hide. Raise BadAddress."""
    return [_mailbox(part, "") for part in split_list(text)]


def split_list(text: str, *, pointer: str = "") -> list[str]:
    """Cut a list at its commas, but not inside quotes, comments and brackets. Linear; raise BadAddress if too many."""
    parts = _cut(text) if any(sign in text for sign in '"(:;<') else text.split(",")
    found = [part for part in map(str.strip, parts) if part]
    if len(found) > ADDRESSES_MOST:
        raise _bad(f"the list has {len(found)} addresses, {ADDRESSES_MOST} are allowed; send several messages", pointer)
    return found


def header_value(mailboxes: Iterable[Mailbox]) -> str:
    """Write a list for a header field: names quoted or encoded as needed, so that each is read back as it was given."""
    return ", ".join([_written(mailbox) for mailbox in mailboxes])


def mailbox(name: str, address: Address, *, pointer: str = "") -> Mailbox:
    """Put a name beside an address. Raise BadAddress when the name hides what no header field may contain."""
    return Mailbox(_checked_name(name, pointer), address)


def first_domain(mailboxes: Sequence[Mailbox]) -> str:
    """Return the domain of the first address, or nothing."""
    return mailboxes[0].address.domain if mailboxes else ""


def _mailbox(text: str, pointer: str) -> Mailbox:
    text = text.strip()
    name, bracket = _before_bracket(text)
    if bracket is None:
        return Mailbox(*_without_brackets(text, pointer))
    if not bracket.endswith(">"):
        raise _bad(f"“{_shown(text)}” has text behind the address, leave it out or put it before the “<”", pointer)
    address = parse(bracket[1:-1].strip(), pointer=pointer)
    return Mailbox(_name(name, pointer), address)


def _careful(text: str, literals: bool, pointer: str) -> Address:
    """Read any address, however unusual, or say what is wrong with it."""
    if not text or text.isspace():
        raise _bad("there is no address here, write one such as “ann@example.com”", pointer)
    if not text.isprintable() and words.trouble(text):
        raise _bad(f"“{_shown(text)}” contains {words.trouble(text)}, remove it", pointer)
    if text.endswith(">"):
        raise _bad(f"“{_shown(text)}” has angle brackets, and only the address itself belongs here", pointer)
    local, at, domain = text.rpartition("@")
    if not at:
        raise _bad(f"“{_shown(text)}” has no @ sign, write an address such as “ann@example.com”", pointer)
    if not local:
        raise _bad(f"“{_shown(text)}” has nothing before the @ sign", pointer)
    if not domain:
        raise _bad(f"“{_shown(text)}” has nothing behind the @ sign", pointer)
    if domain.startswith("[") and domain.endswith("]"):
        domain = _literal(domain, text, literals, pointer)
    else:
        try:
            domain = a_label(domain)
        except BadAddress as error:
            raise BadAddress(pointer, f"“{_shown(text)}” cannot be used: {error.detail}") from None
    local, plain = _local(local, text, pointer)
    if len(local.encode()) > LOCAL_MOST:
        raise _bad(f"“{_shown(text)}” has more than {LOCAL_MOST} octets before the @ sign", pointer)
    if len(f"{local}@{domain}".encode()) > ADDRESS_MOST:
        raise _bad(f"“{_shown(text)}” is longer than {ADDRESS_MOST} octets", pointer)
    return Address(local, domain, f"{plain.lower()}@{domain}")


def _local(local: str, text: str, pointer: str) -> tuple[str, str]:
    """Return a local part as it is to be sent, and without quotes that it does not need."""
    if local.startswith('"'):
        if not _QUOTED.fullmatch(local) or len(local) == 2:
            raise _bad(f"“{_shown(text)}” has quotes that do not end, or nothing in them", pointer)
        bare = _ESCAPE.sub(r"\1", local[1:-1])
        return local, bare if _is_dot_atom(bare) else local
    local = unicodedata.normalize("NFC", local)
    if _is_dot_atom(local):
        return local, local
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise _bad(f"“{_shown(text)}” has a dot too many before the @ sign", pointer)
    odd = next((c for c in local if not _is_dot_atom(c) and c != "."), "")
    if odd.isspace():
        raise _bad(f"“{_shown(text)}” has a space in it, remove it", pointer)
    if odd == "@":
        raise _bad(f"“{_shown(text)}” has more than one @ sign; separate addresses by commas", pointer)
    if "@" in local:
        raise _bad(f"“{_shown(text)}” is more than one address, and one is expected here", pointer)
    raise _bad(f"“{_shown(text)}” has “{odd}” before the @ sign, where it may not stand", pointer)


def _is_dot_atom(text: str) -> bool:
    """Whether text is a local part without quotes; beyond ASCII all that is printable will do (RFC 6531 §3.3)."""
    if text.isascii():
        return _ATOM.fullmatch(text) is not None
    plain = "".join([c if c.isascii() else "x" for c in text])
    return text.isprintable() and _ATOM.fullmatch(plain) is not None


def _literal(domain: str, text: str, literals: bool, pointer: str) -> str:
    if not literals:
        raise _bad(f"“{_shown(text)}” names a host by its number, write the domain name instead", pointer)
    inside = domain[1:-1]
    try:
        if inside[:5].lower() == "ipv6:":
            return f"[IPv6:{ipaddress.IPv6Address(inside[5:]).compressed}]"
        return f"[{ipaddress.IPv4Address(inside)}]"
    except ValueError:
        raise _bad(f"“{_shown(domain)}” is not an address literal such as [192.0.2.1]", pointer) from None


def _from_unicode(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise _bad(f"the domain “{_shown(domain)}” has characters that no domain name can have") from None


def _cut(text: str) -> list[str]:
    parts: list[str] = []
    start, end, at = 0, len(text), 0
    angle = False
    while at < end:
        character = text[at]
        if character == '"':
            at = _end_of_quotes(text, at)
        elif character == "(":
            at = _end_of_comment(text, at)
        elif character == "<":
            angle = True
        elif character == ">":
            angle = False
        elif not angle and character in ",;":
            parts.append(text[start:at])
            start = at + 1
        elif not angle and character == ":":
            start = at + 1
        at += 1
    parts.append(text[start:])
    return parts


def _end_of_quotes(text: str, at: int) -> int:
    """Return where the quotes that begin here end; the end of the text if they do not."""
    at += 1
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return at


def _end_of_comment(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    return at


def _before_bracket(text: str) -> tuple[str, str | None]:
    """Cut before the `<` that opens the address: the first one outside quotes and comments."""
    at = 0
    while at < len(text):
        character = text[at]
        if character == '"':
            at = _end_of_quotes(text, at)
        elif character == "(":
            at = _end_of_comment(text, at)
        elif character == "<":
            return text[:at], text[at:].rstrip()
        at += 1
    return text, None


def _without_brackets(text: str, pointer: str) -> tuple[str, Address]:
    """Read `ann@example.net`, or the old `ann@example.net (Ann)`."""
    if text.endswith(")") and not text.startswith('"'):
        bare, _, comment = text.partition("(")
        return _name(comment[:-1], pointer), parse(bare.strip(), pointer=pointer)
    return "", parse(text, pointer=pointer)


def _name(text: str, pointer: str) -> str:
    """Return the name that stands before an address, without its quotes, escapes and encoded words."""
    text = text.strip()
    if not text:
        return ""
    pieces: list[str] = []
    at = start = 0
    while at < len(text):
        if text[at] == '"':
            end = _end_of_quotes(text, at)
            if end >= len(text):
                raise _bad(f"“{_shown(text)}” has quotes that do not end", pointer)
            pieces += (_unquoted(text[start:at], pointer), words.decode(_ESCAPE.sub(r"\1", text[at + 1 : end])))
            start = end + 1
            at = end
        at += 1
    pieces.append(_unquoted(text[start:], pointer))
    return " ".join(pieces[0].split()) if len(pieces) == 1 else "".join(pieces).strip()


def _unquoted(text: str, pointer: str) -> str:
    """Check a piece of a name that has no quotes around it: an @ and a comma there are most likely a second address."""
    if "<" in text or ">" in text or ("@" in text and "," in text):
        raise _bad(f"the name “{_shown(text.strip())}” has a sign of addresses in it, put it in double quotes", pointer)
    return words.decode(text)


def _checked_name(name: str, pointer: str) -> str:
    hidden = words.trouble(name)
    if hidden:
        raise _bad(f"the name “{_shown(name)}” contains {hidden}, remove it", pointer)
    if len(name) > NAME_MOST:
        raise _bad(f"the name has more than {NAME_MOST} characters", pointer)
    return name


def _refuse_hidden(text: str, pointer: str) -> None:
    hidden = words.trouble(text)
    if hidden:
        raise _bad(f"“{_shown(text)}” contains {hidden}, remove it", pointer)


def _written(mailbox: Mailbox) -> str:
    name, address = words.without_controls(mailbox.name), mailbox.address
    if not name:
        return str(address)
    if words.needs_encoding(name):
        return f"{words.encode(name, used=10)} <{address}>"
    if _PHRASE.fullmatch(name) and "  " not in name and name.strip() == name:
        return f"{name} <{address}>"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>'


def _shown(text: str) -> str:
    """Text as it may stand in an answer: bounded, without controls."""
    text = words.without_controls(text)
    return text if len(text) <= 100 else text[:99] + "…"


def _bad(what: str, pointer: str = "") -> BadAddress:
    return BadAddress(pointer, f"{what[0].upper()}{what[1:]}.")
