"""Answer with numbers for Prometheus about the whole installation; docs/runbook.md says which to watch.

The labels have closed lists of values: words of our vocabularies, stages, routes; never an address, a domain or an account.
"""

from __future__ import annotations

import asyncio
import hmac
import platform
from collections.abc import Iterable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from aftersend.clock import DAY, HOUR, SECOND
from aftersend.errors import NotFound, Unauthenticated
from aftersend.store import gauges
from aftersend.store.gauges import Numbers
from aftersend.web.calls import Answer, Call

ANSWER_WITHIN_S = 8.0
"""Below the ten seconds that Prometheus waits for."""


async def metrics(call: Call) -> Answer:
    """Give the metrics to whoever has the token. Raise NotFound where none is set, Unauthenticated for another one."""
    token = call.desk.rules.metrics_token
    if not token:
        raise NotFound("Metrics are not offered here; set web.metrics_token to offer them.")
    scheme, _, shown = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), token.encode()):
        raise Unauthenticated("The metrics are for whoever shows web.metrics_token, as Authorization: Bearer TOKEN.")
    try:
        found = await asyncio.wait_for(_numbers(call), ANSWER_WITHIN_S)
    except Exception:
        found = None  # what this process knows by itself is told even then, and that the store is away
    told = _Told([*_of_process(call, found is not None), *(_of_store(found) if found else ())])
    content = generate_latest(told) + generate_latest(call.desk.meter.registry)
    return Answer(content, media_type=CONTENT_TYPE_LATEST)


async def _numbers(call: Call) -> Numbers:
    now = call.desk.clock()
    return await call.desk.store.ask(gauges.numbers, now=now, lately=now - now % HOUR - DAY)


class _Told(Collector):
    """Numbers that were read already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


def _of_process(call: Call, is_there: bool) -> list[Metric]:
    desk = call.desk
    build = GaugeMetricFamily("aftersend_build_info", "Versions.", labels=("version", "python", "store"))
    build.add_metric((desk.version, platform.python_version(), "sqlite" if desk.engine.is_sqlite else "postgresql"), 1)
    up = GaugeMetricFamily("aftersend_store_up", "Whether the store answers (1) or not (0).", value=int(is_there))
    told: list[Metric] = [build, up]
    try:
        free = desk.engine.free_bytes()
    except OSError:
        free = None
    if free is not None:
        says = "Bytes that are free where the database lives."
        told.append(GaugeMetricFamily("aftersend_store_free_bytes", says, value=free))
    if desk.attempts is not None:
        told += _of_attempts(desk.attempts)
    visits = _of_visits(desk.visits() if desk.visits is not None else {})
    return [*told, *visits, *_of_telling(call)]


def _of_visits(numbers: dict[str, int]) -> list[Metric]:
    hits = CounterMetricFamily(
        "aftersend_hits", "Visits that were answered here, by whether they could be written down.", labels=("state",)
    )
    for state in ("kept", "lost"):
        hits.add_metric((state,), numbers.get(state, 0))
    refused = CounterMetricFamily(
        "aftersend_visits_refused", "Connections of visitors that were one too many, or too slow.", labels=("why",)
    )
    for why in ("turned_away", "cut_off"):
        refused.add_metric((why,), numbers.get(why, 0))
    waiting = GaugeMetricFamily(
        "aftersend_hits_waiting", "Visits that are still to be written.", value=numbers.get("waiting", 0)
    )
    connections = GaugeMetricFamily(
        "aftersend_visit_connections", "Connections of visitors.", value=numbers.get("open", 0)
    )
    return [hits, refused, waiting, connections]


def _of_store(found: Numbers) -> list[Metric]:
    facts = CounterMetricFamily(
        "aftersend_facts", "Deliveries by each fact ever established of them.", labels=("fact",)
    )
    for word, number in found.facts.items():
        facts.add_metric((word,), number)
    results = GaugeMetricFamily(
        "aftersend_deliveries_last_day",
        "Deliveries created within about the last 24 hours, by what has become of them.",
        labels=("result",),
    )
    for word, number in found.results.items():
        results.add_metric((word.replace(" ", "_"),), number)
    waiting = GaugeMetricFamily(
        "aftersend_queue_deliveries", "Deliveries that have not ended.", labels=("stage", "state")
    )
    overdue = GaugeMetricFamily(
        "aftersend_queue_overdue_seconds",
        "For how long the oldest delivery that is due and unclaimed has been due.",
        labels=("stage",),
    )
    for each in found.waiting:
        for state, number in (("due", each.due), ("waiting", each.waiting), ("claimed", each.claimed)):
            waiting.add_metric((each.stage, state), number)
        overdue.add_metric((each.stage,), each.overdue_us / SECOND)
    nodes = GaugeMetricFamily("aftersend_nodes", "Nodes by whether their lease runs.", labels=("state",))
    alive = sum(left > 0 for left in found.leases_us)
    nodes.add_metric(("alive",), alive)
    nodes.add_metric(("gone",), len(found.leases_us) - alive)
    hooks = GaugeMetricFamily("aftersend_webhooks", "Webhooks by how they are getting on.", labels=("state",))
    for state, number in found.hooks.items():
        hooks.add_metric((state,), number)
    untold = GaugeMetricFamily(
        "aftersend_webhook_backlog",
        "Events that webhooks are still to get: behind (not come to their turn), waiting (tried again), given_up.",
        labels=("state",),
    )
    for state, number in found.untold.items():
        untold.add_metric((state,), number)
    return [facts, results, waiting, overdue, nodes, hooks, untold]


def _of_attempts(attempts: Any) -> list[Metric]:
    tries = CounterMetricFamily(
        "aftersend_delivery_attempts",
        "Attempts to deliver by this process, by what each established and by who provides the mailbox.",
        labels=("outcome", "provider"),
    )
    for place, number in sorted(attempts.attempts.items()):
        tries.add_metric(place, number)
    told: list[Metric] = [tries]
    for name, until, times in (
        ("first_attempt", "the end of the first attempt", attempts.first_attempt),
        ("delivered", "its delivery", attempts.delivered),
    ):
        says = f"From taking a mail in, or its planned time, to {until}, in seconds."
        family = HistogramMetricFamily(f"aftersend_accept_to_{name}_seconds", says)
        family.add_metric((), times.buckets(), times.sum_s)
        told.append(family)
    return told


def _of_telling(call: Call) -> list[Metric]:
    followers = GaugeMetricFamily(
        "aftersend_event_followers", "Clients that follow the event stream.", value=sum(call.desk.followers.values())
    )
    if call.desk.told is None:
        return [followers]
    tries = CounterMetricFamily(
        "aftersend_webhook_attempts", "Requests to webhooks by this process, by what came of them.", labels=("outcome",)
    )
    for outcome in ("taken", "failed", "busy", "gone"):
        tries.add_metric((outcome,), call.desk.told.get(outcome, 0))
    return [followers, tries]
