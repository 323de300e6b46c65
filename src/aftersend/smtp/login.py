"""One exchange of AUTH by PLAIN (RFC 4616) or LOGIN, from the server's side."""

from __future__ import annotations

import binascii

from aftersend.smtp import answers
from aftersend.smtp.events import Credentials
from aftersend.smtp.reply import Reply

_FIRST = {"PLAIN": b"334 \r\n", "LOGIN": b"334 VXNlcm5hbWU6\r\n"}
_PASSWORD = b"334 UGFzc3dvcmQ6\r\n"
MECHANISMS = frozenset(_FIRST)


class Login:
    """Asks for what the mechanism needs until it knows who wants to be let in."""

    __slots__ = ("_mechanism", "_user", "challenge")

    def __init__(self, mechanism: str) -> None:
        self._mechanism = mechanism
        self._user: str | None = None
        self.challenge = _FIRST[mechanism]
        """What to ask next."""

    def said(self, line: bytes) -> Credentials | Reply | None:
        """Take the client's response: None when `challenge` is to be asked, a Reply when it is no good."""
        text = _decoded(line)
        if text is None:
            return answers.AUTH_SYNTAX
        if self._mechanism == "LOGIN":
            if self._user is None:
                self._user = text
                self.challenge = _PASSWORD
                return None
            return _credentials("LOGIN", self._user, text)
        parts = text.split("\0")
        if len(parts) != 3:
            return answers.AUTH_SYNTAX
        acting_for, user, password = parts
        if acting_for not in ("", user):
            return answers.AUTH_FOR_OTHERS
        return _credentials("PLAIN", user, password)


def _credentials(mechanism: str, user: str, password: str) -> Credentials | Reply:
    if not password or "\0" in user or "\0" in password:
        return answers.AUTH_SYNTAX
    return Credentials(mechanism, user, password)


def _decoded(line: bytes) -> str | None:
    if line == b"=":  # an empty initial response (RFC 4954 §4)
        return ""
    try:
        return binascii.a2b_base64(line.strip(b" "), strict_mode=True).decode()
    except ValueError:
        return None
