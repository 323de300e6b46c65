"""Wait for the end of a demonstration by asking the service's API, and remember the words that pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aftersend.practice.api import Api, Target
from aftersend.practice.behaviours import behaviour_of
from aftersend.practice.submission import Progress, tag

POLL_S = 0.2
LOOKED_AT_SINGLY = 60
"""So few unfinished deliveries are asked for one by one, more by the page."""
FAR_AWAY_S = 60.0
"""What is planned for later than this is not waited for: a relay may take days for its last word."""
PATIENCE_S = 180.0


def watch(
    target: Target,
    run: str,
    audience: int,
    on_progress: Progress = lambda *_: None,
    *,
    to_hold: Sequence[str] = (),
    patience_s: float = PATIENCE_S,
) -> tuple[list[dict[str, Any]], set[tuple[str, str]]]:
    """Wait until every delivery of the run has ended, or waits for somebody far away; return the rows of the log.

    The recipients `to_hold` are put on hold once their server has put them off. The second value holds every word that was
    seen on the way, as (vocabulary, word).
    """
    with Api(target.url, target.key) as api:
        settled = is_settled if not target.has_returns else has_come_back
        return _watched(api, run, audience, on_progress, to_hold, time.monotonic() + patience_s, settled)


def _watched(
    api: Api,
    run: str,
    audience: int,
    on_progress: Progress,
    to_hold: Sequence[str],
    end: float,
    settled: Callable[[dict[str, Any]], bool],
) -> tuple[list[dict[str, Any]], set[tuple[str, str]]]:
    seen: set[tuple[str, str]] = set()
    rows: dict[str, dict[str, Any]] = {}
    while time.monotonic() < end:
        waiting = [row for row in rows.values() if not settled(row)]
        if len(rows) < audience or len(waiting) > LOOKED_AT_SINGLY:
            found = list(api.pages(f"/v1/deliveries?tag={tag(run)}&limit=100"))
        elif waiting:
            found = [api.call("GET", f"/v1/deliveries/{row['id']}").body for row in waiting]
        else:
            break
        for row in found:
            rows[row["id"]] = row
            seen.update(_words_now(row))
            if row["recipient"] in to_hold and "deferred" in row["facts"] and not is_settled(row):
                _hold(api, run, row["recipient"])
        on_progress("delivering", sum(settled(row) for row in rows.values()), audience)
        time.sleep(POLL_S)
    return list(api.pages(f"/v1/deliveries?tag={tag(run)}&limit=100")), seen


def _hold(api: Api, run: str, recipient: str) -> None:
    wanted = {"tag": tag(run), "recipient": recipient}
    api.call(
        "POST", "/v1/deliveries/actions", {"action": "hold", "filter": wanted, "why": "the demonstration holds it"}
    )


def is_settled(row: dict[str, Any]) -> bool:
    """Say whether nothing more will happen to a delivery soon."""
    if row["ended"]:
        return True
    due = row["next"]["at_us"]
    return due is None or due > (time.time() + FAR_AWAY_S) * 1e6


def has_come_back(row: dict[str, Any]) -> bool:
    """Say whether a delivery has settled, and what its recipient sends back, or does with the message, is known."""
    if not is_settled(row):
        return False
    behaviour = behaviour_of(row["recipient"].rpartition("@")[0])
    expected = {later.fact.word for later in behaviour.later}
    return "delivered" not in row["facts"] or expected <= set(row["facts"])


def _words_now(row: dict[str, Any]) -> Iterable[tuple[str, str]]:
    status = row["status"]
    yield "delivery_results", status["result"]
    yield "icons", status["icon"]
    yield from (("email_activity", word) for word in status["activity"])
    if status["category"]:
        yield "bounces", f"{status['category']}/{status['reason']}"
