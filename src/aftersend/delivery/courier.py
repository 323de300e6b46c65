"""The loop of delivery: claim what is due, hand it to the sites, write down what became of it.

A claim is held from here until its outcome is durable; how many may be held at once is bounded in number and in bytes.
Outcomes go to the store as they come, and are kept until it takes them: a full disk delays the ledger, it loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from aftersend.clock import SECOND, Clock, Instant
from aftersend.delivery import outcome
from aftersend.delivery.connection import connect
from aftersend.delivery.content import Compose, Content
from aftersend.delivery.lane import Lane
from aftersend.delivery.names import MailServers, Resolver, site_of
from aftersend.delivery.outcome import Attempt
from aftersend.delivery.parcel import Parcel
from aftersend.delivery.routes import Route, Routes
from aftersend.delivery.rules import Rules
from aftersend.delivery.signing import Draft, Signer
from aftersend.delivery.site import Site
from aftersend.delivery.sources import Sources
from aftersend.delivery.tls import TlsContexts
from aftersend.errors import SubmissionError, TryLater
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.logs import Logger
from aftersend.mail import headers as mail_headers
from aftersend.mail import verp
from aftersend.mail.compiled import FLAG_COMPILED
from aftersend.policy import gates, outcomes
from aftersend.policy.breaker import Breaker
from aftersend.policy.diagnosis import diagnose_reply
from aftersend.policy.score.typos import suggest
from aftersend.policy.verdict import Refuse
from aftersend.smtp.reply import Reply
from aftersend.store import Store, content, doubts, paces, queue, record, standings
from aftersend.store.queue import Claim, ClaimRequest, PutOff, Stage
from aftersend.store.sites import Lesson

log = Logger("delivery")

BATCH = 300
WINDOW = 2000
BYTES_IN_HAND = 64 * 1024 * 1024
BODIES_REMEMBERED = 16 * 1024 * 1024
STRAIGHT_MOST = WINDOW // 2
"""So many deliveries may be in hand for intake to bring more; the rest of the window is for what waits in the queue."""
LANES_MOST = 10_000
IDLE_LOOK_S = 5.0
KNOWN_WITHIN_US = 6 * SECOND
"""So soon every process knows what was changed in another."""
DAY_US = 24 * 3600 * SECOND
SET_ASIDE = SubmissionError("A bug of ours met it; it is set aside.")
"""Stands in the place of the content of a delivery that is not handed out."""


class Courier:
    """Delivers what is due. One for each process; made on its event loop."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: IdSource,
        resolver: Resolver,
        routes: Routes,
        signer: Signer,
        rules: Rules,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._resolver = resolver
        self._routes = routes
        self._signer = signer
        self.rules = rules
        self.tls = TlsContexts(verify=rules.verify_tls)
        self.sources = Sources(rules.source_addresses, rules.node_name, clock)
        self.urgent: Callable[[int, str], bool] = lambda account, stream: False
        """Whether an account's stream is transactional; set by the wiring."""
        self.doubts_clock: Callable[[], bool] = lambda: False
        """Whether the clock was put far ahead, so that nothing is given up for its age; set by the wiring."""
        self.sites: dict[str, Site] = {}
        self._lanes: dict[object, Lane] = {}
        self._by_domain: dict[str, tuple[MailServers | None, Lane]] = {}
        self._resolving: dict[str, list[Parcel]] = {}
        self._leaving: list[tuple[Parcel, Lane, str]] = []
        """What may leave, from which address of ours, and is being counted."""
        self._bodies: OrderedDict[tuple[int, bytes], bytes] = OrderedDict()
        self._bodies_size = 0
        self._held = 0
        self._bytes = 0
        self.is_behind = True
        """Whether more may wait in the queue than was claimed."""
        self._brought: list[Claim] = []
        self.let_go: Callable[[Claim], None] | None = None
        """Told of every claim that is held no longer."""
        self._open = 0
        self._wake = store.bell("delivery")
        self._tasks: set[asyncio.Task[Any]] = set()
        self.stopping = False
        self.on_outcome: Callable[[Claim, record.Step, Attempt, bytes], None] | None = None
        self.watch: Callable[[Claim, record.Step, Attempt], None] | None = None
        """Told of every outcome in the same breath as the store; `bytes` is the body, empty if it is no longer at hand."""
        self.compose: Compose | None = None
        """Makes the content of messages that are compiled (`FLAG_COMPILED`), for each recipient anew; set by the wiring."""
        self.nodes = 1
        self.breaker = Breaker()

    # ---- the loop --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver until stopped."""
        sweeping = asyncio.ensure_future(self._sweep())
        try:
            while not self.stopping:
                self._wake.clear()
                try:
                    taken = await self.deliver_due()
                except TryLater:
                    await asyncio.sleep(1.0)
                    continue
                if taken < BATCH:
                    await self._rest()
        finally:
            sweeping.cancel()

    async def deliver_due(self) -> int:
        """Make one pass over what is due; return how many deliveries were claimed."""
        room = min(WINDOW - self._held, BATCH)
        if room <= 0 or self._bytes >= BYTES_IN_HAND or (room < BATCH // 4 and self._held > 0):
            self.is_behind = True
            return 0
        request = ClaimRequest(Stage.DELIVERY, self._clock(), self.rules.node, room)
        claimed: list[Claim] = await self._store.join(queue.claim_for_treatment, request, hurry=False)
        self.is_behind = len(claimed) >= room
        self._held += len(claimed)
        self._bytes += sum(claim.size for claim in claimed)
        await self._deliver(self._admitted(claimed))
        return len(claimed)

    async def _deliver(self, admitted: Sequence[Claim]) -> None:
        """Make parcels of claims and hand them out. Raise TryLater when the store is away; then they were given back."""
        try:
            bodies = await self._fetch_bodies(admitted)
        except Exception:
            for claim in admitted:
                self._give_up_claim(claim, claim.due_us, claim.site, None)
            raise
        contents = await self._contents(admitted, bodies)
        admitted = [claim for claim in admitted if contents.get(claim.delivery_id) is not SET_ASIDE]
        if self._signer:
            if self.rules.asks_feedback:
                self._ask_feedback(admitted, contents)
            drafts = [
                self._draft(claim, content)
                for claim in admitted
                if isinstance(content := contents.get(claim.delivery_id), Content)
            ]
            try:
                await self._signer.sign_ahead(drafts, self._clock() // SECOND)
            except Exception:
                for claim in admitted:
                    self._our_fault(claim)
                return
        for claim in admitted:
            try:
                self._hand_out(claim, contents.get(claim.delivery_id))
            except Exception:
                self._our_fault(claim)

    def _admitted(self, claimed: Sequence[Claim]) -> list[Claim]:
        """Give back what does not fit into the bytes that may be in hand; one message always fits."""
        over = self._bytes - BYTES_IN_HAND
        if over <= 0:
            return list(claimed)
        kept = list(claimed)
        while over > 0 and len(kept) > 1:
            claim = kept.pop()
            over -= claim.size
            self._give_up_claim(claim, claim.due_us, claim.site, None)
        return kept

    async def _rest(self) -> None:
        """Wait for the bell, or for the next due time; while all hands are full, for one of them."""
        if self._wake.is_set():
            return
        wait = IDLE_LOOK_S
        if not self.is_behind:
            try:
                due = await self._store.ask(queue.next_due, Stage.DELIVERY)
            except Exception:
                due = None
            if due is not None:
                wait = min(wait, max(0.001, (due - self._clock()) / SECOND))
        try:
            await asyncio.wait_for(self._wake.wait(), wait)
        except TimeoutError:
            pass

    async def _fetch_bodies(self, claimed: Sequence[Claim]) -> dict[tuple[int, bytes], bytes]:
        """Return the bodies of these claims, from memory where they are still there; retention may have taken one away."""
        found: dict[tuple[int, bytes], bytes] = {}
        missing = []
        for place in dict.fromkeys((c.account_id, c.body) for c in claimed):
            body = self._bodies.get(place)
            if body is None:
                missing.append(place)
            else:
                found[place] = body
        if not missing:
            return found
        loaded = await asyncio.gather(*(self._store.join(content.load, place) for place in missing))
        for place, body in zip(missing, loaded, strict=True):
            if body is not None:
                found[place] = body
                self._remember(place, body)
        return found

    async def _contents(
        self, claimed: Sequence[Claim], bodies: Mapping[tuple[int, bytes], bytes]
    ) -> dict[int, Content | SubmissionError | None]:
        """Return what each delivery is to say, or why that cannot be made; nothing where the body is no longer kept."""
        contents: dict[int, Content | SubmissionError | None] = {}
        compiled: list[Claim] = []
        for claim in claimed:
            body = bodies.get((claim.account_id, claim.body))
            if body is None:
                continue
            if claim.flags & FLAG_COMPILED:
                compiled.append(claim)
            else:
                contents[claim.delivery_id] = Content(claim.headers, body, claim.body)
        if compiled and self.compose is not None:
            try:
                contents |= await self._composed(self.compose, compiled, bodies)
            except TryLater:
                for claim in claimed:
                    self._give_up_claim(claim, claim.due_us, claim.site, None)
                raise
            self._weigh(compiled, contents)
        return contents

    async def _composed(
        self, compose: Compose, compiled: Sequence[Claim], bodies: Mapping[tuple[int, bytes], bytes]
    ) -> dict[int, Content | SubmissionError | None]:
        """Make copies; where one of them cannot be made by a fault of ours, make each alone, so that the others go out."""
        try:
            return dict(await compose(compiled, bodies))
        except TryLater:
            raise
        except Exception:
            if len(compiled) == 1:
                self._our_fault(compiled[0])
                return {compiled[0].delivery_id: SET_ASIDE}
        made: dict[int, Content | SubmissionError | None] = {}
        for claim in compiled:
            try:
                made |= await self._composed(compose, [claim], bodies)
            except TryLater:
                break  # what is left out is given back
        return made

    def _weigh(self, claimed: Sequence[Claim], contents: dict[int, Content | SubmissionError | None]) -> None:
        """Count what was made by its real size, and give back what was left out since the copies are so large."""
        for claim in claimed:
            content = contents.get(claim.delivery_id)
            if claim.delivery_id not in contents:
                self._give_up_claim(claim, claim.due_us, claim.site, None)
                contents[claim.delivery_id] = SET_ASIDE
            elif isinstance(content, Content):
                size = len(content.headers) + len(content.body)
                self._bytes += size - claim.size
                claim.size = size

    def _remember(self, place: tuple[int, bytes], body: bytes) -> None:
        if place not in self._bodies:
            self._bodies[place] = body
            self._bodies_size += len(body)
        while self._bodies_size > BODIES_REMEMBERED and self._bodies:
            _, forgotten = self._bodies.popitem(last=False)
            self._bodies_size -= len(forgotten)

    # ---- straight from intake --------------------------------------------------------------------------------------

    def reserve(self, deliveries: int, size: int) -> int:
        """Keep room for deliveries that are just being written down; return the node that takes them, 0 if none does.

        Nobody need claim them then. While anything waits in the queue, they wait there too: turns and lanes are kept.
        """
        total = deliveries * size
        if self.is_behind or self.stopping or self._held + deliveries > STRAIGHT_MOST:
            return 0
        if self._bytes + total > BYTES_IN_HAND // 2:
            return 0
        self._held += deliveries
        self._bytes += total
        return self.rules.node

    def bring(self, node: int, deliveries: int, size: int, claims: Sequence[Claim], body: bytes) -> None:
        """Take what was reserved, now that it is durable; what was not written down after all is forgotten."""
        self._held -= deliveries
        self._bytes -= deliveries * size
        if claims:
            self.take(claims, body)

    def take(self, claims: Sequence[Claim], body: bytes) -> None:
        """Deliver claims of one message that were made for this node."""
        self._held += len(claims)
        self._bytes += sum(claim.size for claim in claims)
        self._remember((claims[0].account_id, claims[0].body), body)
        if not self._brought:
            asyncio.get_running_loop().call_soon(self._deliver_brought)
        self._brought += claims

    def _deliver_brought(self) -> None:
        brought, self._brought = self._brought, []
        self._spawn(self._straight(brought))

    async def _straight(self, brought: Sequence[Claim]) -> None:
        if self.stopping:
            for claim in brought:
                self._give_up_claim(claim, claim.due_us, "", None)
            return
        try:
            await self._deliver(brought)
        except TryLater:
            pass  # given back; the loop takes them up again
        except Exception:
            log.exception("delivering_failed")

    # ---- handing out -----------------------------------------------------------------------------------------------

    def _hand_out(self, claim: Claim, content: Content | SubmissionError | None) -> None:
        now = self._clock()
        if claim.suppressed is not None:
            verdict = gates.decide(claim, now)
            if isinstance(verdict, Refuse):
                self._refuse(claim, verdict, now)
                return
        if not isinstance(content, Content):
            self._finish(claim, self._no_content(content), "")
            return
        parcel = self._parcel(claim, content, now)
        known = self._by_domain.get(claim.domain)
        if known is not None and (known[0] is None or self._resolver.known(claim.domain) is known[0]):
            self._to_lane(parcel, known[1])
            return
        waiting = self._resolving.get(claim.domain)
        if waiting is not None:
            waiting.append(parcel)
            return
        self._resolving[claim.domain] = [parcel]
        self._spawn(self._resolve(claim.domain))

    def _parcel(self, claim: Claim, content: Content, now: Instant) -> Parcel:
        signature = self._signature(claim, content, now)
        sender = claim.sender
        if sender:
            sender = self._returns_to(claim, verp.BOUNCE, now // DAY_US)
        return Parcel(
            claim, sender, (signature, content.headers, b"\r\n", content.body), feedback_day=content.feedback_day
        )

    def _signature(self, claim: Claim, content: Content, now: Instant) -> bytes:
        if not self._signer:
            return b""
        return self._signer.signature(self._draft(claim, content), now // SECOND)

    @staticmethod
    def _draft(claim: Claim, content: Content) -> Draft:
        domain = mail_headers.domain_of(claim.header_from)
        asks = content.feedback_day is not None
        names = claim.delivery_id << 16 | content.feedback_day if content.feedback_day is not None else claim.message_id
        return Draft(claim.account_id, names, domain, content.headers, content.body_id, content.body, asks)

    def _ask_feedback(self, claimed: Sequence[Claim], contents: dict[int, Content | SubmissionError | None]) -> None:
        """Name an address for complaints about each delivery, where receivers would believe it (RFC 9477)."""
        day = self._clock() // DAY_US
        for claim in claimed:
            content = contents.get(claim.delivery_id)
            domain = mail_headers.domain_of(claim.header_from)
            if (
                claim.sender
                and isinstance(content, Content)
                and self._signer.may_ask_feedback(claim.account_id, domain)
            ):
                contents[claim.delivery_id] = content.asking_feedback(self._returns_to(claim, verp.FEEDBACK, day), day)

    def _returns_to(self, claim: Claim, purpose: str, day: int) -> str:
        token = verp.make(self.rules.verp_secret, claim.delivery_id, day, purpose=purpose)
        return f"{token}@{self.rules.return_domain}"

    def _no_content(self, error: SubmissionError | None) -> Attempt:
        meaning = outcomes.Meaning(Fact.MALFORMED, None, None, goes_on=False)
        said = "The content of this message is no longer kept." if error is None else error.detail
        kind = "no_content" if error is None else error.code
        return Attempt(meaning, said, {"kind": kind, "why": said}, tried=False)

    async def _resolve(self, domain: str) -> None:
        route = self._routes.route(domain)
        try:
            if route.is_smart_host:
                host = await self._resolver.addresses(route.host)
                servers = MailServers((host,)) if host.addresses else MailServers(
                    trouble="no_answer", explanation=f"The smart host {route.host} has no address."
                )  # fmt: skip
            else:
                servers = await self._resolver.find(domain)
        except Exception as error:
            log.exception("resolve_failed", domain=domain)
            servers = MailServers(trouble="no_answer", explanation=f"The look-up failed: {error}")
        parcels = self._resolving.pop(domain)
        if servers.trouble:
            for parcel in parcels:
                try:
                    self._no_servers(parcel, servers)
                except Exception:
                    self._our_fault(parcel.claim)
            return
        try:
            lane = self._lane(servers, route)
        except Exception:
            for parcel in parcels:
                self._our_fault(parcel.claim)
            return
        self._by_domain[domain] = (None if route.is_smart_host else servers, lane)
        if len(self._by_domain) > 100_000:
            self._by_domain.clear()
        for parcel in parcels:
            try:
                self._to_lane(parcel, lane)
            except Exception:
                self._our_fault(parcel.claim)

    def _lane(self, servers: MailServers, route: Route) -> Lane:
        """The lane to these servers; domains with the same servers share it, and all of a site share its limits."""
        place = (route, servers.hosts if route.is_smart_host else frozenset(h.addresses for h in servers.hosts))
        lane = self._lanes.get(place)
        if lane is None:
            name = f"{route.host}:{route.port}" if route.is_smart_host else site_of(servers.hosts, self.rules.suffix)
            site = self.sites.get(name)
            if site is None:
                rules = self.rules.limits.for_smart_host() if route.is_smart_host else self.rules.limits
                site = self.sites[name] = Site(name, self._clock, rules)
                site.nodes = self.nodes
            lane = self._lanes[place] = Lane(site, servers.hosts, route, self, self._clock)
        return lane

    def _to_lane(self, parcel: Parcel, lane: Lane) -> None:
        closed = lane.site.closed_until()
        if closed:
            self._put_off(parcel, lane, closed, lane.site.state.why)
        elif self.sources.is_limited and not lane.source and not lane.route.is_smart_host:
            self._from_a_source(parcel, lane)
        else:
            is_urgent = self.urgent(parcel.claim.account_id, parcel.claim.stream)
            room_at = lane.room_at(is_urgent=is_urgent)
            if room_at:
                self._put_off(parcel, lane, room_at, "line is full")
            else:
                lane.add(parcel, is_urgent=is_urgent)
                lane.press()

    def _from_a_source(self, parcel: Parcel, lane: Lane) -> None:
        """Send it from the address of ours that may send it, or put it off until one may."""
        claim = parcel.claim
        leave = self.sources.leave(
            claim.account_id, lane.hosts, has_waited=bool(claim.site),
            is_urgent=claim.tries > 0 or self.urgent(claim.account_id, claim.stream),
        )  # fmt: skip
        if leave.until_us:
            # A rate was changed or taken away: this process may not know yet.
            until = self._clock() + KNOWN_WITHIN_US if claim.is_anew else leave.until_us
            until += int(random.random() * SECOND)
            now, node, key = self._clock(), self.rules.node, self._ids()
            step = outcome.held_back(claim, leave.why, until=until, now=now, node=node, key=key, site=lane.name)
            self._record(claim, step)
            return
        self.sources.take(leave)
        self._leaving.append((parcel, lane, leave.source))
        if len(self._leaving) == 1:
            self._spawn(self._let_leave())

    async def _let_leave(self) -> None:
        """Let go what may leave, once it is counted for good: a crash may make us count too much, never too little."""
        while self._leaving:
            taken, counted = self.sources.taken(), len(self._leaving)
            while True:
                try:
                    await self._store.run(paces.write, taken, [], now=self._clock())
                    break
                except TryLater:
                    if self._store.is_closed:
                        return  # we are stopping; the claims go with the node
                    await asyncio.sleep(1.0)
                except Exception:
                    log.exception("rates_not_counted")
                    break
            ready, self._leaving = self._leaving[:counted], self._leaving[counted:]
            for parcel, lane, source in ready:
                try:
                    self._leave(parcel, lane, source)
                except Exception:
                    self._our_fault(parcel.claim)

    def _leave(self, parcel: Parcel, lane: Lane, source: str) -> None:
        if self.stopping:
            self._put_off(parcel, lane, parcel.claim.due_us, "")
            return
        if not source:
            lane.add(parcel, is_urgent=self.urgent(parcel.claim.account_id, parcel.claim.stream))
            lane.press()
            return
        from_there = self._lanes.get((lane, source))
        if from_there is None:
            from_there = self._lanes[lane, source] = Lane(lane.site, lane.hosts, lane.route, self, self._clock, source)
        self._to_lane(parcel, from_there)

    def _put_off(self, parcel: Parcel, lane: Lane, until: Instant, why: str) -> None:
        """Give back what cannot be tried now, unless its time is over."""
        claim = parcel.claim
        if claim.tries and until >= claim.expires_us and not self.doubts_clock():
            evidence = {"kind": "closed", "site": lane.name}
            said = why or "The site could not be reached."
            last = None if claim.reason is None else Reason(claim.reason)
            self._finish(
                claim, Attempt(outcomes.of_waiting(last, claim.detail), said, evidence, tried=False), lane.name
            )
            return
        self._give_up_claim(claim, until + int(random.random() * SECOND), lane.name, why)

    def _give_up_claim(self, claim: Claim, due: Instant, site: str, why: str | None) -> None:
        """Give a claim back untried; the store is asked again until it takes it, else nobody could ever claim it."""
        item = PutOff(claim.account_id, claim.delivery_id, self.rules.node, due, site, why)

        def done(given: asyncio.Future[Any]) -> None:
            if not given.cancelled() and isinstance(given.exception(), TryLater) and not self._store.is_closed:
                asyncio.get_running_loop().call_later(1.0, give)
            else:
                self._let_go(claim, given, is_due_again=True)

        def give() -> None:
            self._store.join(queue.put_off, item).add_done_callback(done)

        give()

    # ---- what came of it -------------------------------------------------------------------------------------------

    def _refuse(self, claim: Claim, verdict: Refuse, now: Instant) -> None:
        """The recipient was suppressed between treatment and sending."""
        meaning = outcomes.Meaning(verdict.fact, None, None, goes_on=False)
        self._finish(
            claim, Attempt(meaning, verdict.why, {"why": verdict.why, **dict(verdict.evidence)}, tried=False), ""
        )

    def _no_servers(self, parcel: Parcel, servers: MailServers) -> None:
        assert servers.trouble is not None
        seen = parcel.claim.tries > 0
        meaning = outcomes.of_names(servers.trouble, seen_before=seen)
        domain = parcel.claim.domain
        evidence = {"kind": "dns", "domain": domain, "trouble": servers.trouble}
        said = servers.explanation
        meant = None if meaning.reason is not Reason.BAD_DOMAIN else suggest(domain)
        if meant is not None:
            evidence["suggestion"] = f"{parcel.claim.recipient.rpartition('@')[0]}@{meant}"
            said += f" Did you mean {evidence['suggestion']}?"
        self.finished(parcel, Attempt(meaning, said, evidence), None)

    def finished(self, parcel: Parcel, attempt: Attempt, lane: Lane | None) -> None:
        """An attempt has ended; write it down."""
        self._finish(parcel.claim, attempt, "" if lane is None else lane.name)

    def our_fault(self, parcel: Parcel) -> None:
        """A bug of ours met this parcel; called while the exception is at hand."""
        self._our_fault(parcel.claim)

    def too_wide(self, parcel: Parcel, lane: Lane) -> None:
        """The server takes no 8-bit content: rewrite the message, sign it anew, send it again."""
        from aftersend.mail import seven_bit

        claim = parcel.claim
        try:
            converted = seven_bit.convert(parcel.content[1] + b"\r\n" + parcel.content[-1])
        except SubmissionError as error:
            meaning = outcomes.Meaning(Fact.BOUNCED, Reason.DATA_FORMAT_ERROR, None, goes_on=False)
            self.finished(parcel, Attempt(meaning, error.detail, {"kind": "local"}, "5.6.3"), lane)
            return
        headers, body = mail_headers.split(converted)
        content = Content(headers, body, hashlib.sha256(converted).digest(), parcel.feedback_day)
        signature = self._signature(claim, content, self._clock())
        again = Parcel(claim, parcel.sender, (signature, headers, b"\r\n", body), True, parcel.feedback_day)
        lane.put_back(again)

    def untried(self, parcel: Parcel, lane: Lane) -> None:
        """A connection hands back what it had not begun; it goes to the front of the line."""
        lane.put_back(parcel)

    def _finish(self, claim: Claim, attempt: Attempt, site: str) -> None:
        now = self._clock()
        if site:
            self._note(site, attempt, now)
        try:
            step = outcome.step_after(
                claim, attempt, now=now, node=self.rules.node, keys=(self._ids(), self._ids()), plan=self.rules.plan,
                chance=random.random(), site=site, rules=self.rules.suppression, is_leap=self.breaker.is_leap(site, now),
                takes_mail=self.breaker.takes_mail(site, now), is_clock_doubted=self.doubts_clock(),
            )  # fmt: skip
        except Exception:
            self._our_fault(claim)
            return
        self._record(claim, step)
        if self.watch is not None:
            self.watch(claim, step, attempt)
        if self.on_outcome is not None and claim.notify:
            self.on_outcome(claim, step, attempt, self._bodies.get((claim.account_id, claim.body), b""))

    def _note(self, site: str, attempt: Attempt, now: Instant) -> None:
        """Keep the shares by site of what is denied, and doubt what was learned lately when they leap."""
        meaning = attempt.meaning
        if meaning.fact is Fact.DELIVERED:
            self.breaker.accepted(site, now)
        elif not meaning.goes_on and meaning.reason is not None:
            is_denial = meaning.reason is Reason.INVALID_RECIPIENT
            if self.breaker.refused(site, now, is_denial=is_denial):
                log.warning(
                    "refusals_leap", site=site, effect="what is learned of its addresses is provisional for a day"
                )
                self._spawn(self._doubt(site, now))

    async def _doubt(self, site: str, now: Instant) -> None:
        until = now + self.rules.suppression.provisional_lasts_us
        with contextlib.suppress(TryLater):
            await self._store.run(doubts.note, site, until=self.breaker.doubted_until(site), now=now)
            await self._store.run(standings.doubt, site, since=now - 3600 * SECOND, now=now, until=until)

    def _record(self, claim: Claim, step: record.Step) -> None:
        hurry = bool(claim.notify)  # a report to the sender goes into the same transaction
        self._store.join(record.steps, step, hurry=hurry).add_done_callback(partial(self._recorded, claim, step))

    def _recorded(self, claim: Claim, step: record.Step, done: asyncio.Future[Any]) -> None:
        error = done.exception() if not done.cancelled() else None
        if isinstance(error, TryLater) and not self._store.is_closed:
            asyncio.get_running_loop().call_later(1.0, self._record, claim, step)
            return
        if isinstance(error, TryLater):
            return  # we are stopping; the claim goes with the node, and the delivery is tried again
        if error is not None:
            log.error("outcome_not_recorded", delivery_id=claim.delivery_id, error=repr(error))
            self._our_fault(claim)
            return
        self._let_go(claim, done, is_due_again=step.next is not None)

    def _our_fault(self, claim: Claim) -> None:
        """A bug of ours met this delivery: keep the mail, try later, set it aside the third time."""
        trace = traceback.format_exc()
        log.error("set_aside", delivery_id=claim.delivery_id, traceback=trace)

        async def aside() -> None:
            while not self._store.is_closed:
                try:
                    await self._store.run(queue.set_aside, claim, Stage.DELIVERY, now=self._clock(), traceback=trace)
                    break
                except TryLater:
                    await asyncio.sleep(1.0)
            self._let_go(claim, None, is_due_again=True)

        self._spawn(aside())

    def _let_go(self, claim: Claim, done: asyncio.Future[Any] | None, *, is_due_again: bool) -> None:
        """Hold a claim no longer. Wake the loop only if there is something for it: a due time, or what found no room."""
        if done is not None and not done.cancelled():
            done.exception()
        self._held -= 1
        self._bytes -= claim.size
        if self.let_go is not None:
            self.let_go(claim)
        if is_due_again or (self.is_behind and (self._held <= WINDOW - BATCH // 2 or self._held == 0)):
            self._wake.set()

    # ---- what nodes tell each other ----------------------------------------------------------------------------------

    def lessons(self) -> list[Lesson]:
        """What has been learnt of sites since this was asked last."""
        return [site.lesson() for site in self.sites.values() if site.has_news]

    def heed(self, lessons: Sequence[Lesson]) -> None:
        """Take what other nodes have learnt."""
        named = {lesson.name: lesson for lesson in lessons}
        for site in self.sites.values():
            lesson = named.get(site.name)
            if lesson is not None:
                site.heed(lesson)

    # ---- connections -----------------------------------------------------------------------------------------------

    def may_open(self) -> bool:
        """Whether one more connection fits into the limit for all sites."""
        return self._open < self.rules.connections and not self.stopping

    def open_connection(self, lane: Lane) -> None:
        """Begin to connect to a lane's servers."""
        self._open += 1
        self._spawn(self._connect(lane))

    async def _connect(self, lane: Lane) -> None:
        try:
            await connect(self, lane)
        except Exception:
            log.exception("connect_failed", site=lane.name)
            lane.connecting -= 1
            self.connection_ended(lane)

    def connection_ended(self, lane: Lane) -> None:
        """A connection is gone, or never came to be."""
        self._open -= 1
        if lane.waiting:
            if lane.site.closed_until():
                self.give_back(lane)
            else:
                lane.press()

    def give_back(self, lane: Lane) -> None:
        """The site is closed for a while: what waits for it goes back into the queue."""
        until = lane.site.closed_until()
        for parcel in lane.take_waiting():
            self._put_off(parcel, lane, until, lane.site.state.why)

    def unreachable(
        self, lane: Lane, why: str, *, timed_out: bool, refusal: Reply | None, evidence: dict[str, Any]
    ) -> None:
        """None of a site's hosts could be reached, or none wanted to talk: everything that waits for it has had its try."""
        meaning, status = outcomes.of_no_connection(), ""
        if refusal is None:
            lane.site.could_not_be_reached(why, timed_out=timed_out)
        else:
            found = diagnose_reply(refusal, command="connect")
            meaning, status = (
                outcomes.of_closed_door(Reason(found.reason), found.detail, found.retry_after_s),
                refusal.status,
            )
        for parcel in lane.take_waiting():
            self.finished(parcel, Attempt(meaning, why, evidence, status), lane)

    async def _sweep(self) -> None:
        """Once a second: end connections that are silent for too long, forget sites that are quiet."""
        while True:
            await asyncio.sleep(1.0)
            now = asyncio.get_running_loop().time()
            for name, site in list(self.sites.items()):
                site.nodes = self.nodes
                if len(self.sites) > LANES_MOST and not site.lanes and not site.closed_until():
                    del self.sites[name]
            for place, lane in list(self._lanes.items()):
                for connection in list(lane.connections):
                    connection.check_time(now)
                if lane.is_quiet and len(self._lanes) > LANES_MOST:
                    del self._lanes[place]
                    lane.site.lanes.discard(lane)
                    self._by_domain.clear()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self, patience_s: float = 10.0) -> None:
        """Take no more; let what is on the wire end; what waits goes back with its claim."""
        self.stopping = True
        self._wake.set()
        for lane in self._lanes.values():
            for parcel in lane.take_waiting():
                self._put_off(parcel, lane, parcel.claim.due_us, "")
            for connection in list(lane.connections):
                connection.finish()
        await self._signer.stop()
        end = asyncio.get_running_loop().time() + patience_s
        while self._held and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.02)
