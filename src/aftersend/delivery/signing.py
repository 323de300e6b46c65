"""Sign what goes out: the DKIM keys of the From domain, loaded once; the hash of a body, taken once.

Many messages at once are signed by a process beside the service, a few by the service itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from aftersend.delivery.signing_process import SigningProcess
from aftersend.store.accounts import FIRST_ACCOUNT

if TYPE_CHECKING:
    from aftersend.mail import dkim

K = TypeVar("K")
V = TypeVar("V")
REMEMBERED = 2000
EXPIRES_AFTER_S = 14 * 24 * 3600
MANY = 8
"""From so many messages on they are signed beside the service."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is to be signed."""

    account_id: int
    headers_id: int
    """Names the headers; equal for equal headers."""
    from_domain: str
    headers: bytes
    body_id: bytes
    """Names the body; equal for equal bodies."""
    body: bytes
    asks_feedback: bool = False
    """Whether it has a CFBL-Address, which a key of the return domain has to sign too."""


class Signer:
    """Gives the DKIM-Signature lines for a message. `reload` is called whenever keys may have changed."""

    def __init__(self, return_domain: str = "") -> None:
        self._return_domain = return_domain.lower()
        self._of_returns: tuple[dkim.DkimKey, ...] = ()  # the operator's; any account may add a domain of that name
        self._keys: dict[tuple[int, str], tuple[dkim.DkimKey, ...]] = {}
        self._names: frozenset[Hashable] = frozenset()
        self._numbers: dict[int, int] = {}
        self._hashes: OrderedDict[bytes, bytes] = OrderedDict()
        self._signed: OrderedDict[tuple[int, bytes], bytes] = OrderedDict()
        self._beside: SigningProcess | None = None
        self._starting = asyncio.Lock()
        self._is_stale = False

    def reload(self, keys: Sequence[tuple[int, str, str, Callable[[], dkim.DkimKey]]]) -> bool:
        """Take the active keys (account, domain, selector, and how to open each); whether they have changed."""
        names = frozenset(key[:3] for key in keys)
        if names == self._names:
            return False
        opened: dict[tuple[int, str], tuple[dkim.DkimKey, ...]] = {}
        for account_id, domain, _, unseal in keys:
            opened[account_id, domain] = (*opened.get((account_id, domain), ()), unseal())
        self._names, self._keys = names, opened
        self._of_returns = opened.get((FIRST_ACCOUNT, self._return_domain), ())
        self._signed.clear()
        self._is_stale = True
        return True

    def __bool__(self) -> bool:
        return bool(self._keys)

    def keys_for(self, account_id: int, domain: str) -> tuple[dkim.DkimKey, ...]:
        """Return the keys that sign for a From domain: its own, or those of a domain above it."""
        part = domain
        while part:
            found = self._keys.get((account_id, part))
            if found:
                return found
            part = part.partition(".")[2]
        return ()

    def may_ask_feedback(self, account_id: int, domain: str) -> bool:
        """Say whether receivers would believe an address for complaints at the return domain, in mail from this domain: the
        From domain signs, and so does the return domain, as itself or as the one that signs for both (RFC 9477 §3.1)."""
        keys = self.keys_for(account_id, domain)
        return bool(keys) and bool(self._of_returns or any(key.domain == self._return_domain for key in keys))

    def _keys_of(self, draft: Draft) -> tuple[dkim.DkimKey, ...]:
        keys = self.keys_for(draft.account_id, draft.from_domain)
        if not draft.asks_feedback or any(key.domain == self._return_domain for key in keys):
            return keys
        return keys + self._of_returns

    async def sign_ahead(self, drafts: Sequence[Draft], now_s: int) -> None:
        """Sign many messages at once, so that `signature` has them at hand; a few are left to `signature`."""
        wanted = {
            (draft.headers_id, draft.body_id): draft
            for draft in drafts
            if (draft.headers_id, draft.body_id) not in self._signed
            and self.keys_for(draft.account_id, draft.from_domain)
        }
        if len(wanted) < MANY:
            return
        with contextlib.suppress(ConnectionError, OSError):
            await self._sign_beside(wanted, now_s)

    async def _sign_beside(self, wanted: dict[tuple[int, bytes], Draft], now_s: int) -> None:
        from aftersend.mail import dkim

        beside = await self._started()
        prefixes: list[tuple[tuple[int, bytes], bytes]] = []
        work: list[tuple[int, bytes]] = []
        for place, draft in wanted.items():
            hashed = self._hash(draft.body_id, draft.body)
            for key in self._keys_of(draft):
                prefix, digest = dkim.header_to_sign(draft.headers, key, hashed, now_s=now_s, expire_s=EXPIRES_AFTER_S)
                prefixes.append((place, prefix))
                work.append((self._numbers[id(key)], digest))
        names, lines = self._names, dict[tuple[int, bytes], list[bytes]]()
        for (place, prefix), signed in zip(prefixes, await beside.sign(work), strict=True):
            lines.setdefault(place, []).append(dkim.signed_field(prefix, signed))
        if self._names is not names:
            return  # the keys have changed meanwhile
        for place, fields in lines.items():
            _remember(self._signed, place, b"".join(fields))

    async def _started(self) -> SigningProcess:
        """Return a process that runs and has the keys of this moment. Many may ask at once; one of them starts it."""
        from aftersend.mail import dkim

        async with self._starting:
            while self._beside is None or self._is_stale or not self._beside.is_running:
                if self._beside is not None:
                    await self._beside.stop()
                keys = [key for found in self._keys.values() for key in found]
                self._numbers = {id(key): number for number, key in enumerate(keys)}
                self._is_stale = False
                self._beside = SigningProcess()
                await self._beside.start([dkim.pem(key.private) for key in keys])
            return self._beside

    def signature(self, draft: Draft, now_s: int) -> bytes:
        """Return the signature lines to stand before the headers, or nothing where no key signs for the domain.

        The same message to another recipient is not signed again.
        """
        keys = self._keys_of(draft)
        if not keys:
            return b""
        place = (draft.headers_id, draft.body_id)
        signed = self._signed.get(place)
        if signed is None:
            from aftersend.mail import dkim

            hashed = self._hash(draft.body_id, draft.body)
            signed = b"".join(
                dkim.sign(draft.headers, key, hashed, now_s=now_s, expire_s=EXPIRES_AFTER_S) for key in keys
            )
            _remember(self._signed, place, signed)
        return signed

    def _hash(self, body_id: bytes, body: bytes) -> bytes:
        known = self._hashes.get(body_id)
        if known is None:
            from aftersend.mail import dkim

            known = dkim.body_hash(body)
            _remember(self._hashes, body_id, known)
        return known

    async def stop(self) -> None:
        """End the process beside."""
        if self._beside is not None:
            await self._beside.stop()


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
