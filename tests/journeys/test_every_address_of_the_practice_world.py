"""Each behaviour leads where the table says."""

from __future__ import annotations

import pytest

from aftersend.ledger.facts import Fact, Facts
from aftersend.practice.behaviours import BEHAVIOURS, words, words_for
from aftersend.practice.submission import mail
from aftersend.practice.watching import has_come_back
from house import House, Sent, facts, has_settled


@pytest.fixture(scope="module")
def everybody() -> dict[int, Sent]:
    """The one message to all behaviours, for each service."""
    return {}


def sent_to_all(house: House, everybody: dict[int, Sent]) -> Sent:
    """Send once for each service; all behaviours run side by side."""
    if id(house) not in everybody:
        everybody[id(house)] = house.send(
            *(f"{b.name}-99@{b.site}.practice.test" for b in BEHAVIOURS.values()),
            content=mail("run", "our readers", "many"),
        )
        house.wait(everybody[id(house)], lambda row: has_settled(row) and has_come_back(row))
        house.conserves(everybody[id(house)])
    return everybody[id(house)]


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_the_words_are_those_of_the_table(house: House, everybody: dict[int, Sent], name: str) -> None:
    """Facts and words at the end of every behaviour are what `aftersend practice addresses` promises."""
    sent = sent_to_all(house, everybody)
    (row,) = [row for row in house.rows(sent) if row["recipient"].startswith(f"{name}-99@")]
    behaviour = BEHAVIOURS[name]
    # A message that was cut off behind another one on the same connection was never tried, and need not be deferred.
    spared = {Fact.DEFERRED} if name == "drop-then-ok" else set()
    came_back = {later.fact for later in behaviour.later if later.what.is_mail}
    assert facts(row) | spared == set(behaviour.facts_in_the_end)
    said, status = words_for(behaviour), row["status"]
    if came_back:
        said = words(behaviour.facts | Facts.of(*came_back)) | {"bounces": []}
    assert [status["result"]] == said["delivery_results"]
    if not spared:
        assert status["activity"] == said["email_activity"]
    assert [status["icon"]] == said["icons"]
    if not came_back:
        counted = [f"{status['category']}/{status['reason']}"] if row["ended"] and status["category"] else []
        assert counted == said["bounces"]
