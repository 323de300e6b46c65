"""Whatever is said to each recipient of a broadcast, the signature of his copy holds."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import dkim as dkimpy
import pytest
from broadcasting import Client, has_ended

from aftersend.control import domains
from aftersend.store import accounts
from house import ACCOUNT, House

FROM = "broadcast.practice.test"
LETTERS = "abc .=<>&\"'äßя中🙂" + "x" * 5


@pytest.fixture
def customer(house: House) -> Iterator[Client]:
    """A customer with a domain that signs."""
    given = {
        "fresh": domains.fresh_keys(),
        "secret": house.service.secret,
        "now": house.service.clock(),
        "sign_now": True,
    }
    house.do(domains.add, ACCOUNT, FROM, **given)
    house.refresh()
    client = Client(house)
    yield client
    client.close()
    house.do(domains.remove, ACCOUNT, FROM)
    house.refresh()


def test_every_copy_verifies(house: House, customer: Client) -> None:
    """With letters of all kinds, dots at the beginnings of lines, and lines of any length; an independent verifier agrees."""
    number, chance = time.monotonic_ns(), random.Random(7)
    words = ["".join(chance.choices(LETTERS, k=chance.choice((1, 8, 70, 400)))) for _ in range(60)]
    listed = [{"to": f"sig{number}x{i}@one.practice.test", "data": {"name": word}} for i, word in enumerate(words)]
    message = {
        "from": f"Shop <shop@{FROM}>", "subject": "For {{ name }}", "text": "{{ name }}\n.{{ name }}\n",
        "html": '<p>{{ name }}</p><a href="https://x.test/{{ name|urlencode }}">x</a>' * 4,
    }  # fmt: skip
    shown = customer.do("POST", "/broadcasts", {"name": "signed", "message": message})["id"]
    customer.do("POST", f"/broadcasts/{shown}/recipients", {"recipients": listed})
    customer.do("POST", f"/broadcasts/{shown}/start")
    assert customer.wait(shown, has_ended)["progress"]["by_outcome"]["reached"] == len(listed)
    records = {
        f"{row.selector}._domainkey.{row.domain}.": row.record for row in house.ask(accounts.dkim_keys_of, ACCOUNT)
    }
    for each in listed:
        (copy,) = house.received(str(each["to"]))
        verifier = dkimpy.DKIM(copy.content)
        signatures = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
        assert signatures
        assert all(b"list-id" in value and b"feedback-id" in value for value in signatures)
        for place in range(len(signatures)):
            assert verifier.verify(idx=place, dnsfunc=lambda name, timeout=5: records[name.decode()].encode()), each
