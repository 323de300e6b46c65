"""The loops that keep a node going, beside those that its parts bring along."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from aftersend import clock
from aftersend.app import suffixes
from aftersend.app.service import Service
from aftersend.config import Settings
from aftersend.errors import AftersendError, TryLater
from aftersend.logs import Logger
from aftersend.store import doubts, nodes, put_back, sites

log = Logger("app")

TREATMENT_BATCH = 500
UPKEEP_EVERY_S = 5.0
PRUNE_EVERY_S = 600.0
CLOCK_STEP_US = 5 * clock.SECOND
"""By so much a clock does not go wrong between two beats, unless somebody sets it or the machine slept."""
LEARN_EVERY_S = 3600.0
KEYS_EVERY_S = 20.0
LOOK_AROUND_S = 0.25


async def treat(service: Service) -> None:
    """Treat what is due, until the service stops."""
    from aftersend.store import queue
    from aftersend.store.queue import Stage
    from aftersend.treatment import Examiner, Faults, Rules, Tools, treat_due

    intake = service.intake
    examiner = Examiner(service.store, service.clock, intake.overseen, service.panel)
    service.closers.append(examiner.close)
    service.spawn(_teach(service, examiner))
    bell = service.store.bell("treatment")

    def rules() -> Rules:
        overseen = intake.overseen if intake.oversight else None
        return Rules(intake.metered, overseen, intake.throttles, intake.is_urgent)

    async def fresh_rules() -> Rules:
        await intake.refresh()
        return rules()

    names = Domains(service.resolver, service.settings, suffixes.registered)
    tools = Tools(examiner.begin, names, examiner.settle, Faults(), {}, fresh_rules)
    while not service.stopping.is_set():
        bell.clear()
        try:
            looked_at = await treat_due(
                service.store,
                service.clock,
                service.ids,
                node=service.node,
                batch=TREATMENT_BATCH,
                hours=service.intake.hours,
                rate=service.intake.rate,
                rules=rules(),
                tools=tools,
            )
            if looked_at:
                continue
            due = await service.store.ask(queue.next_due, Stage.TREATMENT)
        except TryLater:
            await asyncio.sleep(1.0)
            continue
        wait = 5.0 if due is None else min(5.0, max(0.001, (due - service.clock()) / clock.SECOND))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(bell.wait(), wait)


class Domains:
    """Which domains take mail and where, as delivery finds it; those that have a way of their own are not asked about."""

    def __init__(self, resolver: Any, settings: Settings, suffix: Callable[[str], str | None]) -> None:
        from aftersend.delivery import Routes

        self._resolver = resolver
        self._suffix = suffix
        self._routes = Routes(settings.delivery.routes, port=settings.delivery.port)

    async def trouble(self, domain: str) -> tuple[str, str] | None:
        """Say why a domain takes no mail, as a word and as a sentence; None if it may, or if that is not known."""
        if self._routes.route(domain).is_smart_host:
            return None
        found = self._resolver.known(domain) or await self._resolver.servers(domain)
        if found.trouble in (None, "no_answer"):
            return None
        return found.trouble, found.explanation

    def site(self, domain: str) -> str:
        """Name the site whose servers take a domain's mail, as far as it is known at once; "" if it is not."""
        from aftersend.delivery.names import site_of

        found = None if self._routes.route(domain).is_smart_host else self._resolver.known(domain)
        return site_of(found.hosts, self._suffix) if found is not None and found.hosts else ""


async def _teach(service: Service, examiner: Any) -> None:
    """Let the anti-spam engines learn from moderators, as long as there are both."""
    while not service.stopping.is_set():
        with contextlib.suppress(TryLater):
            if service.intake.oversight and await examiner.teach():
                continue
        await asyncio.sleep(UPKEEP_EVERY_S)


async def beat(service: Service) -> None:
    """Renew the lease, free the claims of nodes that died, read again what is kept in memory.

    When the clock has moved by itself, nobody is taken for dead until everybody has had time to renew their lease.
    """
    steps, patient_until = clock.Steps(service.clock), 0.0
    while not service.stopping.is_set():
        await asyncio.sleep(UPKEEP_EVERY_S)
        moved = steps.moved()
        try:
            if abs(moved) >= CLOCK_STEP_US:
                patient_until = time.monotonic() + nodes.LEASE_US / clock.SECOND
                await _heed_step(service, moved)
            alive = await service.store.run(nodes.renew, service.node, service.incarnation, now=service.clock())
            if not alive:
                log.critical("lease_lost", because="this process was silent for too long; another node took its work")
                service.fail()
                return
            is_patient = time.monotonic() < patient_until
            freed = 0 if is_patient else await service.store.run(nodes.free_dead, now=service.clock())
            if freed:
                log.warning("claims_taken_over", deliveries=freed)
                service.store.ring("treatment")
                service.store.ring("delivery")
            await service.refresh()
            await _compare_notes(service)
        except (TryLater, OSError) as error:
            log.warning("store_unavailable", error=str(error))


async def _heed_step(service: Service, moved: int) -> None:
    """Say that the clock was put forward or back; put back, let nothing in the queue of this machine wait for that long."""
    log.warning("clock_stepped", by_s=round(moved / clock.SECOND, 1))
    is_shared = service.engine is not None and not service.engine.is_sqlite
    if moved < 0 and service.courier is not None and not is_shared:
        service.courier.sources.put_back(-moved, deaf_us=3 * int(UPKEEP_EVERY_S * clock.SECOND))
    if moved < 0 and service.engine is not None and service.engine.is_sqlite:
        now = service.clock()
        await service.store.run(put_back.due_as_before, was=now - moved, now=now)
        service.store.ring("treatment")
        service.store.ring("delivery")


async def _compare_notes(service: Service) -> None:
    """Tell the other nodes what was learnt of receiving sites, and heed what they have learnt, or this one before a restart."""
    courier, now = service.courier, service.clock()
    if courier is None:
        return
    courier.breaker.heed(await service.store.ask(doubts.standing, now=now))
    if courier.nodes < 2:
        return
    lessons = courier.lessons()
    if lessons:
        await service.store.run(sites.tell, lessons, node=service.node, now=now)
    courier.heed(
        await service.store.ask(sites.told, node=service.node, since=now - 3 * int(UPKEEP_EVERY_S * clock.SECOND))
    )


async def look_around(service: Service) -> None:
    """See every little while whether another process of this machine, the command line say, has written to the same SQLite file."""
    while not service.stopping.is_set():
        await asyncio.sleep(LOOK_AROUND_S)
        service.store.look_around()


async def end_overdue(service: Service) -> None:
    """Renew the plans of accounts, and end what has waited too long, every few seconds."""
    from aftersend import treatment

    while not service.stopping.is_set():
        if service.doubts:
            await asyncio.sleep(UPKEEP_EVERY_S)
            continue
        with contextlib.suppress(TryLater):
            await treatment.renew_plans(service.store, service.clock, service.ids)
            await treatment.end_overdue(service.store, service.clock, service.ids, node=service.node)
        await asyncio.sleep(UPKEEP_EVERY_S)


async def await_keys(service: Service) -> None:
    """Look for the DNS records of signing keys that wait for them; keys whose records are there sign a few seconds later."""
    from aftersend.control import awaiting
    from aftersend.control.domains import Place

    settings = service.settings
    place = Place(settings.hostname, settings.return_domain, settings.delivery.source_addresses)
    while not service.stopping.is_set():
        await asyncio.sleep(KEYS_EVERY_S)
        try:
            if await awaiting.look(service.store, service.resolver, place, service.clock):
                await service.refresh()
        except (AftersendError, OSError) as error:
            log.warning("keys_not_looked_for", error=str(error))


async def learn_outcomes(service: Service) -> None:
    """Let outcomes of broadcasts that have become ripe move the forecasts, every hour."""
    from aftersend.control import quality

    await asyncio.sleep(PRUNE_EVERY_S / 10)  # a start has more urgent things to do
    while not service.stopping.is_set():
        try:
            learned = await quality.learn_ripe(service.store, service.clock())
            if learned:
                log.info("outcomes_learned", broadcasts=learned)
        except AftersendError as error:
            log.warning("learning_failed", error=str(error))
        await asyncio.sleep(LEARN_EVERY_S)


async def prune(service: Service) -> None:
    """Forget what is over its time, every ten minutes, and give the space back."""
    from aftersend.control import forgetting

    while not service.stopping.is_set():
        removed = 0
        try:
            while not service.doubts:
                went: dict[str, int] = {}
                for name, step in forgetting.steps(service.settings.retention, service.clock()).items():
                    went.update(forgetting.named(name, await service.store.run(step)))
                removed += sum(went.values())
                if not any(went.values()):
                    break
                await asyncio.sleep(0.05)
            if removed and service.engine is not None:
                await asyncio.get_running_loop().run_in_executor(None, service.engine.give_back)
                log.info("pruned", rows=removed)
        except AftersendError as error:
            log.warning("prune_failed", error=str(error))
        await asyncio.sleep(PRUNE_EVERY_S)
