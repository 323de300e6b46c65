"""The same bounce comes again and again, by accident or by intent."""

from __future__ import annotations

from aftersend.store import counting
from house import ACCOUNT, House, kinds, report


def test_a_replay_changes_nothing(house: House) -> None:
    """One event, one bounce in the numbers, one entry, whatever its headers say."""
    recipient = "replayed@one.practice.test"
    sent = house.send(recipient)
    house.end_of(sent)
    path = house.return_path(recipient)
    before = house.ask(counting.counted, ACCOUNT, kind="bounce")
    fate = (recipient, "failed", "5.1.1", "550 5.1.1 no such user")
    bounce = report(house, recipient, fate)
    for content in (bounce, bounce, report(house, recipient, fate), bounce):
        assert house.come_back(path, content)[0] == 250
    house.settle_returns()
    row = house.wait(sent, lambda row: "bounced_invalid" in row["facts"])[0]
    assert kinds(row).count("bounced_invalid") == 1
    (entry,) = house.suppressed(recipient)
    assert entry["evidence"]["event"] == row["events"][-1]["id"]
    after = house.ask(counting.counted, ACCOUNT, kind="bounce")
    word = "Hard/Invalid recipient"
    assert after[word] - before.get(word, 0) == 1
