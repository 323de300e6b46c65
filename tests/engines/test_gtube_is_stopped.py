"""The standard test for spam filters (GTUBE) never leaves, whichever real engine is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from filters import GTUBE

from aftersend.control import moderation as moderating
from aftersend.engines import Panel, Rspamd, SpamAssassin
from aftersend.ids import IdSource
from aftersend.policy.moderation import Oversight
from aftersend.store import Store, deliveries, record
from aftersend.store.deliveries import Filter
from aftersend.store.queue import Stage
from aftersend.treatment import Examiner, Rules, Tools, treat_due
from given import ACCOUNT, NODE, Clock, submission

Do = Callable[..., Any]


@pytest.mark.parametrize("spam_filter", ["rspamd", "spamassassin"])
async def test_it_waits_for_a_moderator(
    spam_filter: str, request: pytest.FixtureRequest, store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """And the history says which engine spoke against it; an ordinary message goes."""
    place = request.getfixturevalue(spam_filter)
    panel = Panel([Rspamd(place[0]) if spam_filter == "rspamd" else SpamAssassin(*place)], clock)
    examiner = Examiner(store, clock, lambda account: Oversight("watch"), panel, limit_s=30.0)
    write(
        record.accepted,
        [
            submission(ids, clock(), "spam@example.net", body=b"Buy now.\r\n" + GTUBE + b"\r\n", passed=False),
            submission(ids, clock(), "ham@example.net", body=b"Your order is on its way.\r\n", passed=False),
        ],
    )
    rules = Rules(overseen=lambda account: Oversight("watch"))
    for _ in range(2):
        await treat_due(store, clock, ids, node=NODE, batch=9, rules=rules, tools=Tools(examiner.begin))
        while examiner.is_busy:
            await asyncio.sleep(0.02)
    await treat_due(store, clock, ids, node=NODE, batch=9, rules=rules, tools=Tools(examiner.begin))
    await panel.close()
    rows = {row["recipient"]: row for row in read(deliveries.page, ACCOUNT, Filter(), limit=9)}
    assert {name: row["stage"] for name, row in rows.items()} == {
        "spam@example.net": Stage.MODERATION,
        "ham@example.net": Stage.DELIVERY,
    }
    assert f"{spam_filter} takes it for spam" in rows["spam@example.net"]["waits"]
    spam, ham = sorted(
        read(moderating.listed, account_id=ACCOUNT, limit=9), key=lambda case: case["state"], reverse=True
    )
    assert spam["engines"][0]["symbols"]
    assert "absent" not in ham["engines"][0]
