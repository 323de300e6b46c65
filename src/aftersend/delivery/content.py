"""What one delivery is to say: the same for everybody, or made for its recipient just before it is signed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from aftersend.errors import SubmissionError
from aftersend.store.queue import Claim


class Content(NamedTuple):
    """A message as it goes out, without its signature."""

    headers: bytes
    body: bytes
    body_id: bytes
    """Names the body for the signer: equal only for equal bodies, under headers that are equal wherever the message is the same."""
    feedback_day: int | None = None
    """The day in the address for complaints among the headers, which is another for each delivery; None without one."""

    def asking_feedback(self, address: str, day: int) -> Content:
        """Return it with an address for complaints (RFC 9477 §3)."""
        field = f"CFBL-Address: {address}; report=arf\r\n".encode("ascii")
        return self._replace(headers=field + self.headers, feedback_day=day)


Compose = Callable[
    [Sequence[Claim], Mapping[tuple[int, bytes], bytes]], Awaitable[Mapping[int, Content | SubmissionError | None]]
]
"""From compiled claims and the bodies that they name to what each delivery says, by its id, or why it cannot be made.
One that is left out is to be asked for again, when there is room. It may raise: the claims are given back then."""
