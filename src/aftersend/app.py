"""The whole wiring on two screens: which parts a node runs, and how they are tied together.

Loops meet only in the store. A node runs all parts, or those named by `only`; several nodes share one database.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from aftersend import clock, ids, logs
from aftersend.config import Settings, address
from aftersend.errors import AftersendError, SettingsError, TryLater
from aftersend.logs import Logger
from aftersend.store import Engine, Store, accounts, nodes, retention, returned, sites, standings, upgrade

log = Logger("app")

PARTS = ("smtp", "web", "treatment", "delivery", "returns", "upkeep")
TREATMENT_BATCH = 500
UPKEEP_EVERY_S = 5.0
PRUNE_EVERY_S = 600.0
STREAKS_KEPT_DAYS = 400
"""For so long an address is remembered of which nothing was heard any more."""
LOOK_AROUND_S = 0.02
LOOK_AROUND_ALONE_S = 0.25
"""The command line works on the same file too."""


@dataclass
class Service:
    """A running node, as `running` hands it out: for the command line, the demo and the tests."""

    settings: Settings
    engine: Engine
    store: Store
    ids: ids.IdSource
    node: int
    incarnation: str
    secret: Any
    clock: clock.Clock
    is_shared: bool = False
    """Whether other processes of this machine work on the same store."""
    addresses: dict[str, tuple[str, int]] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    intake: Any = None
    keys: Any = None
    courier: Any = None
    signer: Any = None
    resolver: Any = None
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    closers: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a loop until the service stops; a loop that dies takes the service down, loudly."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._ended)
        self.tasks.append(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None and not self.stopping.is_set():
            log.critical("loop_died", exc_info=task.exception())
            self.stopping.set()

    async def refresh(self) -> None:
        """Read again what the hot paths keep in memory: streams, domains, signing keys, how many nodes there are."""
        self.intake.streams = await self.store.ask(accounts.all_streams)
        self.intake.domains = await self.store.ask(accounts.all_domains)
        if self.signer is not None:
            from aftersend.control import seal

            kept = await self.store.ask(accounts.dkim_keys_of)
            self.signer.reload(
                [
                    (row.account_id, row.domain, row.selector, seal.opener(self.secret, row))
                    for row in kept
                    if row.active_us is not None and row.retired_us is None
                ]
            )
        if self.courier is not None:
            self.courier.nodes = max(1, len(await self.store.ask(nodes.listed)))


@contextlib.asynccontextmanager
async def running(
    settings: Settings, *, only: Iterable[str] = (), worker: int = 0, workers: int = 1
) -> AsyncIterator[Service]:
    """Start a node, hand it out when all its ports are open, stop it in good order at the end."""
    parts = tuple(only) or PARTS
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise SettingsError(f"--only takes {', '.join(PARTS)}; not {', '.join(sorted(unknown))}.")
    _raise_file_limit()
    with _lock(settings, worker) as lock:
        service = await _enter(settings, worker, place=_place(lock))
        service.is_shared = worker > 0 or workers > 1
        try:
            await _start(service, parts)
            yield service
        finally:
            await _stop(service)


def _lock(settings: Settings, worker: int) -> IO[str]:
    """Hold the lock that proves no other process works as this node on this data directory, until it is closed."""
    folder = Path(settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"node-{settings.node_name}{f'-{worker}' if worker else ''}.lock".replace("/", "_")
    handle = (folder / name).open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise SettingsError(
            f"Another Aftersend works in {folder.absolute()} under the name {settings.node_name!r}. Stop it, or give this one "
            "another `node` name (PostgreSQL) or another `data_dir`."
        ) from None
    return handle


def _place(lock: IO[str]) -> str:
    """Return the word by which this data directory is known among the nodes; it is kept in the file of the lock."""
    lock.seek(0)
    word = lock.read().strip()
    if not word:
        word = secrets.token_hex(8)
        with contextlib.suppress(OSError):  # on a full disk the place is a new one each time
            lock.write(word)
            lock.flush()
    return word


async def _enter(settings: Settings, worker: int, *, place: str) -> Service:
    """Open the store and take a place among the nodes.

    Who holds the lock knows a former process of this name to be dead, but only one that worked in the same place: over
    PostgreSQL, another machine may have been given the same name by mistake.
    """
    from aftersend.control.secret import installation_secret

    engine = Engine(settings.store_url)
    now = clock.now()
    name = settings.node_name + (f"#{worker}" if worker else "")
    incarnation = f"{place}.{secrets.token_hex(8)}"
    try:
        upgrade.upgrade(engine)
        with engine.writing() as connection:
            secret = installation_secret(settings, connection)
            accounts.ensure_first(connection, now=now)
            former = nodes.incarnation_of(connection, name)
            take_over = former is not None and former.startswith(f"{place}.")
            number, freed = nodes.enter(connection, name, incarnation, now=now, take_over=take_over)
    except BaseException:
        engine.close()
        raise
    if freed:
        log.info("claims_freed", deliveries=freed, because="an earlier process of this node did not stop in good order")
    store = Store(engine, node=number)
    return Service(settings, engine, store, ids.IdSource(clock.now, number), number, incarnation, secret, clock.now)


async def _start(service: Service, parts: Sequence[str]) -> None:
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
    service.intake.lifetimes = {name: hours * 3600 for name, hours in settings.delivery.lifetime_hours.items()}
    service.keys = Keys(service.store, service.clock)
    service.resolver = Resolver(service.clock, address(settings.dns.server) if settings.dns.server else None)
    if "delivery" in parts and not settings.delivery.hold:
        _start_delivery(service)
    await service.refresh()
    if "smtp" in parts:
        await _start_smtp(service)
    if "returns" in parts:
        await _start_returns(service)
    if "treatment" in parts:
        service.spawn(_treat(service))
    if service.courier is not None:
        service.spawn(service.courier.run())
    service.spawn(_beat(service))
    if "upkeep" in parts:
        service.spawn(_end_overdue(service))
        service.spawn(_prune(service))
    if service.engine.is_sqlite:
        service.spawn(_look_around(service))
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


def _start_delivery(service: Service) -> None:
    from aftersend.delivery import Courier, Routes, Rules, Signer
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
        connections=delivery.connections,
        source_addresses=delivery.source_addresses,
        verify_tls=delivery.verify_tls,
        suppression=suppression_rules(service.settings),
        suffix=_public_suffix,
    )
    service.signer = Signer()
    routes = Routes(delivery.routes, port=delivery.port)
    service.courier = Courier(
        service.store, service.clock, service.ids, service.resolver, routes, service.signer, rules
    )
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
    # The first reply that has to be understood should not wait for the tables to be read.
    asyncio.get_running_loop().call_later(2.0, lambda: asyncio.get_running_loop().run_in_executor(None, load_tables))


_suffixes: Any = None


def _public_suffix(name: str) -> str | None:
    """The registrable domain of a host name; the list is loaded when first needed."""
    global _suffixes
    if _suffixes is None:
        from publicsuffixlist import PublicSuffixList

        _suffixes = PublicSuffixList()
    found = _suffixes.privatesuffix(name)
    return None if found is None else str(found)


async def _start_web(service: Service) -> None:
    from aftersend import web

    server = await web.start(service)
    service.addresses["web"] = server.address
    service.closers.append(server.stop)


# ---- loops ---------------------------------------------------------------------------------------------------------


async def _treat(service: Service) -> None:
    from aftersend.store import queue
    from aftersend.store.queue import Stage
    from aftersend.treatment import treat_due

    bell = service.store.bell("treatment")
    while not service.stopping.is_set():
        bell.clear()
        try:
            looked_at = await treat_due(
                service.store, service.clock, service.ids, node=service.node, batch=TREATMENT_BATCH
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


async def _beat(service: Service) -> None:
    """Renew the lease, free the claims of nodes that died, read again what is kept in memory."""
    while not service.stopping.is_set():
        await asyncio.sleep(UPKEEP_EVERY_S)
        try:
            alive = await service.store.run(nodes.renew, service.node, service.incarnation, now=service.clock())
            if not alive:
                log.critical("lease_lost", because="this process was silent for too long; another node took its work")
                service.stopping.set()
                return
            freed = await service.store.run(nodes.free_dead, now=service.clock())
            if freed:
                log.warning("claims_taken_over", deliveries=freed)
                service.store.ring("treatment")
                service.store.ring("delivery")
            await service.refresh()
            await _compare_notes(service)
        except (TryLater, OSError) as error:
            log.warning("store_unavailable", error=str(error))


async def _compare_notes(service: Service) -> None:
    """Tell the other nodes what was learnt of receiving sites, and heed what they have learnt."""
    courier = service.courier
    if courier is None or courier.nodes < 2:
        return
    now = service.clock()
    lessons = courier.lessons()
    if lessons:
        await service.store.run(sites.tell, lessons, node=service.node, now=now)
    courier.heed(
        await service.store.ask(sites.told, node=service.node, since=now - 3 * int(UPKEEP_EVERY_S * clock.SECOND))
    )


async def _look_around(service: Service) -> None:
    """See every little while whether another process of this machine has written to the same SQLite file."""
    while not service.stopping.is_set():
        await asyncio.sleep(LOOK_AROUND_S if service.is_shared else LOOK_AROUND_ALONE_S)
        service.store.look_around()


async def _end_overdue(service: Service) -> None:
    from aftersend.treatment import end_overdue

    while not service.stopping.is_set():
        with contextlib.suppress(TryLater):
            await end_overdue(service.store, service.clock, service.ids, node=service.node)
        await asyncio.sleep(UPKEEP_EVERY_S)


async def _prune(service: Service) -> None:
    kept = service.settings.retention
    days = {"bodies": kept.bodies, "evidence": kept.evidence, "events": kept.events, "refusals": kept.refusals}
    while not service.stopping.is_set():
        removed = 0
        try:
            while True:
                went = await service.store.run(
                    retention.prune, now=service.clock(), days=days, idempotency_us=clock.DAY
                )
                went["returns"] = await service.store.run(
                    returned.prune, before=service.clock() - kept.returns * clock.DAY
                )
                went["streaks"] = await service.store.run(
                    standings.prune, before=service.clock() - STREAKS_KEPT_DAYS * clock.DAY
                )
                removed += sum(went.values())
                if not any(went.values()):
                    break
                await asyncio.sleep(0.05)
            if removed:
                await asyncio.get_running_loop().run_in_executor(None, service.engine.give_back)
                log.info("pruned", rows=removed)
        except AftersendError as error:
            log.warning("prune_failed", error=str(error))
        await asyncio.sleep(PRUNE_EVERY_S)


# ---- the end -------------------------------------------------------------------------------------------------------


async def _stop(service: Service) -> None:
    service.stopping.set()
    for close in reversed(service.closers):
        try:
            await close()
        except Exception:
            log.exception("stop_failed")
    for task in service.tasks:
        task.cancel()
    await asyncio.gather(*service.tasks, return_exceptions=True)
    with contextlib.suppress(TryLater):
        await service.store.run(nodes.leave, service.node, service.incarnation)
    await service.store.close()


def _raise_file_limit() -> None:
    """Take as many file descriptors as we may: every connection is one."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else hard
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, 65_536), hard))


def loop_factory() -> asyncio.AbstractEventLoop:
    """The event loop: uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:  # pragma: no cover - uvloop has wheels wherever we run
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on our event loop."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(work)


def _set_up_logs(settings: Settings, node: str) -> None:
    log = settings.log
    logs.set_up(form=log.format, level=log.level, addresses=log.addresses, node=node)


def serve(settings: Settings, *, practice: bool = False, only: Sequence[str] = (), workers: int = 1) -> int:
    """Run a node until SIGTERM or SIGINT; return the exit status."""
    _set_up_logs(settings, settings.node_name)
    return int(run(_serve(settings, practice=practice, only=only, workers=workers)))


async def _serve(settings: Settings, *, practice: bool, only: Sequence[str], workers: int) -> int:
    async with contextlib.AsyncExitStack() as stack:
        if practice:
            settings = await stack.enter_async_context(practised(settings))
        service = await stack.enter_async_context(running(settings, only=only, workers=workers))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stopping.set)
        others = [await _worker(settings, n) for n in range(1, workers)]
        log.info("started", addresses={name: f"{a[0]}:{a[1]}" for name, a in service.addresses.items()})
        if practice:
            await _welcome(service)
        await service.stopping.wait()
        for other in others:
            other.terminate()
            await other.wait()
    return 0


async def _worker(settings: Settings, number: int) -> asyncio.subprocess.Process:
    """Start a second process of this machine that delivers from the same store."""
    import msgspec

    variables = {**os.environ, "AFTERSEND_WORKER": str(number), "AFTERSEND_WORKER_SETTINGS": msgspec.json.encode(settings).decode()}  # fmt: skip
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "aftersend.app", env=variables)


def _work_beside() -> int:
    import msgspec

    settings = msgspec.json.decode(os.environ["AFTERSEND_WORKER_SETTINGS"], type=Settings)
    number = int(os.environ["AFTERSEND_WORKER"])
    _set_up_logs(settings, f"{settings.node_name}#{number}")

    async def work() -> None:
        async with running(settings, only=("delivery",), worker=number) as service:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, service.stopping.set)
            await service.stopping.wait()

    run(work())
    return 0


@contextlib.asynccontextmanager
async def practised(settings: Settings) -> AsyncIterator[Settings]:
    """Start the practice world and route all mail to it."""
    import msgspec

    from aftersend.practice import World

    world = await World.start()
    listen = settings.returns.listen or (f"{world.network}.{RETURNS_OCTET}:{world.port}",)
    host, port = address(listen[0])
    world.returns = ("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)
    suppression = settings.suppression
    try:
        yield msgspec.structs.replace(
            settings,
            returns=msgspec.structs.replace(settings.returns, listen=listen),
            suppression=msgspec.structs.replace(
                suppression, soft_apart_hours=suppression.soft_apart_hours * PRACTICE_SCALE
            ),
            delivery=msgspec.structs.replace(
                settings.delivery,
                port=world.port,
                routes=world.routes,
                time_scale=PRACTICE_SCALE,
                lifetime_hours=PRACTICE_LIFETIMES,
            ),
            dns=msgspec.structs.replace(settings.dns, server=f"{world.dns[0]}:{world.dns[1]}"),
        )
    finally:
        await world.stop()


RETURNS_OCTET = 250
"""In the practice world we take what comes back at an address of our own, on the port that everybody uses."""
PRACTICE_SCALE = 1 / 600
"""In the practice world ten minutes take a second."""
PRACTICE_LIFETIMES = {name: hours * PRACTICE_SCALE for name, hours in (("transactional", 4.0), ("general", 4.0), ("broadcast", 4.0))}  # fmt: skip


async def _welcome(service: Service) -> None:
    """Say how to use what has just been started."""
    from aftersend.control import keys

    secret = await keys.practice_key(service.store, service.clock(), service.ids())
    smtp, web = service.addresses.get("smtp"), service.addresses.get("web")
    here = f"http://{web[0]}:{web[1]}" if web else ""
    lines = [
        "",
        "Aftersend is running in the practice world: real servers, all on this machine, nothing leaves it.",
        "",
    ]
    if web:
        lines.append(f"  Console and API   {here}/")
    if smtp:
        lines.append(f"  SMTP submission   {smtp[0]}:{smtp[1]}  (STARTTLS, user “smtp”, password: the key)")
    lines += [
        f"  API key           {secret}",
        "",
        "Send a first mail and follow it, in another terminal:",
        "",
        f"  export AFTERSEND_URL={here} AFTERSEND_API_KEY={secret}",
        "  python3 dev.py run send --from you@example.com --to ann@one.practice.test --subject Hello --text Hi --wait",
        "",
        "“python3 dev.py run practice addresses” lists an address for everything that can happen to a mail. Ctrl-C ends it.",
        "",
    ]
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(_work_beside())
