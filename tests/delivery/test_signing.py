"""Signing: what goes out verifies, with the keys of the From domain, and no body is hashed or signed twice."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence

import dkim as dkimpy
import pytest

from aftersend.app import run
from aftersend.delivery import Signer, signing_process
from aftersend.delivery.signing import MANY, Draft
from aftersend.delivery.signing_process import SigningProcess
from aftersend.mail import dkim

NOW_S = int(time.time())
HEADER = b"From: Shop <shop@mail.example.com>\r\nTo: ann@example.net\r\nSubject: Hi\r\n"
BODY = b"Hello\r\n"
PEMS = {name: dkim.generate(name) for name in (dkim.RSA, dkim.ED25519)}
OPENED: list[str] = []


def opener(domain: str, selector: str, algorithm: str = dkim.ED25519):  # type: ignore[no-untyped-def]
    """How to open a key; it is noted when that is done."""

    def opened() -> dkim.DkimKey:
        OPENED.append(selector)
        return dkim.load(domain, selector, PEMS[algorithm], is_ours=True)

    return opened


@pytest.fixture
def signer() -> Signer:
    """A signer with keys for a domain and one above it, and another account's."""
    made = Signer()
    made.reload(
        [
            (1, "example.com", "above", opener("example.com", "above")),
            (1, "mail.example.com", "rsa", opener("mail.example.com", "rsa", dkim.RSA)),
            (1, "mail.example.com", "ed", opener("mail.example.com", "ed")),
            (2, "example.org", "theirs", opener("example.org", "theirs")),
        ]
    )
    return made


def sign(
    signer: Signer, message_id: int = 1, *, domain: str = "mail.example.com", body: bytes = BODY, account: int = 1
) -> bytes:
    """The signature lines of a message."""
    return signer.signature(draft(message_id, domain=domain, body=body, account=account), NOW_S)


def draft(message_id: int, *, domain: str = "mail.example.com", body: bytes = BODY, account: int = 1) -> Draft:
    """A message to be signed."""
    header = HEADER + b"Message-ID: <%d@example.com>\r\n" % message_id
    return Draft(account, message_id, domain, header, body[:5] + b"id", body)


def verify(raw: bytes, index: int = 0) -> bool:
    """Ask an independent verifier."""
    records = {
        f"{selector}._domainkey.{domain}.": dkim.dns_record(dkim.load(domain, selector, PEMS[algorithm]).private)
        for domain, selector, algorithm in (
            ("mail.example.com", "rsa", dkim.RSA), ("mail.example.com", "ed", dkim.ED25519), ("example.com", "above", dkim.ED25519),
        )
    }  # fmt: skip
    found = dkimpy.DKIM(raw)
    try:
        return bool(found.verify(idx=index, dnsfunc=lambda name, timeout=5: records[name.decode()].encode()))
    except dkimpy.ValidationError:
        return False


def test_what_goes_out_verifies(signer: Signer) -> None:
    """Each key of the domain signs, RSA and Ed25519, and an independent verifier accepts both."""
    signature = sign(signer)
    assert signature.count(b"DKIM-Signature:") == 2
    header = signature + HEADER + b"Message-ID: <1@example.com>\r\n"
    for index in (0, 1):
        assert verify(header + b"\r\n" + BODY, index)
        assert not verify(header + b"\r\nChanged\r\n", index)
        assert not verify(header + b"Subject: Another\r\n\r\n" + BODY, index)


def test_a_domain_without_keys_uses_those_above_it(signer: Signer) -> None:
    """Relaxed alignment: the organisation's key will do where the host has none; nobody else's ever does."""
    assert [key.selector for key in signer.keys_for(1, "news.example.com")] == ["above"]
    assert [key.selector for key in signer.keys_for(1, "mail.example.com")] == ["rsa", "ed"]
    assert signer.keys_for(1, "badexample.com") == ()
    assert signer.keys_for(1, "com") == ()
    assert signer.keys_for(1, "") == ()
    assert signer.keys_for(1, "example.org") == ()
    assert sign(signer, domain="elsewhere.example") == b""


def test_another_recipient_costs_no_other_signature(signer: Signer) -> None:
    """The same message to many has one signature; another message, or another body, has its own."""
    first = sign(signer, 1)
    assert sign(signer, 1) is first
    assert sign(signer, 2) != first
    assert sign(signer, 1, body=b"Other\r\n") != first


def test_a_body_is_known_by_its_id(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that many messages share is hashed once."""
    hashed: list[bytes] = []
    hash_it = dkim.body_hash

    def counting(body: bytes) -> bytes:
        hashed.append(body)
        return hash_it(body)

    monkeypatch.setattr(dkim, "body_hash", counting)
    for message_id in range(5):
        sign(signer, message_id)
    assert len(hashed) == 1


def test_changed_keys_sign_from_then_on(signer: Signer) -> None:
    """After a rotation nothing is signed with the old key, not even a message that was signed before."""
    before = sign(signer, 1)
    signer.reload([(1, "mail.example.com", "ed", opener("mail.example.com", "ed"))])
    after = sign(signer, 1)
    assert b"s=rsa" in before
    assert b"s=rsa" not in after
    signer.reload([])
    assert not signer
    assert sign(signer, 1) == b""


def test_memory_is_bounded() -> None:
    """However many messages go through, the signer keeps the last ones only."""
    made = Signer()
    made.reload([(1, "mail.example.com", "ed", opener("mail.example.com", "ed"))])
    first = sign(made, 0)
    for message_id in range(1, 2100):
        sign(made, message_id)
    assert sign(made, 0) is not first


def test_many_are_signed_by_a_process_beside(signer: Signer) -> None:
    """Signatures made beside the service are as good as its own, and `signature` finds them at hand."""

    async def many() -> list[bytes]:
        drafts = [draft(number) for number in range(MANY * 2)]
        await signer.sign_ahead(drafts, NOW_S)
        beside = [signer.signature(one, NOW_S + 99) for one in drafts]
        await signer.stop()
        return beside

    for number, signature in enumerate(run(many())):
        assert f"t={NOW_S};".encode() in signature
        raw = signature + HEADER + b"Message-ID: <%d@example.com>\r\n\r\n" % number + BODY
        assert verify(raw, 0)
        assert verify(raw, 1)


def test_without_the_process_the_service_signs_for_itself(signer: Signer) -> None:
    """A process that died costs time, never a signature; the next time there is another one."""

    async def after_its_death() -> bytes:
        await signer.sign_ahead([draft(number) for number in range(MANY)], NOW_S)
        await signer.stop()
        await signer.sign_ahead([draft(number) for number in range(100, 100 + MANY)], NOW_S)
        signed = signer.signature(draft(100), NOW_S + 5)
        await signer.stop()
        return signed

    assert run(after_its_death()).count(b"DKIM-Signature:") == 2


def test_many_batches_at_once_share_one_process_while_keys_change(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message gets the signature of its own text, with the keys of the moment, however many ask at once."""
    running: list[SigningProcess] = []
    start = SigningProcess.start

    async def counted(process: SigningProcess, keys: Sequence[bytes]) -> None:
        await start(process, keys)
        running.append(process)
        assert [one for one in running if one.is_running] == [process]

    monkeypatch.setattr(SigningProcess, "start", counted)

    async def batch(first: int) -> list[tuple[int, bytes]]:
        drafts = {number: draft(number) for number in range(first, first + MANY + first % 3)}
        await signer.sign_ahead(list(drafts.values()), NOW_S)
        return [(number, signer.signature(one, NOW_S)) for number, one in drafts.items()]

    async def many() -> list[tuple[int, bytes]]:
        signed: list[tuple[int, bytes]] = []
        async with asyncio.timeout(60):
            for turn in range(4):
                batches = [asyncio.ensure_future(batch(1000 * turn + 20 * number)) for number in range(6)]
                for _ in range(turn):
                    await asyncio.sleep(0)
                keys = [("rsa", dkim.RSA), ("ed", dkim.ED25519)][turn % 2 :]
                signer.reload(
                    [(1, "mail.example.com", name, opener("mail.example.com", name, kind)) for name, kind in keys]
                )
                for found in await asyncio.gather(*batches):
                    signed += found
            await signer.stop()
        return signed

    for number, signature in run(many())[::4]:
        raw = signature + HEADER + b"Message-ID: <%d@example.com>\r\n\r\n" % number + BODY
        assert all(verify(raw, place) for place in range(signature.count(b"DKIM-Signature:"))), number


def test_a_process_that_does_not_answer_is_not_waited_for(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signing goes on without it, and it does not stay."""

    async def stopped() -> bytes:
        await signer.sign_ahead([draft(number) for number in range(MANY)], NOW_S)
        assert signer._beside is not None
        assert signer._beside._process is not None
        signer._beside._process.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(signing_process, "ANSWERS_WITHIN_S", 0.2)
        await signer.sign_ahead([draft(number) for number in range(100, 100 + MANY)], NOW_S)
        signed = signer.signature(draft(100), NOW_S + 5)
        await signer.stop()
        return signed

    assert run(stopped()).count(b"DKIM-Signature:") == 2
