"""Own the help page: every word of the five vocabularies with its meaning, every fact and every reason, taken from the code
that uses them."""

from __future__ import annotations

from functools import cache
from typing import Any

from aftersend.ledger.conservation import Outcome
from aftersend.ledger.facts import ALL, Phase
from aftersend.ledger.reasons import DETAILS, MEANINGS, Reason
from aftersend.reports import search
from aftersend.web.calls import Answer
from aftersend.web.console.visits import Visit

STEPS = (
    ("Received", "We have the message, and it is written down."),
    ("Treated", "It goes through our checks; some mail waits here, some ends here."),
    ("Delivered", "We hand it to the recipient’s server, and listen for what comes back."),
    ("Read", "What the recipient, or a machine on the way, did with it."),
)


async def show(visit: Visit) -> Answer:
    """Show the glossary."""
    return visit.show(
        "help.html",
        steps=STEPS,
        phases=[(phase, [fact for fact in ALL if fact.phase is phase]) for phase in Phase],
        outcomes=list(Outcome),
        reasons=_reasons(),
        words=search.WORDS,
    )


@cache
def _reasons() -> list[dict[str, Any]]:
    """Return every reason with what it means, who must act and what to do; finer words beneath it."""
    listed = []
    for reason in Reason:
        finer = [(detail, row) for (of, detail), row in DETAILS.items() if of is reason]
        listed.append({"word": reason.value, "means": MEANINGS[reason], "finer": finer})
    return listed
