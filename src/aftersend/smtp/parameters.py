"""Own the parameters of MAIL and RCPT: SIZE, BODY, SMTPUTF8, RET, ENVID, AUTH, HOLDFOR, HOLDUNTIL; NOTIFY, ORCPT.

Values in xtext (RFC 3461 §4) are kept as they are on the wire, so that they can be passed on verbatim; `from_xtext`
reads them for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aftersend.smtp.reply import Reply

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_UTF8_XTEXT = re.compile(r"(?:[!-*,-<>-~\x80-\U0010ffff]|\+[0-9A-F]{2})+")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]{1,40}")
_HEX = re.compile(r"\+([0-9A-F]{2})")
_NOTIFY = {"SUCCESS", "FAILURE", "DELAY"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENVID_MOST = 100
"""Characters of ENVID on the wire (RFC 3461 §4.4)."""
ORCPT_MOST = 500
"""Characters of ORCPT on the wire (RFC 3461 §4.2)."""
AUTH_MOST = 500
"""Characters of AUTH= on the wire (RFC 4954 §5)."""


@dataclass(frozen=True, slots=True)
class MailParameters:
    """What MAIL said beyond the address."""

    size: int | None = None
    body: str | None = None
    """`7BIT` or `8BITMIME`."""
    smtputf8: bool = False
    ret: str | None = None
    """`FULL` or `HDRS`."""
    envid: str | None = None
    """In xtext, as on the wire."""
    auth: str | None = None
    hold_for_s: int | None = None
    hold_until_us: int | None = None


@dataclass(frozen=True, slots=True)
class RcptParameters:
    """What RCPT said beyond the address."""

    notify: str | None = None
    """`NEVER`, or some of `SUCCESS,FAILURE,DELAY`."""
    orcpt: str | None = None
    """`type;address`, the address in xtext, as on the wire."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Which parameters may be used: what the server offered, with its limits."""

    eight_bit: bool = True
    smtputf8: bool = True
    dsn: bool = True
    size: bool = True
    auth: bool = True
    hold_for_most_s: int = 0
    """0: RFC 4865 is not offered."""


def to_xtext(text: str) -> str:
    """Write printable ASCII as xtext (RFC 3461 §4)."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


def from_xtext(text: str) -> str:
    """Read xtext; what is no xtext stays as it is."""
    return _HEX.sub(lambda found: chr(int(found[1], 16)), text)


def is_xtext(text: str) -> bool:
    """Whether a value may go onto the wire as xtext."""
    return _XTEXT.fullmatch(text) is not None


def read_mail(words: Iterable[str], offer: Offer) -> MailParameters | Reply:
    """Read what follows the path of MAIL, or say how it is refused."""
    values = _read(words, _MAIL, offer)
    if isinstance(values, Reply):
        return values
    if "hold_for_s" in values and "hold_until_us" in values:
        return Reply(501, "5.5.4", "Give HOLDFOR or HOLDUNTIL, not both")
    return MailParameters(**values)


def read_rcpt(words: Iterable[str], offer: Offer) -> RcptParameters | Reply:
    """Read what follows the path of RCPT, or say how it is refused."""
    values = _read(words, _RCPT, offer)
    return values if isinstance(values, Reply) else RcptParameters(**values)


def write_mail(said: MailParameters, *, dsn: bool, auth: bool) -> str | None:
    """Write RET, ENVID and AUTH, as far as they are offered, with a space before each; None if a value is illegal."""
    text = ""
    if dsn and said.ret is not None:
        text += f" RET={said.ret}"
    if dsn and said.envid is not None:
        text += f" ENVID={said.envid}"
    if auth and said.auth is not None:
        text += f" AUTH={said.auth}"
    offer = Offer()
    return None if text and isinstance(read_mail(text.split(" ")[1:], offer), Reply) else text


def write_rcpt(said: RcptParameters, *, utf8: bool) -> str | None:
    """Write NOTIFY and ORCPT with a space before each; None if a value is illegal. `utf8`: they may be beyond ASCII."""
    text = ""
    if said.notify is not None:
        text += f" NOTIFY={said.notify}"
    if said.orcpt is not None and (utf8 or said.orcpt.isascii()):
        text += f" ORCPT={said.orcpt}"
    offer = Offer(smtputf8=utf8)
    return None if text and isinstance(read_rcpt(text.split(" ")[1:], offer), Reply) else text


@dataclass(frozen=True, slots=True)
class _Parameter:
    field: str
    is_offered: Callable[[Offer], bool]
    read: Callable[[str, Offer], Any]
    """Raises ValueError that says what would be right."""
    most: int
    needs_value: bool = True


def _read(words: Iterable[str], table: dict[str, _Parameter], offer: Offer) -> dict[str, Any] | Reply:
    values: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.upper()
        parameter = table.get(name)
        if parameter is None or not parameter.is_offered(offer):
            return Reply(555, "5.5.4", f"The parameter {name[:40]} is not offered here")
        if parameter.field in values:
            return Reply(501, "5.5.4", f"{name} is given twice")
        if parameter.needs_value != bool(equals and value):
            return Reply(501, "5.5.4", f"{name} needs a value" if parameter.needs_value else f"{name} takes no value")
        if len(value) > parameter.most:
            return Reply(501, "5.5.4", f"{name} may have at most {parameter.most} characters")
        try:
            values[parameter.field] = parameter.read(value, offer)
        except ValueError as error:
            return Reply(501, "5.5.4", f"{name}: {error}")
    return values


def _size(value: str, offer: Offer) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError("a number of octets is needed")
    return int(value)


def _one_of(*words: str) -> Callable[[str, Offer], str]:
    def read(value: str, offer: Offer) -> str:
        word = value.upper()
        if word not in words:
            raise ValueError(f"one of {', '.join(words)} is needed")
        return word

    return read


def _xtext(value: str, offer: Offer) -> str:
    if not is_xtext(value):
        raise ValueError("xtext is needed (RFC 3461 section 4)")
    return value


def _auth(value: str, offer: Offer) -> str:
    return value if value == "<>" else _xtext(value, offer)


def _hold_for(value: str, offer: Offer) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError("a number of seconds is needed")
    if int(value) > offer.hold_for_most_s:
        raise ValueError(f"at most {offer.hold_for_most_s} seconds are offered")
    return int(value)


def _hold_until(value: str, offer: Offer) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in value.upper():
        raise ValueError("a date and time such as 2030-01-31T08:00:00Z is needed")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _notify(value: str, offer: Offer) -> str:
    value = value.upper()
    words = value.split(",")
    if words != ["NEVER"] and (len(set(words)) != len(words) or not _NOTIFY.issuperset(words)):
        raise ValueError("NEVER alone, or some of SUCCESS,FAILURE,DELAY is needed")
    return value


def _orcpt(value: str, offer: Offer) -> str:
    kind, semicolon, address = value.partition(";")
    pattern = _UTF8_XTEXT if kind.lower() == "utf-8" and offer.smtputf8 else _XTEXT
    if not semicolon or not _ADDRESS_TYPE.fullmatch(kind) or not pattern.fullmatch(address):
        raise ValueError("a type and an address in xtext are needed, such as rfc822;name@example.com")
    return value


def _smtputf8(value: str, offer: Offer) -> bool:
    return True


_MAIL = {
    "SIZE": _Parameter("size", lambda offer: offer.size, _size, 20),
    "BODY": _Parameter("body", lambda offer: offer.eight_bit, _one_of("7BIT", "8BITMIME"), 16),
    "SMTPUTF8": _Parameter("smtputf8", lambda offer: offer.smtputf8, _smtputf8, 0, needs_value=False),
    "RET": _Parameter("ret", lambda offer: offer.dsn, _one_of("FULL", "HDRS"), 8),
    "ENVID": _Parameter("envid", lambda offer: offer.dsn, _xtext, ENVID_MOST),
    "AUTH": _Parameter("auth", lambda offer: offer.auth, _auth, AUTH_MOST),
    "HOLDFOR": _Parameter("hold_for_s", lambda offer: offer.hold_for_most_s > 0, _hold_for, 9),
    "HOLDUNTIL": _Parameter("hold_until_us", lambda offer: offer.hold_for_most_s > 0, _hold_until, 40),
}
_RCPT = {
    "NOTIFY": _Parameter("notify", lambda offer: offer.dsn, _notify, 28),
    "ORCPT": _Parameter("orcpt", lambda offer: offer.dsn, _orcpt, ORCPT_MOST),
}
