"""Look for the DNS records of keys that wait for them, so that mail is signed soon after the records are published, whether or
not somebody presses “check”: often at first, then less and less.
"""

from __future__ import annotations

from aftersend.clock import DAY, HOUR, MINUTE, Clock, Instant
from aftersend.control import domains
from aftersend.control.domains import Place
from aftersend.control.names import Names
from aftersend.errors import TryLater
from aftersend.logs import Logger
from aftersend.store import Store, domain_keys
from aftersend.store.domain_keys import Waiting

log = Logger("control")

OFTEN: tuple[tuple[int, int], ...] = ((5 * MINUTE, MINUTE), (HOUR, 5 * MINUTE), (3 * DAY, HOUR))
"""For so long after keys were made their records are looked for so often, and from then on once a day."""
AT_ONCE = 20
"""So many domains are checked in one pass; those checked longest ago come first."""


def is_due(waiting: Waiting, now: Instant) -> bool:
    """Say whether to look again. A clock that was put back makes a look due, never one that waits for years."""
    age = now - waiting.made_us
    every = next((every for until, every in OFTEN if age < until), DAY)
    return waiting.checked_us is None or not 0 <= now - waiting.checked_us < every


async def look(store: Store, names: Names, place: Place, clock: Clock) -> int:
    """Check the domains that are due, one after the other; return how many. What one of them has in the DNS, its owner's or
    a stranger's choice, keeps none of the others waiting.
    """
    now = clock()
    due = [each for each in await store.ask(domain_keys.waiting) if is_due(each, now)][:AT_ONCE]
    for each in due:
        try:
            wanted = await store.ask(domains.records, each.account_id, each.domain, place=place)
            findings = await domains.check(names, each.domain, wanted, place)
            await store.run(domains.keep, each.account_id, each.domain, findings, now=clock())
        except TryLater:
            raise
        except Exception:
            log.exception("keys_not_looked_for", domain=each.domain)
    return len(due)
