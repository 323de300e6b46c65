"""Own what follows when hours or rates change: what they hold back is looked at anew, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aftersend.clock import Instant
from aftersend.policy.throttles import ACCOUNT, DOMAIN, SENDERS
from aftersend.store import paces, verbs
from aftersend.store.connection import Connection

Page = Callable[[Connection], int | None]


@dataclass(frozen=True, slots=True)
class Changed:
    """What has changed: hours or rate of a stream, or a rate beside those."""

    account_id: int
    """0 for what holds for all accounts."""
    stream: str | None = None
    scope: str = ""
    name: str = ""

    def page(self, connection: Connection, account_id: int, after: int, *, now: Instant) -> int | None:
        """Let the gates look anew at a page of what is held back of one account; say behind which delivery to go on."""
        if after == 0 and self.stream is not None:
            paces.forget(connection, (account_id, self.stream))
        return verbs.look_anew(
            connection, account_id, now=now, after=after, stream=self.stream,
            domain=self.name if self.scope == DOMAIN else None, is_sending=self.scope in SENDERS,
        )  # fmt: skip

    def accounts(self, connection: Connection) -> list[int]:
        """Return the accounts whose mail it holds back."""
        return [self.account_id] if self.account_id else verbs.held_back(connection)


def of_stream(account_id: int, name: str) -> Changed:
    """Hours or rate of a stream have changed."""
    return Changed(account_id, stream=name)


def of_rate(owner: int, scope: str, name: str) -> Changed:
    """A rate beside those of streams has changed."""
    return Changed(owner, scope=scope or ACCOUNT, name=name)


def pages(changed: Changed, accounts: list[int], *, now: Instant) -> Iterator[Page]:
    """Yield, page by page, what is to be run in a transaction each; what a page returned is known when the next is asked for."""
    for account_id in accounts:
        place = [0]

        def page(connection: Connection, account_id: int = account_id, place: list[int] = place) -> int | None:
            found = changed.page(connection, account_id, place[0], now=now)
            place[0] = -1 if found is None else found
            return found

        while place[0] >= 0:
            yield page
