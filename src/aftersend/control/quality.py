"""Hold what was forecast of mail against what became of it, and learn from it.

Broadcasts are ripe three days after they began: by then bounces and most complaints are in. What is learned are the shares
that bounced where a signal held; the forecast of the next list uses them.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from aftersend import ids
from aftersend.clock import DAY, HOUR, SECOND, Instant
from aftersend.errors import BadField
from aftersend.mail import address
from aftersend.policy.score import forecast, results
from aftersend.policy.score.forecast import SIGNALS, History
from aftersend.policy.score.results import Numbers, Results
from aftersend.store import Store, broadcasts, histories, scores
from aftersend.store.connection import Connection
from aftersend.store.scores import Counted

RIPE_AFTER = 72 * HOUR
UNRIPE = 48 * HOUR
"""So much of the end of a domain's thirty days is left out: bounces and complaints are still coming in."""
WINDOW = 30 * DAY
EARLIER, CALIBRATED_MOST = 8, 30
"""So many earlier broadcasts say what is usual, and so many are shown beside their forecasts."""
PAGE = 5_000


def numbers_of(counted: Counted) -> Numbers:
    """Return what was counted, for scoring."""
    senders = frozenset(filter(None, map(_sender, counted.senders)))
    return Numbers(
        counted.mailed, counted.delivered, counted.hard, counted.refused, counted.complained, counted.told, counted.read,
        counted.tracked > 0, counted.unsubscribed, senders,
    )  # fmt: skip


def _sender(header_from: str) -> str:
    try:
        found = address.read_mailboxes(header_from)
    except BadField:
        return ""
    return found[0].address.folded if found else ""


# ---- a broadcast -----------------------------------------------------------------------------------------------------


def of_broadcast(connection: Connection, account_id: int, broadcast_id: int, *, now: Instant) -> dict[str, Any]:
    """Return what was forecast of a broadcast beside what became of it. Raise NotFound."""
    found = broadcasts.one(connection, account_id, broadcast_id)
    kept = scores.forecast_of(connection, account_id, broadcast_id)
    told: dict[str, Any] = {
        "id": ids.show("brd", broadcast_id),
        "name": found.name,
        "state": found.state,
        "forecast": None if kept is None else _told_forecast(kept),
        "results": None,
        "is_ripe": False,
        "says": "",
    }
    if found.message_id is None or found.started_us is None:
        return told
    numbers = numbers_of(scores.of_message(connection, account_id, found.message_id))
    scored = results.results(
        numbers, least=results.LEAST_OF_BROADCAST, usual=_usual(connection, account_id, broadcast_id)
    )
    told["results"] = scored.as_dict()
    told["is_ripe"] = is_ripe(found.started_us, now)
    real = numbers.hard / numbers.mailed if numbers.mailed else None
    if kept is not None and kept.mailed and real is not None:
        expected = kept.expected_milli / 1000 / kept.mailed
        word = "" if told["is_ripe"] else " so far"
        told["says"] = f"Forecast {expected:.1%} bounces, real {real:.1%}{word}."
    return told


def is_ripe(started: Instant, now: Instant) -> bool:
    """Say whether bounces and most complaints of a broadcast are in."""
    return now - started >= RIPE_AFTER


def _told_forecast(kept: Any) -> dict[str, Any]:
    return {
        "score": kept.score,
        "message_score": kept.message_score,
        "list_score": kept.list_score,
        "mailed": kept.mailed,
        "expected_bounces": round(kept.expected_milli / 1000, 1),
        "made_at": _moment(kept.made_us),
        "is_learned": kept.learned_us is not None,
    }


def _moment(instant: Instant) -> str:
    return datetime.fromtimestamp(instant // SECOND, UTC).isoformat().replace("+00:00", "Z")


def _usual(connection: Connection, account_id: int, broadcast_id: int) -> float | None:
    """The share of readers of earlier broadcasts of the account."""
    earlier = [
        numbers_of(scores.of_message(connection, account_id, each.message_id))
        for each in broadcasts.page(connection, account_id, limit=EARLIER, after=broadcast_id)
        if each.message_id is not None
    ]
    return results.usual_share(earlier, results.LEAST_OF_BROADCAST)


async def learn_ripe(store: Store, now: Instant) -> int:
    """Let the broadcasts that have become ripe move the probabilities, each once; return how many did."""
    learned = 0
    while found := await store.ask(scores.to_learn, begun_before=now - RIPE_AFTER, limit=20):
        for account_id, broadcast_id in found:
            counted = await store.ask(signals_of, account_id, broadcast_id)
            learned += await store.run(scores.learn, account_id, broadcast_id, counted, now=now)
    return learned


def signals_of(connection: Connection, account_id: int, broadcast_id: int) -> dict[str, tuple[int, int]]:
    """Count, for what was known of each address before a broadcast, how many were mailed and how many bounced for good.

    What only the DNS can tell is left out: it is nearly certain anyway. Raise NotFound.
    """
    found = broadcasts.one(connection, account_id, broadcast_id)
    mailed: Counter[str] = Counter()
    bounced: Counter[str] = Counter()
    if found.message_id is None or found.started_us is None:
        return {}
    after = 0
    probabilities = forecast.calibrated({})
    while True:
        page = scores.ends_of(connection, account_id, found.message_id, after=after, limit=PAGE)
        if not page:
            return {name: (mailed[name], bounced[name]) for name in sorted(mailed)}
        after = page[-1][0]
        known = histories.of(
            connection, account_id, [folded for _, _, folded, _ in page], now=found.started_us, before=found.started_us
        )
        for _, written, folded, has_bounced in page:
            name = _strongest(
                written, History(*known[folded]) if folded in known else History(), found.started_us, probabilities
            )
            mailed[name] += 1
            bounced[name] += has_bounced


def _strongest(written: str, history: History, now: Instant, probabilities: dict[str, float]) -> str:
    """The signal that says most about an address: by it its outcome is counted."""
    from disposable_email_domains import blocklist

    is_disposable = written.rpartition("@")[2].lower() in blocklist
    judged = forecast.judge(written, "ok", history, now=now, is_disposable=is_disposable, probabilities=probabilities)
    return max(judged.signals, key=lambda name: SIGNALS[name].p)


def calibration(connection: Connection, account_id: int, *, now: Instant) -> dict[str, Any]:
    """Return how well forecasts were met, and what was learned from it."""
    rows = []
    for kept in scores.forecasts(connection, account_id, limit=CALIBRATED_MOST):
        found = broadcasts.one(connection, account_id, kept.broadcast_id)
        if found.message_id is None or found.started_us is None:
            continue
        numbers = scores.of_message(connection, account_id, found.message_id)
        rows.append(
            {
                "broadcast": ids.show("brd", found.id),
                "name": found.name,
                "is_ripe": is_ripe(found.started_us, now),
                "mailed": numbers.mailed,
                "forecast": round(kept.expected_milli / 1000 / kept.mailed, 5) if kept.mailed else 0.0,
                "real": round(numbers.hard / numbers.mailed, 6) if numbers.mailed else 0.0,
            }
        )
    known = scores.outcomes(connection, account_id)
    probabilities = forecast.calibrated(known)
    signals = [
        {
            "id": name,
            "says": signal.says,
            "prior": signal.p,
            "mailed": known.get(name, (0, 0))[0],
            "bounced": known.get(name, (0, 0))[1],
            "used": round(probabilities[name], 5),
        }
        for name, signal in SIGNALS.items()
    ]
    return {"broadcasts": rows, "signals": signals}


# ---- a sending domain ------------------------------------------------------------------------------------------------


def of_domain(
    connection: Connection, account_id: int, domain: str, *, now: Instant
) -> tuple[dict[str, Any], list[tuple[Instant, Counted]]]:
    """Return the score of a sending domain over thirty days, by day, and why it moved; and what of it is to be kept."""
    until = (now - UNRIPE) // DAY * DAY
    days, fresh = scores.days_of_domain(connection, account_id, domain, since=until - 2 * WINDOW, until=until, now=now)
    by_day = {day: numbers_of(counted) for day, counted in days.items()}
    window = {day: numbers for day, numbers in by_day.items() if day >= until - WINDOW}
    earlier = {day: numbers for day, numbers in by_day.items() if day < until - WINDOW}
    after, before = (_summed(each, earlier) for each in (window, earlier))
    has_both = after.value is not None and before.value is not None
    named = {_day(day): numbers for day, numbers in window.items()}
    told = {
        "domain": domain,
        **after.as_dict(),
        "since": _day(until - WINDOW),
        "until": _day(until - DAY),
        "previous": before.value,
        "changes": results.changes(before, after, named) if has_both else [],
        "days": [
            {
                "day": name,
                "mailed": numbers.mailed,
                "delivered": numbers.delivered,
                "hard_bounces": numbers.hard,
                "refused": numbers.refused,
                "complaints": numbers.complained,
                "score": results.results(numbers, least=results.LEAST_OF_BROADCAST).value,
            }
            for name, numbers in named.items()
        ],
    }
    return told, fresh


def _summed(days: dict[Instant, Numbers], earlier: dict[Instant, Numbers]) -> Results:
    numbers = sum(days.values(), Numbers())
    usual = results.usual_share(earlier.values(), results.LEAST_OF_DOMAIN // 10) if days is not earlier else None
    return results.results(numbers, least=results.LEAST_OF_DOMAIN, usual=usual)


def _day(instant: Instant) -> str:
    return datetime.fromtimestamp(instant // SECOND, UTC).strftime("%Y-%m-%d")
