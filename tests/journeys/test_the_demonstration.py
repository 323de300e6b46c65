"""The demonstration, as `aftersend demo` runs it, against a service that is at work already."""

from __future__ import annotations

from collections.abc import Iterator

import dkim as dkimpy
import pytest

from aftersend.control import domains
from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.practice.demo import Target, demonstrate
from aftersend.store import accounts
from house import ACCOUNT, SENDER, House

LATER = {
    "delivery_results": set(),
    "life_cycle": {
        "Pending moderation", "Quarantine", "Accepted", "Depleted", "Deferred",
    },
    "email_activity": set(),
    "bounces": set(),
    "icons": set(),
}  # fmt: skip
"""Words that belong to moderation and credits, which a first submission cannot reach."""


@pytest.fixture
def signing(house: House) -> Iterator[House]:
    """The demonstration's own domain signs."""
    domain = SENDER.rpartition("@")[2]
    given = {
        "fresh": domains.fresh_keys(),
        "secret": house.service.secret,
        "now": house.service.clock(),
        "sign_now": True,
    }
    house.do(domains.add, ACCOUNT, domain, **given)
    house.refresh()
    yield house
    house.do(domains.remove, ACCOUNT, domain)
    house.refresh()


def holds_up(verifier: dkimpy.DKIM, place: int, records: dict[str, str]) -> bool:
    """Whether a signature holds."""
    try:
        found = verifier.verify(idx=place, dnsfunc=lambda name, timeout=5: records[name.decode()].encode())
    except dkimpy.DKIMException:
        return False
    return bool(found)


def unverified(house: House, before: dict[str, int]) -> tuple[int, list[str]]:
    """Look at every copy that came into a mailbox since; return how many there are, and the recipients of those of which not
    every signature holds."""
    records = {
        f"{row.selector}._domainkey.{row.domain}.": row.record for row in house.ask(accounts.dkim_keys_of, ACCOUNT)
    }
    copies, wrong = 0, []
    for address in house.call(house.world.mailbox.counts):
        for copy in house.received(address)[before.get(address, 0) :]:
            copies += 1
            verifier = dkimpy.DKIM(copy.content)
            signatures = [name for name, _ in verifier.headers if name.lower() == b"dkim-signature"]
            holds = [holds_up(verifier, place, records) for place in range(len(signatures))]
            if not holds or not all(holds):
                wrong.append(copy.recipient)
    return copies, wrong


@pytest.mark.slow
def test_everything_that_can_happen_happens_and_everybody_is_accounted_for(signing: House) -> None:
    """Every word that can be reached is seen, the sums are exact, and the service's reports agree with its log. What came into
    mailboxes, tracked or not, over SMTP or HTTP, is signed, and an independent verifier agrees."""
    house, before = signing, dict(signing.call(signing.world.mailbox.counts))
    stages: dict[str, int] = {}
    host, port = house.service.addresses["web"]
    target = Target(
        house.service.addresses["smtp"], f"http://{host}:{port}", house.key(), has_relay=True, has_returns=True
    )
    result = demonstrate(target, recipients=250, on_progress=lambda stage, done, of: stages.__setitem__(stage, done))
    assert result["faults"] == []
    assert result["conserved"]
    assert result["audience"] == 250 == sum(result["outcomes"].values())
    assert sum(result["vocabularies"]["delivery_results"].values()) == 250
    assert sum(result["vocabularies"]["icons"].values()) == 250
    assert result["vocabularies"]["email_activity"]["Requests"] == 250
    unseen = {name: {word for word, number in words.items() if not number} for name, words in result["seen"].items()}
    assert {name: words - LATER[name] for name, words in unseen.items()} == {name: set() for name in VOCABULARIES}
    assert stages == {"submitting": 250, "delivering": 250}
    copies, wrong = unverified(house, before)
    assert copies > 100
    assert wrong == []
