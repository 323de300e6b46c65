"""Look at many addresses before they are mailed: what the DNS says of their domains, and what this account knows of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from aftersend.clock import Clock
from aftersend.control.names import Names
from aftersend.errors import BadField
from aftersend.mail import address
from aftersend.policy.score import forecast
from aftersend.policy.score.forecast import UNKNOWN, Forecast, History, Judged
from aftersend.store import histories, moderation
from aftersend.store.connection import Connection

ADDRESSES_MOST = 200_000
"""Of one list."""
QUESTIONS_AT_ONCE = 50
DNS_WITHIN_S = 60.0
"""For all domains of a list; those that did not answer by then are unknown, never bad."""


def known_of(connection: Connection, account_id: int, addresses: Iterable[str], now: int) -> dict[str, History]:
    """Return what the account knows of addresses, by address as it is compared."""
    folded = []
    for written in addresses:
        try:
            folded.append(address.parse(written.strip()).folded)
        except BadField:
            continue
    found = histories.of(connection, account_id, folded, now=now)
    return {name: History(*row) for name, row in found.items()}


def plain_address(written: str) -> str:
    """Return an address as forecasts name it."""
    try:
        return str(address.parse(written.strip()))
    except BadField:
        return written.strip()[:320]


def usual_day_of(connection: Connection, account_id: int, now: int) -> int:
    """Return how many recipients the account mails on a usual day of the last thirty."""
    return moderation.standing(connection, account_id, now=now)[2]


class Forecaster:
    """Makes forecasts for lists."""

    def __init__(self, names: Names, clock: Clock) -> None:
        self._names, self._clock = names, clock

    async def forecast(
        self,
        addresses: Sequence[str],
        histories: Mapping[str, History],
        *,
        outcomes: Mapping[str, tuple[int, int]] | None = None,
        with_dns: bool = True,
        usual_day: int | None = None,
    ) -> Forecast:
        """Say what is to be expected of a list; an address that occurs again is counted as a duplicate.

        `usual_day` is how many recipients the account mails on a usual day.
        """
        if len(addresses) > ADDRESSES_MOST:
            raise BadField("#/addresses", f"A list has {ADDRESSES_MOST} addresses at most; cut it into several.")
        parsed, duplicates = await asyncio.to_thread(_parsed, addresses)
        domains = {each.domain for each in parsed.values() if each is not None}
        servers = await self._servers(domains) if with_dns else dict.fromkeys(domains, "ok")
        probabilities = forecast.calibrated(outcomes or {})
        return await asyncio.to_thread(
            _judged, parsed, servers, histories, duplicates, self._clock(), probabilities, usual_day
        )

    async def _servers(self, domains: Iterable[str]) -> dict[str, str | None]:
        """What the DNS says of each domain; None where it did not answer in time."""
        waiting = iter(sorted(domains))
        found: dict[str, str | None] = {}

        async def work() -> None:
            for domain in waiting:
                servers = await self._names.servers(domain)
                trouble = servers.trouble
                found[domain] = (
                    ("a" if servers.asked == "A" else "ok")
                    if trouble is None
                    else None
                    if trouble == "no_answer"
                    else trouble
                )

        try:
            async with asyncio.timeout(DNS_WITHIN_S):
                await asyncio.gather(*(work() for _ in range(QUESTIONS_AT_ONCE)))
        except TimeoutError:
            pass
        return found


def _parsed(addresses: Sequence[str]) -> tuple[dict[str, address.Address | None], int]:
    """Each address once, by how it is written first; and how many were there before."""
    met: set[str] = set()
    found: dict[str, address.Address | None] = {}
    duplicates = 0
    for written in addresses:
        written = written.strip()
        try:
            parsed = address.parse(written)
        except BadField:
            parsed = None
        folded = written if parsed is None else parsed.folded
        if folded in met:
            duplicates += 1
            continue
        met.add(folded)
        found[written] = parsed
    return found, duplicates


def _judged(
    parsed: Mapping[str, address.Address | None],
    servers: Mapping[str, str | None],
    known: Mapping[str, History],
    duplicates: int,
    now: int,
    probabilities: Mapping[str, float],
    usual_day: int | None,
) -> Forecast:
    from disposable_email_domains import blocklist

    judged: list[Judged] = []
    bouncing = forecast.bouncing_domains(((name.rpartition("@")[2], history) for name, history in known.items()), now)
    for written, one in parsed.items():
        domain = "" if one is None else one.domain
        judged.append(
            forecast.judge(
                written,
                servers.get(domain),
                UNKNOWN if one is None else known.get(one.folded, UNKNOWN),
                now=now,
                is_disposable=domain in blocklist,
                probabilities=probabilities,
                is_bouncing=domain in bouncing,
            )
        )
    return forecast.forecast(judged, duplicates, usual_day)
