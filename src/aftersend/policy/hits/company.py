"""What the other hits of the same message say about a hit: bursts, echoes, the same address elsewhere.

Reads at most NEAR_MOST hits before and after each, so that the work for a hit is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator

from aftersend.policy.hits.hit import Deed, Hit, Reason
from aftersend.policy.hits.maker import agent, family, network

NEAR_MOST = 50
_BURST_S, _BURST_LINKS, _SWEEP_S, _SWEEP_LINKS = 15.0, 3, 300.0, 4
_HARD = frozenset({"method", "hidden_link", "library_program", "automation_program", "scanner_program"})
"""Signs of a machine that stains what its address does in the same minutes; previews and prefetches do not."""
_FANOUT, _FANOUT_UNTIL_S = 20, 3600.0


def is_fanned_out(hit: Hit) -> bool:
    """Say whether its address touched too many recipients at once, near delivery, to be one person."""
    return hit.fanout >= _FANOUT and hit.t <= _FANOUT_UNTIL_S


def around(place: int, hits: list[Hit], within_s: float) -> Iterator[tuple[int, Hit]]:
    """Yield the hits within so many seconds of one, without itself; `hits` are in order of time."""
    t = hits[place].t
    for step in (-1, 1):
        at = place + step
        while 0 <= at < len(hits) and abs(hits[at].t - t) <= within_s and abs(at - place) <= NEAR_MOST:
            yield at, hits[at]
            at += step


def together(place: int, hits: list[Hit], hard: list[bool], trap: bool) -> Iterator[Reason]:
    """Yield what the company of a hit says; `hard` marks hits with a sign of _HARD, `trap` says a hidden link was hit."""
    hit = hits[place]
    if hit.kind in ("click", "unsub"):
        yield from _burst(place, hits)
        yield from _echo(place, hits)
    else:
        yield from _opened_by_sweeper(place, hits)
    yield from _two_browsers(place, hits)
    if any(hard[at] and (other.ip == hit.ip) for at, other in around(place, hits, _SWEEP_S)):
        yield Reason("same_address_as_machine", 4.0, f"{hit.ip} showed itself a machine in these minutes")
    elif trap and hit.kind == "click" and any(hard[at] for at, _ in around(place, hits, _SWEEP_S)):
        yield Reason("burst_with_hidden_link", 4.0, "a link that nobody can see was followed in these minutes")
    if is_fanned_out(hit):
        yield Reason("many_recipients", 4.0, f"{hit.ip} touched {hit.fanout} other recipients within a minute")


def is_hard(reasons: list[Reason]) -> bool:
    """Say whether a hit shows by itself that its address is a machine's."""
    return any(reason.signal in _HARD for reason in reasons)


def before(hit: Hit, history: tuple[Deed, ...]) -> Iterator[Reason]:
    """Yield that this device did earlier what only a person does."""
    own = family(hit.ua or "")
    for deed in history:
        if (deed.ip == hit.ip or (deed.asn and deed.asn == hit.asn)) and (deed.ua_family or "").lower() == own:
            yield Reason("known_device", -2.0, f"{deed.ua_family} at {deed.ip} did before what only a person does")
            return


def _burst(place: int, hits: list[Hit]) -> Iterator[Reason]:
    hit = hits[place]
    near = [other for _, other in around(place, hits, _BURST_S) if other.kind in ("click", "unsub")]
    links = {other.target for other in near} | {hit.target}
    if len(links) >= _BURST_LINKS:
        opened = any(
            other.kind == "open" and other.ip == hit.ip and 3 <= hit.t - other.t <= 3600
            for _, other in around(place, hits, 3600.0)
        )
        yield Reason("many_links_at_once", 1.5 if opened else 4.0, f"{len(links)} links within {_BURST_S:.0f} s")
        return
    wide = [other for _, other in around(place, hits, _SWEEP_S) if other.kind in ("click", "unsub")]
    links = {other.target for other in wide} | {hit.target}
    addresses = {other.ip for other in wide} | {hit.ip}
    if len(links) >= _SWEEP_LINKS and len(addresses) >= _SWEEP_LINKS:
        yield Reason("many_links_many_addresses", 4.0, f"{len(links)} links by {len(addresses)} addresses in 5 min")


def _opened_by_sweeper(place: int, hits: list[Hit]) -> Iterator[Reason]:
    hit = hits[place]
    near = [other for _, other in around(place, hits, _BURST_S) if other.kind != "open" and other.ip == hit.ip]
    links = {other.target for other in near}
    if len(links) >= _BURST_LINKS:
        yield Reason("many_links_at_once", 2.0, f"{hit.ip} followed {len(links)} links within {_BURST_S:.0f} s")


def _echo(place: int, hits: list[Hit]) -> Iterator[Reason]:
    hit = hits[place]
    for _, other in around(place, hits, 30.0):
        if other.kind != "click" or other.target != hit.target or other.asn == hit.asn or other.ip == hit.ip:
            continue
        theirs, ours = network(other).kind, network(hit).kind
        is_person = theirs == "access" and (ours != "access" or other.t < hit.t)
        if is_person or theirs == ours == "hosting":
            yield Reason("echo", 2.5, f"the same link from {other.ip} {abs(other.t - hit.t):.1f} s apart")
            return


def _two_browsers(place: int, hits: list[Hit]) -> Iterator[Reason]:
    hit = hits[place]
    for _, other in around(place, hits, 6.0):
        if other.ip != hit.ip or {hit.kind, other.kind} != {"open", "click"} or other.ua == hit.ua:
            continue
        if all(agent(one.ua).kind in ("", "outdated") for one in (hit, other)):
            yield Reason("two_browsers", 3.0, f"{hit.ip} opened and clicked within 6 s under two browsers")
            return
