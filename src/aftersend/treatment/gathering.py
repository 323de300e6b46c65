"""Find out, for a whole batch at once, what the gates have to know: each question is asked once, however many deliveries."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aftersend.clock import DAY, MINUTE, Instant
from aftersend.ledger.facts import Fact
from aftersend.policy.gates import Case, Known, Nowhere, Purse
from aftersend.policy.moderation import Oversight
from aftersend.policy.pace import Pace, Rate, Share
from aftersend.policy.score.typos import suggest
from aftersend.policy.throttles import EVERYBODY, Throttle, Throttles
from aftersend.store import Store, credits, moderation, paces
from aftersend.store.queue import Claim
from aftersend.treatment.faults import Faults

NAMES_WITHIN_S = 0.5
"""So long the DNS is waited for."""
FLAG_OWN = 32
"""In `messages.flags`: a report of ours to a sender, which costs nothing and is not moderated."""
KEPT_US = DAY
"""So long mail is kept for want of credits (004)."""


NO_THROTTLES = Throttles()


@dataclass(frozen=True, slots=True)
class Rules:
    """Whose mail is counted and moderated. Nobody's, by default."""

    metered: Collection[int] = frozenset()
    """Accounts whose mail costs credits."""
    overseen: Callable[[int], Oversight | None] | None = None
    """Says how an account's mail is moderated; None where no account's is."""
    throttles: Throttles = NO_THROTTLES
    urgent: Callable[[int, str], bool] = lambda account, stream: False
    """Whether an account's stream is transactional."""


class Names(Protocol):
    """Who knows which domains take mail, and where. Nobody here asks the DNS itself."""

    async def trouble(self, domain: str) -> tuple[str, str] | None:
        """Say why a domain takes no mail, as a word and as a sentence; None if it may, or if that is not known."""

    def site(self, domain: str) -> str:
        """Name the site whose servers take a domain's mail, as far as it is known at once; "" if it is not."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Who helps to find things out. The defaults find nothing."""

    examine: Callable[[Claim, Instant], None] | None = None
    """Begins to judge the message of a delivery."""
    names: Names | None = None
    settle: Callable[[], Awaitable[bool]] | None = None
    """Waits a moment for what is being judged, if that is worth it; whether it did."""
    faults: Faults | None = None
    floods: dict[tuple[paces.Place, Rate], Instant] | None = None
    """Where a flood of mail that has waited before stands in the lines of rates; kept from pass to pass."""
    rules: Callable[[], Awaitable[Rules]] | None = None
    """Reads the rules again; asked before anything is decided because a rule has changed."""


async def gather(store: Store, claimed: Sequence[Claim], now: Instant, rules: Rules, tools: Tools) -> list[Pace]:
    """Fill in what is `known` of each claim; return the rates beside those of streams, which are used up on the way."""
    for item in claimed:
        item.known = Known()
    if tools.names is not None:
        await _nowhere(claimed, tools.names)
    if tools.faults is not None:
        faults = await tools.faults.of(store, claimed)
        for item in claimed if faults else ():
            item.known.fault = faults.get((item.account_id, item.message_id))
    others = [item for item in claimed if not item.flags & FLAG_OWN]
    counted = [item for item in others if item.account_id in rules.metered]
    overseen = rules.overseen
    watched = [] if overseen is None else [item for item in others if overseen(item.account_id) is not None]
    if counted:
        await _purses(store, counted, now)
    if watched:
        await _cases(store, watched, now, tools)
    return await _throttled(store, others, now, rules, tools) if rules.throttles.known else []


async def _throttled(store: Store, claimed: Sequence[Claim], now: Instant, rules: Rules, tools: Tools) -> list[Pace]:
    sites = _sites(claimed, rules.throttles, tools.names)
    wanted: dict[tuple[int, str], list[tuple[paces.Place, Rate, Throttle]]] = {}
    for item in claimed:
        goes = item.account_id, item.domain
        if goes not in wanted:
            found = rules.throttles.of(*goes, sites.get(item.domain, ""))
            wanted[goes] = [
                ((item.account_id, one.place), rate, one) for one in found if (rate := one.at(now)) is not None
            ]
    kept = await _kept(store, {place: (rate, one) for each in wanted.values() for place, rate, one in each}, now)
    of_each = {goes: tuple(kept[place] for place, _, _ in each) for goes, each in wanted.items()}
    for item in claimed:
        item.known.paces = of_each[item.account_id, item.domain]
        item.known.is_urgent = rules.urgent(item.account_id, item.stream)
    return list(kept.values())


def in_turn(claimed: Sequence[Claim], now: Instant) -> Sequence[Claim]:
    """Put in order who comes first where accounts have a rate together; each account's mail keeps its own order."""
    shares: dict[int, Share] = {}
    for item in claimed:
        for pace in item.known.paces:
            if isinstance(pace, Share):
                shares.setdefault(item.account_id, pace)
    if len(shares) < 2:
        return claimed
    numbers: Counter[int] = Counter()

    def turn(item: Claim) -> tuple[int, int]:
        share = shares.get(item.account_id)
        if share is None:
            return 0, 0
        numbers[item.account_id] += 1
        return share.turn(numbers[item.account_id] - 1, now)

    return sorted(claimed, key=turn)


async def _kept(
    store: Store, wanted: Mapping[paces.Place, tuple[Rate, Throttle]], now: Instant
) -> dict[paces.Place, Pace]:
    """Return how these rates stand; of those that all accounts have together, the whole beside each account's share."""
    if not wanted:
        return {}
    shared = {one.place: (rate, one) for rate, one in wanted.values() if one.is_shared}
    known = await store.ask(paces.read, sorted({*wanted, *((EVERYBODY, name) for name in shared)}))
    lines = await store.ask(paces.lines, sorted(shared), now=now) if shared else {}
    kept = {(EVERYBODY, name): _pace((EVERYBODY, name), *each, known, now) for name, each in shared.items()}
    for place, (rate, one) in wanted.items():
        pace = _pace(place, rate, one, known, now)
        if one.is_shared:
            pace = Share(
                place, rate, pace.taken_us, ends_us=pace.ends_us, changes_us=pace.changes_us, limits=pace.limits,
                whole=kept[EVERYBODY, one.place], lines=lines[one.place],
            )  # fmt: skip
        kept[place] = pace
    return kept


def _pace(
    place: paces.Place, rate: Rate, one: Throttle, known: Mapping[paces.Place, tuple[Instant, Instant]], now: Instant
) -> Pace:
    taken, ends = known.get(place, (0, 0))
    return Pace(place, rate, taken, 0, ends, changes_us=one.changes_at(now), limits=one.limits)


def _sites(claimed: Sequence[Claim], throttles: Throttles, names: Names | None) -> dict[str, str]:
    """Name the sites of recipients where it matters; each domain was asked for a moment ago, and is remembered."""
    if names is None or not throttles.sited:
        return {}
    asked = {item.domain for item in claimed if throttles.ask_for_sites(item.account_id)}
    return {domain: site for domain in asked if (site := names.site(domain))}


async def _nowhere(claimed: Sequence[Claim], names: Names) -> None:
    """Ask of each domain once; what is not known after a moment counts as unknown, and passes."""
    asked = {
        domain: asyncio.ensure_future(names.trouble(domain)) for domain in {item.domain for item in claimed} - {""}
    }
    if asked:
        await asyncio.wait(asked.values(), timeout=NAMES_WITHIN_S)
    found = {
        domain: Nowhere(*said, suggest(domain))
        for domain, task in asked.items()
        if task.done() and not task.cancelled() and task.exception() is None and (said := task.result()) is not None
    }
    for item in claimed if found else ():
        item.known.nowhere = found.get(item.domain)


async def _purses(store: Store, counted: Sequence[Claim], now: Instant) -> None:
    waited: dict[int, list[int]] = {}
    for item in counted:
        ids = waited.setdefault(item.account_id, [])
        if item.facts & Fact.DEPLETED.bit:
            ids.append(item.delivery_id)
    kept, since = await store.ask(credits.standing, waited)
    purses = {account: Purse(purse.available, purse.renews_us) for account, purse in kept.items()}
    for item in counted:
        if item.account_id in purses:
            item.known.purse = purses[item.account_id]
            item.known.kept_until_us = since.get((item.account_id, item.delivery_id), now) + KEPT_US


async def _cases(store: Store, watched: Sequence[Claim], now: Instant, tools: Tools) -> None:
    places = sorted({(item.account_id, item.message_id) for item in watched})
    found = await store.ask(moderation.cases, places)
    begun = set()
    for item in watched:
        place = item.account_id, item.message_id
        if place not in found and tools.examine is not None and (item.scheduled_us or 0) <= now:
            tools.examine(item, now)
            begun.add(place)
    if begun and tools.settle is not None and await tools.settle():
        found |= await store.ask(moderation.cases, sorted(begun))
    for item in watched:
        item.known.case = _case(found.get((item.account_id, item.message_id)), now)


CHECKING = "checking"


def _case(case: moderation.Case | None, now: Instant) -> Case:
    if case is None:
        return Case(CHECKING, moderation.CHECKING_WHY, now + MINUTE)
    if case.state == moderation.QUARANTINED:
        reason = (case.reason or "no reason was given").rstrip(".")
        began = case.decided_us or case.created_us
        return Case(case.state, f"A moderator said no: {reason}.", began + moderation.KEPT_US, case.decided_by or "")
    why = case.why or "A person has to check it first."
    return Case(case.state, why, case.created_us + moderation.KEPT_US, case.decided_by or "")
