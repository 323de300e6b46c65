"""Own when a signing key is in use: from when its record was seen in the DNS until another took its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from aftersend.clock import Instant
from aftersend.store.schema import dkim_keys, domains


@dataclass(frozen=True, slots=True)
class Waiting:
    """A domain with keys whose records have not been seen."""

    account_id: int
    domain: str
    made_us: Instant
    """When the newest of these keys was made."""
    checked_us: Instant | None


def activate(connection: Connection, account_id: int, domain: str, selectors: Sequence[str], *, now: Instant) -> int:
    """Sign with these keys from now on, those that do not yet; return how many they were."""
    if not selectors:
        return 0
    keys = dkim_keys.c
    done = connection.execute(
        update(dkim_keys)
        .where(
            keys.account_id == account_id,
            keys.domain == domain,
            keys.selector.in_(selectors),
            keys.active_us.is_(None),
            keys.retired_us.is_(None),
        )
        .values(active_us=now)
    )
    return int(done.rowcount)


def waiting(connection: Connection) -> list[Waiting]:
    """List the domains with keys that do not sign yet, those first that were never checked or are longest not."""
    keys = dkim_keys.c
    found = connection.execute(
        select(keys.account_id, keys.domain, func.max(keys.created_us).label("made_us"), domains.c.checked_us)
        .join(domains, (domains.c.account_id == keys.account_id) & (domains.c.name == keys.domain))
        .where(keys.active_us.is_(None), keys.retired_us.is_(None))
        .group_by(keys.account_id, keys.domain, domains.c.checked_us)
    )
    rows = [Waiting(row.account_id, row.domain, row.made_us, row.checked_us) for row in found]
    return sorted(rows, key=lambda row: row.checked_us or 0)
