"""Read out of the hits of one delivery who made them, and what that establishes. Pure: no store, no clock.

A verdict is given at once, and may change as later hits come in. A fact is established when a little time has brought
nothing against it, since a fact is never taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from aftersend import ids
from aftersend.clock import MINUTE, SECOND, Instant
from aftersend.ledger.events import key_of
from aftersend.ledger.facts import Fact
from aftersend.policy.hits import RULES, Hit, Label, Labels, Sequence, Verdict, label
from aftersend.policy.hits.hit import Headers, Letter, Link, Recipient
from aftersend.store import record
from aftersend.store.hits import Kept, Visited
from aftersend.store.judged import Looked
from aftersend.tracking.origins import NOWHERE, Origin

SETTLED_AFTER = MINUTE
"""So long after a hit a person's act is written down: bursts, echoes and sweeps have shown themselves by then."""
FINAL_AFTER = 5 * MINUTE
READ_AFTER_S = 5.0
_MACHINES = (Verdict.MACHINE, Verdict.PRIVACY_PROXY)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast time goes: 1, but in the practice world, where ten minutes take a second."""

    scale: float = 1.0

    def after(self, span: Instant) -> Instant:
        """Return how long a span really takes."""
        return max(1000, int(span * self.scale))

    def seconds(self, span: Instant) -> float:
        """Return of how many seconds a span tells."""
        return span / SECOND / self.scale


@dataclass(frozen=True, slots=True)
class Read:
    """What follows from the hits of a delivery."""

    looked: Looked
    steps: list[record.Step]


def read(visited: Visited, origins: Mapping[str, Origin], *, now: Instant, pace: Pace) -> Read:
    """Label the hits of a delivery and say what is to be written down, and when to look again."""
    kept = [hit for hit in visited.hits if hit.kind != "seen"]
    if not kept:
        return Read(Looked(visited.account_id, visited.delivery_id, visited.last_id, [], None, [], None), [])
    latest = max(hit.at_us for hit in kept)
    if visited.delivered_us is None and now < latest + pace.after(SETTLED_AFTER):
        # Who comes before the server has answered is a scanner; but the answer may only be on its way to the store.
        again = now + max(pace.after(SECOND), 20_000)
        return Read(Looked(visited.account_id, visited.delivery_id, visited.last_id, [], None, [], again), [])
    begins = visited.delivered_us if visited.delivered_us is not None else latest + SECOND
    hits = tuple(_hit(each, visited, origins.get(each.ip, NOWHERE), begins, pace) for each in kept)
    links = tuple(Link(str(number)) for number in visited.targets)
    labels = label(Sequence(Letter(links, "redirect"), Recipient(mx=visited.exchanger), events=hits))
    said = list(zip(kept, labels.events, strict=True))
    rows = [
        (visited.account_id, visited.delivery_id, hit.id, now, verdict.verdict.value, reasons, RULES)
        for hit, verdict in said
        if (reasons := _reasons(verdict)) is not None and visited.known.get(hit.id) != (verdict.verdict.value, reasons)
    ]
    is_read = labels.read == "yes" or _read_by_click(said, pace)
    looked = Looked(
        visited.account_id, visited.delivery_id, visited.last_id, rows, _reading(visited, said, labels, is_read=is_read),
        _followed(visited, said), _again(kept, now, pace),
    )  # fmt: skip
    settled = [(hit, verdict) for hit, verdict in said if now >= hit.at_us + pace.after(SETTLED_AFTER)]
    return Read(looked, _steps(visited, settled, labels, now=now, pace=pace))


def _hit(kept: Kept, visited: Visited, origin: Origin, begins: Instant, pace: Pace) -> Hit:
    headers = msgspec.json.decode(kept.said, type=Headers) if kept.said else Headers()
    return Hit(
        pace.seconds(kept.at_us - begins),
        kept.kind,
        kept.method,
        str(kept.number) if kept.kind == "click" else "u" if kept.kind == "unsub" else "px",
        kept.ip,
        as_name=origin.owner,
        ip_class=origin.kind,
        rdns=origin.name,
        ua=kept.agent,
        h=headers,
        fanout=visited.fanout.get((kept.ip, kept.at_us), 0),
    )


def _reasons(verdict: Label) -> str:
    return msgspec.json.encode(verdict.reasons).decode()


def _again(kept: list[Kept], now: Instant, pace: Pace) -> Instant | None:
    """Return when to look again: as soon as the next hit has settled, and once more when nothing can come any more."""
    times = sorted({hit.at_us + pace.after(span) for hit in kept for span in (SETTLED_AFTER, FINAL_AFTER)})
    return next((time + 1000 for time in times if time >= now), None)


def _read_by_click(said: list[tuple[Kept, Label]], pace: Pace) -> bool:
    """Say whether a person followed a link five seconds after opening: the message was open for so long."""
    opened = [hit.at_us for hit, verdict in said if hit.kind == "open" and verdict.verdict is Verdict.HUMAN]
    clicked = [hit.at_us for hit, verdict in said if hit.kind == "click" and verdict.verdict is Verdict.HUMAN]
    return bool(opened and clicked and pace.seconds(max(clicked) - min(opened)) >= READ_AFTER_S)


def _reading(visited: Visited, said: list[tuple[Kept, Label]], labels: Labels, *, is_read: bool) -> tuple[Any, ...]:
    opened = _strongest(said, "open")
    clicked = _strongest(said, "click")
    first_open = _first(said, "open", opened)
    first_click = _first(said, "click", clicked)
    read_ = "yes" if is_read else labels.read
    return (
        visited.account_id, visited.message_id, visited.delivery_id, visited.stream, visited.domain, opened, clicked, read_,
        None if first_open is None else first_open.at_us, None if first_click is None else first_click.at_us, visited.created_us,
    )  # fmt: skip


def _followed(visited: Visited, said: list[tuple[Kept, Label]]) -> list[tuple[Any, ...]]:
    """Return each link that was followed with its strongest verdict, and when it was first followed so."""
    rows = []
    for number in {hit.number for hit, _ in said if hit.kind == "click"}:
        of_link = [(hit, each) for hit, each in said if hit.kind == "click" and hit.number == number]
        verdict = _strongest(of_link, "click")
        first = min(hit.at_us for hit, each in of_link if each.verdict.value == verdict)
        rows.append((visited.account_id, visited.message_id, number, visited.delivery_id, verdict, first))
    return rows


_STRENGTH = list(Verdict)


def _strongest(said: list[tuple[Kept, Label]], kind: str) -> str:
    found = [_STRENGTH.index(verdict.verdict) for hit, verdict in said if hit.kind == kind]
    return _STRENGTH[max(found)].value if found else "none"


def _first(said: list[tuple[Kept, Label]], kind: str, verdict: str) -> Kept | None:
    return min(
        (hit for hit, each in said if hit.kind == kind and each.verdict.value == verdict),
        key=lambda hit: hit.at_us,
        default=None,
    )


def _steps(
    visited: Visited, settled: list[tuple[Kept, Label]], labels: Labels, *, now: Instant, pace: Pace
) -> list[record.Step]:
    """Return the facts that are established now and were not before, each with its proof."""
    made = []
    for kind, by_person, by_machine in (
        ("open", Fact.OPENED, Fact.OPENED_BY_MACHINE),
        ("click", Fact.CLICKED, Fact.CLICKED_BY_MACHINE),
    ):
        for fact, verdicts in ((by_person, (Verdict.HUMAN,)), (by_machine, _MACHINES)):
            proof = [(hit, each) for hit, each in settled if hit.kind == kind and each.verdict in verdicts]
            if proof and not visited.facts & fact.bit:
                made.append(_step(visited, fact, *min(proof, key=lambda pair: pair[0].at_us), now=now))
    if not visited.facts & Fact.READ.bit:
        made += _read_step(visited, settled, labels, now=now, pace=pace)
    return made


def _read_step(
    visited: Visited, settled: list[tuple[Kept, Label]], labels: Labels, *, now: Instant, pace: Pace
) -> list[record.Step]:
    people = [(hit, each) for hit, each in settled if each.verdict is Verdict.HUMAN]
    second = [pair for pair in people if pair[0].kind == "read"]
    if labels.read == "yes" and second:
        return [_step(visited, Fact.READ, *second[0], now=now)]
    if _read_by_click(settled, pace):
        return [_step(visited, Fact.READ, *max((p for p in people if p[0].kind == "click"), key=lambda p: p[0].at_us), now=now)]  # fmt: skip
    return []


_TARGETS = {
    "open": "the picture in it",
    "read": "the picture in it, once more after five seconds",
    "click": "a link in it",
}


def _step(visited: Visited, fact: Fact, hit: Kept, verdict: Label, *, now: Instant) -> record.Step:
    place = (visited.account_id, visited.delivery_id)
    evidence = {
        "kind": "http",
        "target": _TARGETS.get(hit.kind, hit.kind) + (f" (number {hit.number})" if hit.kind == "click" else ""),
        "ip": hit.ip,
        "user_agent": hit.agent or "",
        "method": hit.method,
        "verdict": verdict.verdict.value,
        "reasons": msgspec.to_builtins(verdict.reasons),
        "rules": RULES,
        "hit": ids.show("hit", hit.id),
    }
    event = record.event_row(
        *place, key_of("hit", *place, fact.word), fact.word, int(fact), hit.at_us, now,
        evidence=msgspec.json.encode(evidence).decode(),
    )  # fmt: skip
    return record.Step(*place, [event], fact.bit, now, is_note=True)
