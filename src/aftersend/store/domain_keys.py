"""Own when a signing key is in use: from when its record was seen in the DNS until another took its place."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, update

from aftersend.clock import Instant
from aftersend.store.schema import dkim_keys


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
