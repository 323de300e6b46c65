"""Own the tree of errors that a caller can cause. A remote's refusal is a value, not an error; our bugs are neither.

AftersendError
├── SubmissionError        a message cannot be taken; the sender can mend it
│   ├── BadField, BadFields  one named field, or several, are wrong
│   ├── TooLarge           over the limit for messages
│   └── NotAllowed         this key may not do that
├── Unauthenticated        no key, or one that is not valid
├── NotFound               the thing named does not exist for this account
├── Conflict               it contradicts what is already there
├── TryLater, OutOfSpace   we cannot now; nothing was kept
└── SettingsError          the operator's settings cannot be used
"""

from __future__ import annotations

from typing import Any


class AftersendError(Exception):
    """Something the caller can mend. The message says what is wrong and how to mend it."""

    code = "error"
    """The problem type, one closed list shared by HTTP (RFC 9457 `type`) and SMTP replies."""
    status = 400
    """The HTTP status."""
    smtp = (554, "5.0.0")
    """The SMTP reply code and enhanced status (RFC 3463)."""

    def __init__(self, detail: str, *, code: str | None = None, smtp: tuple[int, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code
        if smtp is not None:
            self.smtp = smtp

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it pass from one process to another as it is, whatever its subclass is made with."""
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(kind: type[AftersendError], args: tuple[Any, ...], state: dict[str, Any]) -> AftersendError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class SubmissionError(AftersendError):
    """The message cannot be taken as it is."""

    code = "invalid-message"
    status = 422
    smtp = (554, "5.6.0")


class BadField(SubmissionError):
    """One field is wrong; `pointer` names it as RFC 6901 does (`#/to/0`)."""

    code = "invalid-field"

    def __init__(
        self, pointer: str, detail: str, *, code: str | None = None, smtp: tuple[int, str] | None = None
    ) -> None:
        super().__init__(detail, code=code, smtp=smtp)
        self.pointer = pointer


class BadFields(SubmissionError):
    """Several fields are wrong; all are named at once, so that one round of mending is enough."""

    code = "invalid-field"

    def __init__(self, fields: list[BadField]) -> None:
        super().__init__("; ".join(f"{field.pointer}: {field.detail}" for field in fields))
        self.fields = fields


class TooLarge(SubmissionError):
    """The message is over the size that this installation takes."""

    code = "too-large"
    status = 413
    smtp = (552, "5.3.4")


class NotAllowed(SubmissionError):
    """The key is valid but may not do this."""

    code = "not-allowed"
    status = 403
    smtp = (550, "5.7.1")


class Unauthenticated(AftersendError):
    """No key was given, or it is not valid."""

    code = "unauthenticated"
    status = 401
    smtp = (535, "5.7.8")


class NotFound(AftersendError):
    """The thing named does not exist for this account."""

    code = "not-found"
    status = 404
    smtp = (550, "5.1.0")


class Conflict(AftersendError):
    """The request contradicts what is already there."""

    code = "conflict"
    status = 409
    smtp = (554, "5.5.0")


class TryLater(AftersendError):
    """It cannot be done now and nothing was kept; the same request may succeed later."""

    code = "try-later"
    status = 503
    smtp = (451, "4.3.0")


class OutOfSpace(TryLater):
    """The disk is full, or nearly; nothing was kept."""

    code = "out-of-space"
    status = 507
    smtp = (452, "4.3.1")


class SettingsError(AftersendError):
    """A setting is missing or cannot be used."""

    code = "settings"
    status = 500
