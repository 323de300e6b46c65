"""Domains that take no mail and messages that cannot be sent are stopped before they are on their way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aftersend.ids import IdSource
from aftersend.store import Store, deliveries, record, suppressions
from aftersend.store.deliveries import Filter
from aftersend.treatment import Faults, Tools, treat_due
from given import ACCOUNT, NODE, Clock, submission

Do = Callable[..., Any]


class Dns:
    """A DNS that knows what it is told."""

    def __init__(self, **troubles: str) -> None:
        self.troubles = {name.replace("_", "."): trouble for name, trouble in troubles.items()}
        self.asked: list[str] = []

    async def trouble(self, domain: str) -> tuple[str, str] | None:
        """Answer, or hang."""
        self.asked.append(domain)
        said = self.troubles.get(domain)
        if said == "hangs":
            await asyncio.sleep(30)
        return None if said is None else (said, f"The domain {domain} does not exist.")


def ends(read: Do, account: int = ACCOUNT) -> dict[str, str]:
    """The last event by recipient."""
    rows = read(deliveries.page, account, Filter(), limit=99)
    return {row["recipient"]: read(deliveries.events_of, account, row["id"])[-1]["kind"] for row in rows}


async def test_each_domain_is_asked_once(store: Store, clock: Clock, ids: IdSource, write: Do, read: Do) -> None:
    """However many recipients; a "no" refuses, with what was probably meant; no answer in time passes."""
    dns = Dns(gmial_com="no_such_domain", slow_example="hangs")
    names = ["a@gmial.com", "b@gmial.com", "c@slow.example", "d@example.net"]
    write(record.accepted, [submission(ids, clock(), *names, passed=False)])
    await treat_due(store, clock, ids, node=NODE, batch=9, tools=Tools(names=dns))
    assert sorted(dns.asked) == ["example.net", "gmial.com", "slow.example"]
    assert ends(read) == {
        "a@gmial.com": "invalid_address", "b@gmial.com": "invalid_address", "c@slow.example": "treated",
        "d@example.net": "treated",
    }  # fmt: skip
    (row,) = [row for row in read(deliveries.page, ACCOUNT, Filter(), limit=9) if row["recipient"] == "a@gmial.com"]
    assert row["said"].endswith("Did you mean a@gmail.com?")
    evidence = json.loads(read(deliveries.events_of, ACCOUNT, row["id"])[-1]["evidence"])
    assert (evidence["trouble"], evidence["suggestion"]) == ("no_such_domain", "a@gmail.com")


async def test_a_message_is_read_once(store: Store, clock: Clock, ids: IdSource, write: Do, read: Do) -> None:
    """Malformed, for each recipient, with what to mend."""
    faults = Faults()
    empty = submission(ids, clock(), "a@example.net", "b@example.net", body=b"\r\n", passed=False)
    write(record.accepted, [empty, submission(ids, clock(), "c@example.net", passed=False)])
    await treat_due(store, clock, ids, node=NODE, batch=9, tools=Tools(faults=faults))
    assert ends(read) == {"a@example.net": "malformed", "b@example.net": "malformed", "c@example.net": "treated"}
    (row, *_) = [
        row for row in read(deliveries.page, ACCOUNT, Filter(), limit=9) if row["recipient"] == "a@example.net"
    ]
    assert "The message is empty" in row["said"]


async def test_lists_of_domains_and_of_the_installation(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """A whole domain is listed as one; what is listed for all stops every account; intake lets neither pass."""
    put = {"cause": "manual", "origin": "configured", "now": clock()}
    write(suppressions.put, ACCOUNT, "@blocked.example", **put)
    write(suppressions.put, suppressions.PLATFORM, "trap@example.net", **put)
    write(suppressions.put, suppressions.PLATFORM, "@spam.example", **put)
    names = ["a@blocked.example", "b@sub.blocked.example", "trap@example.net", "c@spam.example"]
    write(record.accepted, [submission(ids, clock(), *names), submission(ids, clock(), *names, account=2)])
    await treat_due(store, clock, ids, node=NODE, batch=99)
    assert ends(read) == dict(zip(names, ["blocklisted", "treated", "blocklisted", "blocklisted"], strict=True))
    assert ends(read, 2) == dict(zip(names, ["treated", "treated", "blocklisted", "blocklisted"], strict=True))
    rows = {row["recipient"]: row["said"] for row in read(deliveries.page, 2, Filter(), limit=9)}
    assert rows["c@spam.example"] == "The address is on the block list of this installation: manual."
    (entry,) = read(suppressions.why, 2, "c@spam.example")
    assert (entry["folded"], entry["origin"]) == ("@spam.example", "platform")
