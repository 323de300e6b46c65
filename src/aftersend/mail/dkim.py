"""Sign messages (RFC 6376, RFC 8301, RFC 8463): relaxed/relaxed, RSA-2048 or Ed25519, oversigned.

A field that is named once more than it occurs cannot be added later without breaking the signature. The hash of a body
is taken apart from the signature, since a body is stored once and goes to many. Owns no keys and no clock; never uses
`l=`.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from aftersend.mail import address

RSA: Final = "rsa-sha256"
ED25519: Final = "ed25519-sha256"
RSA_BITS = 2048
RSA_BITS_LEAST = 1024
"""Shorter keys are worthless to receivers (RFC 8301 §3.2)."""
EXPIRES_AFTER_MOST_S = 14 * 24 * 3600
"""A signature that never ends invites replay."""

OVERSIGNED = (
    "from", "to", "cc", "subject", "date", "reply-to", "message-id", "mime-version", "content-type",
    "content-transfer-encoding", "list-id", "list-unsubscribe", "list-unsubscribe-post", "list-help", "list-subscribe",
    "list-owner", "list-post", "list-archive", "feedback-id", "cfbl-address", "cfbl-feedback-id",
)  # fmt: skip
"""Signed once more than they occur, absent ones included."""
SIGNED = ("sender", "in-reply-to", "references", "auto-submitted", "content-id", "content-disposition")
"""Signed as often as they occur."""

_ORDER = {name.encode(): place for place, name in enumerate(OVERSIGNED + SIGNED)}
_FIRST_SIGNED_ONCE = len(OVERSIGNED)
_LINE = 72
_PKCS1 = padding.PKCS1v15()
_PREHASHED = Prehashed(hashes.SHA256())

Private = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A key that signs for a domain, loaded once and kept: loading takes longer than a hundred signatures."""

    domain: str
    selector: str
    algorithm: str
    private: Private = field(repr=False)


# ---- keys ----------------------------------------------------------------------------------------------------------


def generate(algorithm: str) -> bytes:
    """Make a key, RSA-2048 or Ed25519; return it as PEM (PKCS #8), not encrypted. RSA takes some tenths of a second."""
    private: Private
    if algorithm == RSA:
        private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    elif algorithm == ED25519:
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        raise ValueError(f"There is no DKIM algorithm {algorithm!r}; use {RSA} or {ED25519}.")
    return pem(private)


def load(domain: str, selector: str, pem: bytes, *, is_ours: bool = False) -> DkimKey:
    """Read a private key. Raise ValueError when it cannot sign.

    `is_ours` spares the consistency check of an RSA key (some 50 ms) for a PEM that `generate` wrote.
    """
    private = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=is_ours)
    if isinstance(private, rsa.RSAPrivateKey):
        if private.key_size < RSA_BITS_LEAST:
            raise ValueError(f"An RSA key of {private.key_size} bits is too short; make one of {RSA_BITS} bits.")
        algorithm = RSA
    elif isinstance(private, ed25519.Ed25519PrivateKey):
        algorithm = ED25519
    else:
        raise ValueError("DKIM signs with RSA or Ed25519 keys only.")
    return DkimKey(address.a_label(domain), selector.lower(), algorithm, private)


def dns_name(domain: str, selector: str) -> str:
    """Return the name under which receivers look for the public key."""
    return f"{selector}._domainkey.{domain}"


def dns_record(private: Private) -> str:
    """Return the text of the TXT record. An RSA key's is over 255 characters, so it is published in several strings."""
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={b64encode(der).decode()}"
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return f"v=DKIM1; k=ed25519; p={b64encode(raw).decode()}"


# ---- signatures ----------------------------------------------------------------------------------------------------


def body_hash(body: bytes) -> bytes:
    """Return the SHA-256 of a body (everything behind the empty line) in relaxed form (RFC 6376 §3.4.4). Linear.

    A body without a tab, without two spaces in a row and without a space at a line's end is hashed as it lies.
    """
    if b"  " in body or b"\t" in body or b" \r\n" in body or body.endswith(b" "):
        body = _with_single_spaces(body)
    end = _end_without_empty_lines(body)
    digest = hashlib.sha256(memoryview(body)[:end])
    if end:
        digest.update(b"\r\n")
    return digest.digest()


def header_to_sign(block: bytes, key: DkimKey, hashed_body: bytes, *, now_s: int, expire_s: int) -> tuple[bytes, bytes]:
    """Return the signature field up to its `b=`, and the SHA-256 of all that it signs (RFC 6376 §3.7).

    `block` is the header as it will be sent; `expire_s` is bounded by 14 days.
    """
    counts, canonical = _canonical(block)
    prefix = _before_names(key) + b"t=%d; x=%d;\r\n\th=%s;\r\n\tbh=%s;\r\n\tb=" % (
        now_s,
        now_s + min(expire_s, EXPIRES_AFTER_MOST_S),
        _names(counts),
        b64encode(hashed_body),
    )
    own = b"dkim-signature:" + prefix[16:].replace(b"\r\n\t", b" ")
    return prefix, hashlib.sha256(canonical + own).digest()


def sign(block: bytes, key: DkimKey, hashed_body: bytes, *, now_s: int, expire_s: int) -> bytes:
    """Return the whole DKIM-Signature field, folded, with its CRLF, to stand above the block.

    RSA lets other threads run while it signs; it takes 0.4 ms, Ed25519 takes 0.05 ms.
    """
    prefix, digest = header_to_sign(block, key, hashed_body, now_s=now_s, expire_s=expire_s)
    return signed_field(prefix, signature(key.private, digest))


def signed_field(prefix: bytes, signed: bytes) -> bytes:
    """Return the whole field, from what `header_to_sign` gave and the signature of its digest."""
    written = b64encode(signed)
    lines = [written[at : at + _LINE] for at in range(0, len(written), _LINE)]
    return prefix + b"\r\n\t".join(lines) + b"\r\n"


def pem(private: Private) -> bytes:
    """Write a private key as `load` reads it."""
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def signature(private: Private, digest: bytes) -> bytes:
    """Sign a digest: RSA as PKCS #1 1.5, Ed25519 as if the digest were the text (RFC 8463 §3)."""
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(digest, _PKCS1, _PREHASHED)
    return private.sign(digest)


# ---- relaxed form --------------------------------------------------------------------------------------------------


def _with_single_spaces(body: bytes) -> bytes:
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    for run in (b" " * 16, b" " * 4):
        body = body.replace(run, b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n")
    return body[:-1] if body.endswith(b" ") else body


def _end_without_empty_lines(body: bytes) -> int:
    """Return where the last line with something in it ends, its CRLF left out; 0 for a body of empty lines."""
    end = len(body.rstrip(b"\r\n"))
    tail = body[end:]
    if len(tail) == 2 * tail.count(b"\r\n"):
        return end
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return end


def _canonical(block: bytes) -> tuple[tuple[int, ...], bytes]:
    """Return how often each signed field occurs, and those fields in relaxed form, as the verifier will take them.

    Of a field that occurs more than once the lowest comes first (RFC 6376 §5.4.2).
    """
    if b"\r\n " in block:
        block = block.replace(b"\r\n ", b" ")
    if b"\r\n\t" in block:
        block = block.replace(b"\r\n\t", b"\t")
    odd = b"\x0b" in block or b"\x0c" in block or b"\r" in block.replace(b"\r\n", b"")
    order = _place
    counts = [0] * len(_ORDER)
    chosen: list[tuple[int, int, bytes]] = []
    depth = 0
    for line in block.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        place, begin = order(name)
        if place < 0 or not colon:
            continue
        counts[place] += 1
        depth -= 1
        words = [w for w in value.replace(b"\t", b" ").split(b" ") if w] if odd else value.split()
        chosen.append((place, depth, begin + b" ".join(words) + b"\r\n"))
    chosen.sort()
    return tuple(counts), b"".join([line for _, _, line in chosen])


@lru_cache(maxsize=4096)
def _place(name: bytes) -> tuple[int, bytes]:
    """Return the place of a field in the order of signing (negative: not signed) and how its relaxed form begins."""
    lower = name.rstrip(b" \t").lower()
    return _ORDER.get(lower, -1), lower + b":"


@lru_cache(maxsize=4096)
def _names(counts: tuple[int, ...]) -> bytes:
    """Write the names of `h=`, folded."""
    names: list[bytes] = []
    for (name, place), times in zip(_ORDER.items(), counts, strict=True):
        names += [name] * (times + (place < _FIRST_SIGNED_ONCE))
    lines = [names[0]]
    for name in names[1:]:
        if len(lines[-1]) + len(name) >= _LINE:
            lines[-1] += b":"
            lines.append(name)
        else:
            lines[-1] += b":" + name
    return b"\r\n\t".join(lines)


def _before_names(key: DkimKey) -> bytes:
    written = f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n\td={key.domain}; s={key.selector}; "
    return written.encode("ascii")
