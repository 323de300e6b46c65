"""Own the door of the console: passwords are checked, and whoever guesses is soon not heard any more, without harm to others.

Tries are counted apart for whom we know: a browser in which somebody has signed in before, and the networks of their
sessions. So a stranger's guesses, from wherever, shut out strangers; the person themselves gets in where they always do.
Counts are kept in the process, for a quarter of an hour.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from aftersend.clock import DAY, MINUTE, Clock, Instant
from aftersend.control.keys import TooManyTries
from aftersend.control.people import PASSWORD_MOST, checked_email, checked_password, hashed, is_password
from aftersend.control.secret import Secret
from aftersend.errors import BadField, Unauthenticated
from aftersend.policy.proxies import place_of
from aftersend.store import Store, people
from aftersend.store.people import User

T = TypeVar("T")

FAILURES_ALLOWED = 10
"""So many tries may fail in a row from one browser or network."""
STRANGERS_FAILURES_ALLOWED = 100
"""So many tries may fail with one address, from all networks together that are not known to be its owner's."""
FAILURES_WITHIN_US = 15 * MINUTE
FAILURES_REMEMBERED = 100_000
"""Of so many places and users tries are counted; strangers with many addresses must not make us forget them all at once."""
BROWSER_KNOWN_US = 180 * DAY
"""For so long after a sign-in a browser is known."""
_AT_ONCE = 2
"""So many passwords are hashed at the same time; each takes 19 MiB."""
STRANGERS_WAITING = 20
"""So many passwords may wait to be hashed before strangers are sent away: whoever is known waits half a second at most."""
_NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$ItaJxKvd+8v2gXqehU+1jg$F+iHstZz1lAK2MXvAhKdotc0okfOsFesYOQEmmvyCqg"
"""What is compared when there is no such user, so that the time tells nothing."""


class Tries:
    """Counts tries that fail, for each thing that they are counted for, within a quarter of an hour."""

    def __init__(self) -> None:
        self._failures: dict[str, list[Instant]] = {}

    def count(self, whose: Sequence[tuple[str, int]], now: Instant) -> None:
        """Count a try for each of these, before it is made. Raise TooManyTries, counting none, when one of them had as many
        as it may.
        """
        recent = {
            # What lies ahead was counted before the clock was put back; it would shut people out for as long.
            name: [at for at in self._failures.pop(name, ()) if now - FAILURES_WITHIN_US < at <= now]
            for name, _ in whose
        }
        is_heard = all(len(recent[name]) < most for name, most in whose)
        for name, tries in recent.items():
            if is_heard or tries:
                self._failures[name] = [*tries, now] if is_heard else tries
        while len(self._failures) > FAILURES_REMEMBERED:
            del self._failures[next(iter(self._failures))]  # the one tried longest ago
        if not is_heard:
            raise TooManyTries("Too many tries failed. Wait a quarter of an hour, then try again.")

    def take_back(self, whose: str) -> None:
        """Forget the last try: it did not fail."""
        tries = self._failures.get(whose, [])[:-1]
        if tries:
            self._failures[whose] = tries
        else:
            self._failures.pop(whose, None)

    def forget(self, whose: str) -> None:
        """Forget all tries."""
        self._failures.pop(whose, None)


class Doorkeeper:
    """Checks passwords and codes, and never more than a few passwords at once."""

    def __init__(self, store: Store, clock: Clock, secret: Secret) -> None:
        self._store = store
        self._clock = clock
        self._key = secret.derive("console known browser")
        self._tries = Tries()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return the hash of a password that is good enough. Raise BadField."""
        return await self._hashing(hashed, checked_password(password))

    async def check(self, email: str, password: str, peer: str, browser: str = "") -> User:
        """Return the user with this address and password. Raise Unauthenticated, or TooManyTries.

        `browser` is what `known_browser` gave it when somebody signed in. As much is done for an address that nobody has as
        for one that somebody has.
        """
        name, place = _named(email), place_of(peer)
        user = await self._store.ask(people.by_email, name)
        sessions = await self._store.ask(people.sessions_of, 0 if user is None else user.id, now=self._clock())
        known = self._is_known(user, browser)
        if known:
            counted = [(f"browser {known}", FAILURES_ALLOWED)]
        elif any(place == place_of(session.peer) for session in sessions):
            counted = [(f"user {name} from {place}", FAILURES_ALLOWED)]
        else:
            if self._waiting >= STRANGERS_WAITING:
                raise TooManyTries("Too many people sign in at this moment. Try again in a minute.")
            counted = [(f"peer {place}", FAILURES_ALLOWED), (f"user {name}", STRANGERS_FAILURES_ALLOWED)]
        self._tries.count(counted, self._clock())
        if not await self._is_right(user, password) or user is None:
            raise Unauthenticated("The address or the password is not right.")
        for each, _ in counted:
            # Only this try is taken back: whoever can sign in must not wash off their tries with other people's names.
            self._tries.take_back(each)
        return user

    async def confirm(self, user: User, password: str) -> None:
        """Check the password of somebody who is signed in. Raise Unauthenticated, or TooManyTries."""
        self.count(f"confirming {user.id}")
        if not await self._is_right(user, password):
            raise Unauthenticated("The password is not right.")
        self.forgive(f"confirming {user.id}")

    def count(self, whose: str) -> None:
        """Count a try before it is made. Raise TooManyTries."""
        self._tries.count([(whose, FAILURES_ALLOWED)], self._clock())

    def forgive(self, whose: str) -> None:
        """Forget the tries of those who got in."""
        self._tries.forget(whose)

    def known_browser(self, user: User) -> str:
        """Return what a browser keeps, so that it is known when this user signs in there again."""
        head = f"{user.id}.{self._clock() + BROWSER_KNOWN_US}.{secrets.token_urlsafe(12)}"
        return f"{head}.{self._signed(head)}"

    def _is_known(self, user: User | None, browser: str) -> str:
        """Return by which name the tries of a known browser are counted, "" for one that is not known."""
        head, _, signature = browser[:200].rpartition(".")
        if not hmac.compare_digest(self._signed(head).encode(), signature.encode()):
            return ""
        user_id, ends_us, _ = head.split(".")
        return head if user is not None and int(user_id) == user.id and int(ends_us) > self._clock() else ""

    def _signed(self, head: str) -> str:
        return hmac.digest(self._key, head.encode(), "sha256").hex()

    async def _is_right(self, user: User | None, password: str) -> bool:
        has_one = user is not None and user.password is not None
        kept = user.password if user is not None and user.password is not None else _NOBODYS
        is_right = await self._hashing(is_password, password[:PASSWORD_MOST], kept)
        return is_right and has_one and user is not None and user.disabled_us is None

    async def _hashing(self, function: Callable[..., T], *args: Any) -> T:
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(function, *args)
        finally:
            self._waiting -= 1


def _named(email: str) -> str:
    """Return the address as it is kept, or, when it is none, something that nobody is called."""
    try:
        return checked_email(email)
    except BadField:
        return email.strip().casefold()[:320]
