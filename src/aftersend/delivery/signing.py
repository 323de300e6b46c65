"""Sign what goes out: the DKIM keys of the From domain, loaded once; the hash of a body, taken once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from aftersend.mail import dkim

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED = 2000
EXPIRES_AFTER_S = 14 * 24 * 3600


class Signer:
    """Gives the DKIM-Signature lines for a message. `reload` is called whenever keys change."""

    def __init__(self) -> None:
        self._keys: dict[tuple[int, str], tuple[dkim.DkimKey, ...]] = {}
        self._hashes: OrderedDict[bytes, bytes] = OrderedDict()
        self._signed: OrderedDict[tuple[int, bytes], bytes] = OrderedDict()

    def reload(self, keys: Sequence[tuple[int, str, Callable[[], dkim.DkimKey]]]) -> None:
        """Take the active keys: account, domain, and how to open each."""
        opened: dict[tuple[int, str], tuple[dkim.DkimKey, ...]] = {}
        for account_id, domain, unseal in keys:
            opened[account_id, domain] = (*opened.get((account_id, domain), ()), unseal())
        self._keys = opened
        self._signed.clear()

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

    def signature(
        self,
        account_id: int,
        message_id: int,
        from_domain: str,
        headers: bytes,
        body_id: bytes,
        body: bytes,
        now_s: int,
    ) -> bytes:
        """Return the signature lines to stand before the headers, or nothing where no key signs for the domain.

        The same message to another recipient is not signed again.
        """
        keys = self.keys_for(account_id, from_domain)
        if not keys:
            return b""
        signed = self._signed.get((message_id, body_id))
        if signed is None:
            from aftersend.mail import dkim

            signed = b"".join(
                dkim.sign(headers, key, self._hash(body_id, body), now_s=now_s, expire_s=EXPIRES_AFTER_S)
                for key in keys
            )
            _remember(self._signed, (message_id, body_id), signed)
        return signed

    def _hash(self, body_id: bytes, body: bytes) -> bytes:
        known = self._hashes.get(body_id)
        if known is None:
            from aftersend.mail import dkim

            known = dkim.body_hash(body)
            _remember(self._hashes, body_id, known)
        return known


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
