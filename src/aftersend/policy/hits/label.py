"""Say of each hit whether a person, a machine or a privacy proxy made it, and what follows for the message.

Adds up what `signals` and `company` see. The answer does not depend on the order in which the hits are given, so a hit
that comes late only means to ask again.
"""

from __future__ import annotations

from aftersend.policy.hits.company import before, is_hard, together
from aftersend.policy.hits.hit import Hit, Label, Labels, Reason, Sequence, Verdict
from aftersend.policy.hits.maker import agent, exchanger
from aftersend.policy.hits.signals import alone, filtered, identity

RULES = 2
"""The version of these rules; it is written down with what they say."""
_MACHINE_FROM, _HUMAN_TO = 3.0, -1.5
_STRENGTH = list(Verdict)
_READ_FROM_S = 5.0
_SHOW_READING = frozenset({"mail_program", "webkit"})
"""Programs that fetch pictures themselves, and stop when the message is closed."""


def label(seen: Sequence) -> Labels:
    """Label all hits of one message to one recipient. Pure; under 1 ms a hit."""
    order = sorted(range(len(seen.events)), key=lambda at: _key(seen.events[at]))
    hits = [seen.events[at] for at in order]
    made = _in_order(hits, seen)
    labels: list[Label] = [made[0]] * len(hits) if made else []
    for place, at in enumerate(order):
        labels[at] = made[place]
    pairs = list(zip(hits, made, strict=True))
    click = _strongest(pairs, "click")
    opened = "human" if click == "human" else _strongest(pairs, "open")
    return Labels(tuple(labels), opened, click, _read(seen.message.read_mode, pairs), _unsubscribe(pairs))


def _in_order(hits: list[Hit], seen: Sequence) -> list[Label]:
    clickers = frozenset(hit.ip for hit in hits if hit.kind == "click" and agent(hit.ua).kind == "bare")
    takes_in = exchanger(seen.recipient)
    own = [[*alone(hit, seen.message), *filtered(hit, takes_in)] for hit in hits]
    hard = [is_hard(reasons) for reasons in own]
    trap = any(reason.signal == "hidden_link" for reasons in own for reason in reasons)
    labels = []
    for place, hit in enumerate(hits):
        certain = identity(hit, clickers)
        labels.append(certain or _summed([*own[place], *together(place, hits, hard, trap), *before(hit, seen.history)]))
    return labels


def _summed(reasons: list[Reason]) -> Label:
    score = sum(reason.points or 0.0 for reason in reasons)
    verdict = Verdict.MACHINE if score >= _MACHINE_FROM else Verdict.HUMAN if score <= _HUMAN_TO else Verdict.UNKNOWN
    return Label(verdict, score, tuple(sorted(reasons, key=lambda reason: -abs(reason.points or 0.0))))


def _key(hit: Hit) -> tuple[float, str, str, str, str, str]:
    return hit.t, hit.kind, hit.target, hit.method, hit.ip, hit.ua or ""


def _strongest(pairs: list[tuple[Hit, Label]], kind: str) -> str:
    found = [_STRENGTH.index(said.verdict) for hit, said in pairs if hit.kind == kind]
    return _STRENGTH[max(found)].value if found else "none"


def _read(mode: str, pairs: list[tuple[Hit, Label]]) -> str:
    """Say whether it was open for 5 seconds: only mail programs that fetch for themselves can show it."""
    opens = [(hit, said) for hit, said in pairs if hit.kind == "open"]
    if mode == "off":
        return "off"
    able = [hit for hit, said in opens if said.verdict is Verdict.HUMAN and agent(hit.ua).kind in _SHOW_READING]
    if any(hit.kind == "read" and said.verdict is Verdict.HUMAN for hit, said in pairs) and able:
        return "yes"
    if any(_held(hit) for hit in able):
        return "yes"
    return "no" if able or all(said.verdict is Verdict.MACHINE for _, said in opens) else "unsupported"


def _held(hit: Hit) -> bool:
    return (
        hit.hold is not None
        and hit.hold.mode == "stream"
        and hit.hold.ended == "completed"
        and (hit.hold.seconds >= _READ_FROM_S)
    )


def _unsubscribe(pairs: list[tuple[Hit, Label]]) -> str:
    """Say what to do: apply for a POST; show the page to a person's GET; a GET or HEAD never changes anything."""
    asked = [(hit, said) for hit, said in pairs if hit.kind == "unsub"]
    if any(hit.method == "POST" for hit, _ in asked):
        return "apply"
    return "confirm" if any(said.verdict is Verdict.HUMAN for _, said in asked) else "none"
