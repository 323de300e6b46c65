"""The wiring: how each part of a node is made from the settings and tied to the store."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Sequence
from typing import Any

from aftersend import clock
from aftersend.app import loops, suffixes, telling, visits
from aftersend.app.event_file import write_events
from aftersend.app.hands import Hands
from aftersend.app.service import Service
from aftersend.config import Settings, address
from aftersend.store import accounts

LOAD_TABLES_AFTER_S = 20.0


async def start(service: Service, parts: Sequence[str]) -> None:
    """Start the parts; the ports open when what stands behind them is ready."""
    from aftersend.control.keys import Keys
    from aftersend.delivery.names import Resolver
    from aftersend.intake import Intake

    settings = service.settings
    service.intake = Intake(
        service.store,
        service.clock,
        service.ids,
        hostname=settings.hostname,
        max_size=settings.smtp.max_size,
        refuse_unverified=settings.smtp.unverified_domains == "refuse",
    )
    service.intake.tracking.url = visits.public_url(settings)
    service.intake.tracking.opt_out = settings.tracking.opt_out
    service.intake.lifetimes = {name: hours * 3600 for name, hours in settings.delivery.lifetime_hours.items()}
    service.keys = Keys(service.store, service.clock)
    service.resolver = Resolver(service.clock, address(settings.dns.server) if settings.dns.server else None)
    service.panel = engines(settings, service.clock)
    service.closers.append(service.panel.close)
    service.guard = telling.guard(settings, service.resolver)
    if "delivery" in parts and not settings.delivery.hold:
        _start_delivery(service)
    elif service.workers:
        from aftersend.delivery.meter import Meter

        service.meter = Meter()
        service.hands = service.intake.taker = Hands()
    await service.refresh()
    if "smtp" in parts:
        await _start_smtp(service)
    if "returns" in parts:
        await _start_returns(service)
    if "tracking" in parts:
        await visits.start(service)
    if "treatment" in parts:
        service.spawn(loops.treat(service))
        _start_broadcasts(service)
    if service.courier is not None:
        service.spawn(service.courier.run())
    if "webhooks" in parts:
        telling.start_webhooks(service)
    service.spawn(loops.beat(service))
    if "upkeep" in parts:
        if settings.log.events:
            service.spawn(write_events(service))
        service.spawn(loops.end_overdue(service))
        service.spawn(loops.await_keys(service))
        service.spawn(loops.prune(service))
        service.spawn(loops.learn_outcomes(service))
    if service.engine is not None and service.engine.is_sqlite:
        service.spawn(loops.look_around(service))
    if "web" in parts and settings.web.listen:
        await _start_web(service)


async def _start_smtp(service: Service) -> None:
    from aftersend.smtpd import Submission, SubmissionServer
    from aftersend.smtpd.certificate import server_context

    smtp = service.settings.smtp
    rules = Submission(
        hostname=service.settings.hostname,
        max_size=smtp.max_size,
        max_recipients=smtp.max_recipients,
        max_connections=smtp.max_connections,
        max_connections_per_client=smtp.max_connections_per_client,
        idle_s=smtp.idle_s,
        bare_newlines=smtp.bare_newlines,
        trusted_networks=smtp.trusted_networks,
        trusted_account=accounts.FIRST_ACCOUNT,
        tls=server_context(
            smtp.tls_certificate,
            smtp.tls_key,
            data_dir=service.settings.data_dir,
            hostname=service.settings.hostname,
        ),
    )
    server = SubmissionServer(rules, service.intake, service.keys, service.store, service.clock, service.ids)
    bound = await server.start([address(a) for a in smtp.listen], [address(a) for a in smtp.listen_tls])
    service.addresses["smtp"] = bound[0]
    if smtp.listen_tls:
        service.addresses["smtps"] = bound[len(smtp.listen)]
    service.closers.append(server.stop)


async def _start_returns(service: Service) -> None:
    """Read what comes back; listen for it where an address is set, look into a mailbox where one is."""
    from aftersend.returns import Returns, ReturnsServer, Rules
    from aftersend.returns.imap import Poller, account

    settings = service.settings
    place = return_place(settings, service.secret)
    returns = Returns(service.store, service.clock, place, suppression_rules(settings))
    service.spawn(returns.run())
    if settings.returns.listen:
        from aftersend.smtpd.certificate import server_context

        smtp = settings.smtp
        context = server_context(
            smtp.tls_certificate, smtp.tls_key, data_dir=settings.data_dir, hostname=settings.hostname
        )
        server = ReturnsServer(Rules(settings.hostname, context), place, service.store, service.clock, service.ids)
        bound = await server.start([address(a) for a in settings.returns.listen])
        service.addresses["returns"] = bound[0]
        service.closers.append(server.stop)
    if settings.returns.imap:
        service.spawn(Poller(account(settings.returns.imap), service.store, service.clock, service.ids).run())


def return_place(settings: Settings, secret: Any) -> Any:
    """Say which return paths are ours."""
    from aftersend.returns.tokens import Place

    domains = frozenset({settings.return_domain.lower(), settings.hostname.lower()})
    return Place((secret.derive("verp"),), domains)


def suppression_rules(settings: Settings) -> Any:
    """Say when the platform stops writing to an address by itself."""
    from aftersend.policy.counters import SuppressionRules

    chosen = settings.suppression
    return SuppressionRules(
        soft_bounces=chosen.soft_bounces,
        soft_apart_us=int(chosen.soft_apart_hours * clock.HOUR),
        soft_lasts_us=int(chosen.soft_days * clock.DAY),
        hard_lasts_us=int(chosen.hard_days * clock.DAY),
    )


def _start_broadcasts(service: Service) -> None:
    """Write audiences down, and let what waits follow a pause or an end."""
    from aftersend.broadcasts import files, running
    from aftersend.control import queue_verbs
    from aftersend.intake import Recipient
    from aftersend.store import imports
    from aftersend.store.broadcasts import BELL

    by = queue_verbs.Actor("its broadcast")

    def enter(account_id: int, stream: str, given: Sequence[tuple[str, str, str]]) -> Any:
        return service.intake.entries(account_id, stream, [Recipient(*each) for each in given])

    def act(connection: Any, account_id: int, verb: str, found: Sequence[int]) -> None:
        queue_verbs.act(connection, account_id, verb, found, by=by, ids=service.ids, now=service.clock())

    runner = running.Runner(service.store, service.clock, node=service.node, enter=enter, act=act)
    service.spawn(running.run(runner, service.store.bell(BELL), service.stopping, service.clock))
    taker = files.Taker(service.store, service.clock, node=service.node, new_id=service.ids)
    service.spawn(running.run(taker, service.store.bell(imports.BELL), service.stopping, service.clock))


def scorer(settings: Settings, names: Any, time: clock.Clock) -> Any:
    """Make what scores messages before they are sent; `names` answers questions of the DNS."""
    from aftersend.control.domains import Place
    from aftersend.control.scoring import Scorer

    place = Place(settings.hostname, settings.return_domain, settings.delivery.source_addresses)
    return Scorer(names, engines(settings, time), place, time)


def engines(settings: Settings, time: clock.Clock) -> Any:
    """Return the spam filters that are set up; there may be none."""
    from urllib.parse import urlsplit

    from aftersend.engines import Panel, Rspamd, SpamAssassin

    chosen = settings.engines
    found: list[Any] = []
    if chosen.rspamd:
        controller = urlsplit(chosen.rspamd_controller)
        url = f"{controller.scheme}://{controller.netloc.rpartition('@')[2]}" if controller.netloc else ""
        found.append(Rspamd(chosen.rspamd, controller=url, password=controller.password or ""))
    if chosen.spamassassin:
        found.append(SpamAssassin(*address(chosen.spamassassin)))
    return Panel(found, time)


def _start_delivery(service: Service) -> None:
    from aftersend.delivery import Courier, Routes, Rules, Signer
    from aftersend.delivery.composing import Composer
    from aftersend.delivery.meter import Meter
    from aftersend.delivery.outcome import Attempt
    from aftersend.intake.notices import Notices
    from aftersend.ledger.facts import Fact
    from aftersend.policy.diagnosis import load_tables
    from aftersend.policy.limits import Limits
    from aftersend.policy.retry import RetryPlan
    from aftersend.store import record
    from aftersend.store.queue import Claim

    delivery = service.settings.delivery
    most = delivery.connections_per_site
    rules = Rules(
        node=service.node,
        hostname=service.settings.hostname,
        return_domain=service.settings.return_domain,
        verp_secret=service.secret.derive("verp"),
        plan=RetryPlan(scale=delivery.time_scale),
        limits=Limits(most=most, start=min(20, most)).scaled(delivery.time_scale),
        node_name=service.settings.node_name,
        connections=delivery.connections,
        source_addresses=delivery.source_addresses,
        verify_tls=delivery.verify_tls,
        asks_feedback=service.settings.returns.feedback,
        suppression=suppression_rules(service.settings),
        suffix=suffixes.registered,
    )
    service.signer = Signer(service.settings.return_domain)
    routes = Routes(delivery.routes, port=delivery.port)
    service.courier = Courier(
        service.store, service.clock, service.ids, service.resolver, routes, service.signer, rules
    )
    service.courier.urgent = service.intake.is_urgent
    service.courier.doubts_clock = lambda: bool(service.doubts)
    if service.engine is not None:  # a worker has no intake
        service.intake.taker = service.courier
    service.courier.compose = Composer(service.store, visits.filler(service)).compose
    service.closers.append(service.courier.stop)
    notices = Notices(service.intake, service.clock, service.ids, hostname=service.settings.hostname)

    def about(claim: Claim, step: record.Step, attempt: Attempt, body: bytes) -> None:
        ended = step.next is None and attempt.meaning.goes_on
        notices.about(
            claim,
            Fact.GAVE_UP if ended else attempt.meaning.fact,
            status=attempt.status,
            said=attempt.said,
            host=str(attempt.evidence.get("host", "")),
            reason=step.reason,
            body=body,
        )

    service.courier.on_outcome = about
    service.meter = Meter(is_talkative=service.settings.log.level == "debug")
    service.courier.watch = service.meter.watch
    # The first reply that has to be understood should not wait for the tables to be read.
    asyncio.get_running_loop().call_later(
        LOAD_TABLES_AFTER_S, lambda: asyncio.get_running_loop().run_in_executor(None, load_tables)
    )


async def _start_web(service: Service) -> None:
    # Reading all of it takes as long as the rest of a start, and mail is taken in meanwhile.
    web = await asyncio.get_running_loop().run_in_executor(None, importlib.import_module, "aftersend.web")
    from aftersend.app.shown import shown

    judges = scorer(service.settings, service.resolver, service.clock)
    service.closers.append(judges.close)
    told = shown(service.settings, os.environ)
    server = await web.start(service, suppression_rules(service.settings), judges, shown=told)
    service.addresses["web"] = server.address
    service.closers.append(server.stop)
