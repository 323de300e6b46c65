"""What the DNS says of a sender, gathered for the score: found, wrong, unknown; remembered, and asked all at once."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from names_table import Table

from aftersend.clock import MINUTE
from aftersend.control.domains import Place, records_of
from aftersend.control.scoring import Asked, Scorer
from aftersend.engines import Panel
from aftersend.policy.score.finding import Score

PLACE = Place("mail.example.org", "bounces.example.org", ("203.0.113.9",))


def _key(bits: int) -> str:
    public = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={b64encode(der).decode()}"


KEY, SHORT = _key(2048), _key(1024)
HOST = "s1._domainkey.example.com"
TXT: dict[str, Sequence[str]] = {
    HOST: [KEY],
    "bounces.example.org": ["v=spf1 ip4:203.0.113.9 -all"],
    "_dmarc.example.com": ["v=DMARC1; p=reject; rua=mailto:d@example.com"],
}
NAMES = Table(
    txt=TXT, mx={"example.com": ["mx.example.com"]},
    a={"mx.example.com": ["203.0.113.5"], "mail.example.org": ["203.0.113.9"]},
)  # fmt: skip
RECORDS = [each for each in records_of("example.com", [("s1", "rsa-sha256", KEY)], PLACE) if each.purpose == "dkim"]
MAIL = (
    b"From: Shop <shop@example.com>\r\nTo: ann@example.net\r\nSubject: What is new\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain\r\n\r\nDear Ann, this is what is new in our shop this week.\r\n"
)


class Asking:
    """A scorer with a clock that is moved by hand, and reverse names from a table."""

    def __init__(self, names: Table, reverse: Mapping[str, str | None] | None = None) -> None:
        self.now = 1_795_597_200_000_000
        table: Mapping[str, str | None] = {"203.0.113.9": "mail.example.org"} if reverse is None else reverse

        async def name_of(address: str) -> str | None:
            return table.get(address)

        self.scorer = Scorer(names, Panel([], lambda: self.now), PLACE, lambda: self.now, reverse=name_of)

    def __call__(self, mail: bytes = MAIL, **asked: Any) -> Score:
        given = {"is_broadcast": False, "records": RECORDS, **asked}
        return asyncio.run(self.scorer.score(mail, Asked(**given)))


def _ids(score: Score) -> set[str]:
    return {finding.id for finding in score.findings}


def _with(**txt: Sequence[str]) -> Table:
    return replace(NAMES, txt={**TXT, **{name.replace("__", "."): texts for name, texts in txt.items()}}, asked=[])


def test_a_sender_in_good_order_loses_nothing() -> None:
    """And nothing is unknown."""
    found = Asking(replace(NAMES, asked=[]))()
    assert (found.value, found.findings, found.unknown) == (100, (), ())


@pytest.mark.parametrize(
    ("name", "texts", "finding"),
    [
        (HOST, [], "no-dkim"),
        (HOST, [SHORT], "dkim-different"),
        (HOST, ["v=DKIM1; p="], "dkim-worthless"),
        ("bounces.example.org", [], "spf-missing"),
        ("bounces.example.org", ["v=spf1 ip4:198.51.100.1 -all"], "spf-fails"),
        ("bounces.example.org", ["v=spf1 +all"], "spf-open"),
        ("_dmarc.example.com", [], "no-dmarc"),
        ("_dmarc.example.com", ["v=DMARC1; p=none"], "dmarc-unwatched"),
        ("_dmarc.example.com", ["v=DMARC1; p=perhaps"], "dmarc-invalid"),
        ("_dmarc.example.com", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "dmarc-invalid"),
    ],
)
def test_each_record_that_is_wrong_is_named(name: str, texts: Sequence[str], finding: str) -> None:
    """With what to publish where that is known."""
    found = Asking(replace(NAMES, txt={**TXT, name: texts}, asked=[]))()
    assert _ids(found) == {finding}
    if finding == "no-dkim":
        assert KEY in found.findings[0].fix


def test_a_policy_above_the_domain_holds() -> None:
    """The tree walk of RFC 9989: the organizational domain speaks for what is below it."""
    mail = MAIL.replace(b"shop@example.com", b"shop@news.example.com")
    names = replace(NAMES, mx={**NAMES.mx, "news.example.com": ["mx.example.com"]}, asked=[])
    assert "no-dmarc" not in _ids(Asking(names)(mail))


@pytest.mark.parametrize("name", [HOST, "bounces.example.org", "_dmarc.example.com", "example.com"])
def test_silence_is_said_and_costs_nothing(name: str) -> None:
    """Of each question."""
    found = Asking(replace(NAMES, silent=frozenset({name}), asked=[]))()
    assert found.value == 100
    assert len(found.unknown) == 1


def test_the_name_of_the_address_has_to_be_ours() -> None:
    """Another one, none, and one that nobody could tell."""
    names = replace(NAMES, asked=[])
    assert _ids(Asking(names, {"203.0.113.9": "host9.isp.example"})()) == {"no-reverse-name"}
    assert _ids(Asking(names, {"203.0.113.9": ""})()) == {"no-reverse-name"}
    unsure = Asking(names, {})()
    assert (unsure.value, len(unsure.unknown)) == (100, 1)


def test_somebody_else_s_domain_blocks_unless_the_message_is_signed_for_it() -> None:
    """A signature that comes along speaks for its domain, if its key is in the DNS."""
    names = replace(NAMES, asked=[])
    assert _ids(Asking(names)(records=[])) == {"domain-not-ours"}
    signed = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; h=from; bh=x; b=y\r\n" + MAIL
    assert _ids(Asking(names)(signed, records=[])) == set()
    other = signed.replace(b"d=example.com", b"d=example.net")
    assert _ids(Asking(names)(other, records=[])) == {"domain-not-ours"}
    weak = replace(NAMES, txt={**TXT, HOST: [SHORT]}, asked=[])
    assert _ids(Asking(weak)(signed, records=[])) == {"dkim-short"}


def test_without_a_database_nobody_knows_whose_the_domain_is() -> None:
    """That is said, and blocks nothing."""
    found = Asking(replace(NAMES, asked=[]))(records=None)
    assert found.value == 100
    assert any("will be signed" in said for said in found.unknown)


def test_answers_are_remembered_and_wrong_ones_for_less_long() -> None:
    """Whoever mends a record sees it within half a minute."""
    names = replace(NAMES, asked=[])
    asking = Asking(names)
    asking()
    many = len(names.asked)
    asking()
    assert len(names.asked) == many
    asking.now += 11 * MINUTE
    asking()
    assert len(names.asked) == 2 * many
    names.txt = {**TXT, "_dmarc.example.com": []}
    asking.now += 11 * MINUTE
    assert _ids(asking()) == {"no-dmarc"}
    names.txt = TXT
    asking.now += MINUTE // 2
    assert _ids(asking()) == set()


def test_without_questions_nothing_is_asked() -> None:
    """The component is not measured."""
    names = replace(NAMES, asked=[])
    found = Asking(names)(with_dns=False)
    assert names.asked == []
    assert [share.name for share in found.shares if share.unmeasured == "The DNS was not asked."] == ["authentication"]


def test_a_server_without_a_public_name_is_not_judged() -> None:
    """A laptop has no PTR; that is said."""
    names = replace(NAMES, asked=[])
    scorer = Scorer(names, Panel([], lambda: 0), Place("localhost", "localhost"), lambda: 1_795_597_200_000_000)
    found = asyncio.run(scorer.score(MAIL, Asked(False, records=RECORDS)))
    assert found.findings == ()
    assert ["no public name" in said for said in found.unknown] == [True]
