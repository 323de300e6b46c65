"""What follows for an address from what was said of one delivery: fair to the address, and to nobody's fault but its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import DETAILS, Reason
from aftersend.ledger.standing import NOTHING, Cause, Change, Counter, Heard, History, Standing, Streak
from aftersend.policy.counters import DAY_US, SuppressionRules
from aftersend.policy.suppression import (
    after_complaint,
    after_delivery,
    after_failure,
    after_unsubscription,
    count_for,
    is_at_once,
)

RULES = SuppressionRules()
START = 1_764_547_200_000_000
R, C = Reason, Counter


@dataclass
class Address:
    """An address, as the store keeps it: counters and an entry, changed by what the policy says."""

    streaks: dict[Counter, Streak] = field(default_factory=dict)
    standing: Standing | None = None
    accepted_before: bool = False
    deliveries: int = 0

    def history(self, now: int, delivery: int | None = None) -> History:
        """What is known now; each call without a number is another delivery."""
        if delivery is None:
            self.deliveries += 1
            delivery = self.deliveries
        return History(delivery, now, dict(self.streaks), self.standing, self.accepted_before)

    def take(self, change: Change, now: int, heard: Heard | None = None) -> Change:
        """Write down what follows."""
        self.streaks |= {streak.counter: streak for streak in change.streaks}
        if change.lifts:
            self.standing = None
        if change.listed is not None:
            listed = change.listed
            reason = heard.reason.value if heard else None
            self.standing = Standing(
                listed.cause, True, now, listed.expires_us, listed.tier, listed.is_provisional, reason
            )
        return change

    def fails(self, heard: Heard, now: int, delivery: int | None = None, rules: SuppressionRules = RULES) -> Change:
        """A delivery ends badly."""
        return self.take(after_failure(heard, rules, self.history(now, delivery)), now, heard)

    def arrives(self, now: int, delivery: int | None = None) -> Change:
        """A delivery arrives."""
        return self.take(after_delivery(self.history(now, delivery)), now)


FULL = Heard(R.MAILBOX_FULL, status="5.2.2")
UNKNOWN_USER = Heard(R.INVALID_RECIPIENT, status="5.1.1")
NEVER = [
    (R.SPAM_REJECTED, None), (R.SPAM_REJECTED, "virus_found"), (R.POLICY_BLOCKED, None),
    (R.POLICY_BLOCKED, "bad_reputation"), (R.POLICY_BLOCKED, "authentication_failed"),
    (R.POLICY_BLOCKED, "sender_refused"), (R.POLICY_BLOCKED, "rate_limited"),
    (R.DATA_FORMAT_ERROR, None), (R.DATA_FORMAT_ERROR, "message_too_large"), (R.DATA_FORMAT_ERROR, "protocol_error"),
    (R.SERVER_BUSY, None), (R.SERVER_BUSY, "greylisted"), (R.SERVER_BUSY, "mailbox_busy"),
    (R.OTHER_RECEIVER_ERROR, None), (R.OTHER_RECEIVER_ERROR, "server_full"), (R.NETWORK_ERROR, None),
    (R.NETWORK_ERROR, "loop"), (R.AUTO_REPLY, None), (R.NOT_A_BOUNCE, None), (R.DELIVERED, None),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "detail"), NEVER)
def test_never(reason: Reason, detail: str | None) -> None:
    """Content, reputation, policy, authentication, size, rates, servers and ourselves are no fault of the address."""
    address = Address()
    for day in range(60):
        assert address.fails(Heard(reason, detail, "5.1.1"), START + day * DAY_US) == NOTHING
    assert address.standing is None


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (Heard(R.INVALID_RECIPIENT), "now"),
        (Heard(R.ADDRESS_ERROR), "now"),
        (Heard(R.CLOSED_ACCOUNT, "address_moved"), "now"),
        (Heard(R.BAD_DOMAIN, "null_mx"), "now"),
        (Heard(R.BAD_DOMAIN), C.DOMAIN),
        (Heard(R.GENERAL_HARD_BOUNCE), C.HARD),
        # The words come after the content: a filter says so, not the one who knows (ruling 9).
        (Heard(R.INVALID_RECIPIENT, is_after_data=True), C.HARD),
        (Heard(R.INVALID_RECIPIENT, is_after_data=True, is_weak=True), C.HARD),
        # "Unavailable or access denied" (ruling 13).
        (Heard(R.INVALID_RECIPIENT, is_weak=True), C.SOFT),
        # The same from directory-based blocking, where mail of ours is welcome otherwise (ruling 8).
        (Heard(R.INVALID_RECIPIENT, status="5.4.1", is_weak=True, provider_takes_mail=True), "now"),
        (Heard(R.INVALID_RECIPIENT, status="5.4.1", is_weak=True), C.SOFT),
        (Heard(R.MAILBOX_FULL), C.SOFT),
        (Heard(R.ACCOUNT_INACTIVE), C.SOFT),
        (Heard(R.GENERAL_ERROR), C.UNKNOWN),
        (Heard(R.NETWORK_ERROR, is_expiry=True), C.UNREACHABLE),
        (Heard(R.NETWORK_ERROR, "waited_too_long"), C.UNREACHABLE),
        (Heard(R.NETWORK_ERROR), None),
        (Heard(R.POLICY_BLOCKED, "relaying_denied"), C.RELAYING),
        # 4xx, however final the words, counts only as expiries on several days (guard 7).
        (Heard(R.INVALID_RECIPIENT, status="4.1.1", is_expiry=True), C.DOMAIN),
        (Heard(R.CLOSED_ACCOUNT, is_expiry=True), C.DOMAIN),
        (Heard(R.BAD_DOMAIN, "null_mx", is_expiry=True), C.DOMAIN),
        (Heard(R.GENERAL_HARD_BOUNCE, is_expiry=True), C.UNKNOWN),
        (Heard(R.MAILBOX_FULL, is_expiry=True), C.SOFT),
        (Heard(R.SERVER_BUSY, is_expiry=True), None),
        (Heard(R.SPAM_REJECTED, is_expiry=True), None),
        (Heard(R.POLICY_BLOCKED, is_expiry=True), None),
    ],
)
def test_reasons_and_where_they_count(heard: Heard, expected: Counter | str | None) -> None:
    """The table of bounce reasons: at once, by which counter, or never."""
    assert ("now" if is_at_once(heard) else count_for(heard)) == expected


def test_every_reason_has_an_answer() -> None:
    """No reason, with no detail of it, is overlooked: each either counts or does not, and none fails."""
    for reason, detail in [(reason, None) for reason in Reason] + list(DETAILS):
        for is_expiry in (False, True):
            heard = Heard(reason, detail, is_expiry=is_expiry)
            assert is_at_once(heard) in (True, False)
            assert count_for(heard) in (None, *Counter)


def test_a_dead_address_is_left_alone_for_half_a_year_and_then_tried_once() -> None:
    """At once, for 180 days; then one message decides: it comes back, the next time is longer; it arrives, all is well."""
    address = Address()
    first = address.fails(UNKNOWN_USER, START)
    assert first.listed is not None
    assert (first.listed.cause, first.listed.expires_us) == (Cause.BOUNCED, START + 180 * DAY_US)
    assert first.rule
    assert not address.fails(UNKNOWN_USER, START + DAY_US)  # one that was on its way
    assert address.standing is not None
    later = START + 181 * DAY_US
    address.standing = replace(address.standing, probe=77)
    again = address.fails(UNKNOWN_USER, later, 77)
    assert again.listed is not None
    assert (again.listed.tier, again.listed.expires_us) == (1, later + 360 * DAY_US)
    address.standing = replace(address.standing, probe=78)
    assert address.arrives(later + 361 * DAY_US, 78).lifts
    assert address.standing is None


def test_a_doubtful_answer_to_the_probe_is_enough() -> None:
    """What would only be counted otherwise puts the address back when the one message let through comes back for it."""
    standing = Standing(Cause.SOFT_BOUNCES, True, START, START + 30 * DAY_US, probe=9)
    address = Address(standing=standing)
    change = address.fails(FULL, START + 31 * DAY_US, 9)
    assert change.listed is not None
    assert (change.listed.cause, change.listed.tier) == (Cause.SOFT_BOUNCES, 1)
    assert change.listed.expires_us == START + 31 * DAY_US + 60 * DAY_US


def test_no_spam_refusal_renews_an_entry() -> None:
    """The probe was refused for its content: that says nothing of the address."""
    address = Address(standing=Standing(Cause.BOUNCED, True, START, START + DAY_US, probe=5))
    assert address.fails(Heard(R.SPAM_REJECTED), START + 2 * DAY_US, 5) == NOTHING


def test_three_soft_bounces_in_a_row_at_least_a_day_apart() -> None:
    """003: the third counts under Spam and suppresses for 30 days."""
    address = Address()
    assert address.fails(FULL, START).listed is None
    assert address.fails(FULL, START + DAY_US // 2) == NOTHING  # too soon after the first
    assert address.fails(FULL, START + DAY_US).listed is None
    third = address.fails(FULL, START + 3 * DAY_US)
    assert third.listed is not None
    assert third.fact is Fact.THIRD_SOFT_BOUNCE
    assert (third.listed.cause, third.listed.expires_us) == (Cause.SOFT_BOUNCES, START + 33 * DAY_US)


def test_a_delivery_in_between_begins_anew() -> None:
    """Reset by a delivery."""
    address = Address()
    address.fails(FULL, START)
    address.fails(FULL, START + DAY_US)
    address.arrives(START + 2 * DAY_US)
    assert [address.fails(FULL, START + day * DAY_US).listed is None for day in (3, 4)] == [True, True]
    assert address.fails(FULL, START + 5 * DAY_US).listed is not None


def test_a_delivery_that_came_back_was_none() -> None:
    """A server that accepts everything and returns it later does not reset the count of what it returns."""
    address = Address()
    for day in range(3):
        number = 100 + day
        address.arrives(START + 2 * day * DAY_US, number)
        change = address.fails(FULL, START + (2 * day + 1) * DAY_US, number)
    assert change.listed is not None


def test_one_that_arrived_and_one_that_came_back() -> None:
    """Of two that a server took, one comes back: the other came between, whichever was first, unless it comes back too."""
    for order in ((1, 2), (2, 1)):
        address = Address()
        address.fails(FULL, START, 11)
        address.fails(FULL, START + DAY_US, 12)
        address.arrives(START + 2 * DAY_US, 1)
        address.arrives(START + 3 * DAY_US, 2)
        assert address.fails(FULL, START + 4 * DAY_US, order[0]).listed is None
    address = Address()
    address.fails(FULL, START, 11)
    address.arrives(START + 2 * DAY_US, 1)
    address.arrives(START + 3 * DAY_US, 2)
    assert address.fails(FULL, START + 4 * DAY_US, 1).listed is None
    assert address.fails(FULL, START + 6 * DAY_US, 2).listed is not None


def test_a_delivery_counts_once() -> None:
    """Two reports about one delivery, from two servers on the way, are one bounce."""
    address = Address()
    heard = Heard(R.GENERAL_HARD_BOUNCE)
    address.fails(heard, START, 1)
    assert address.fails(heard, START + DAY_US, 1) == NOTHING
    assert address.fails(heard, START + DAY_US, 2).listed is not None


def test_second_hard_bounce_within_thirty_days() -> None:
    """Ruling 4: at the second within thirty days, not at one in January and one in March."""
    address, heard = Address(), Heard(R.GENERAL_HARD_BOUNCE)
    assert address.fails(heard, START).listed is None
    assert address.fails(heard, START + 31 * DAY_US).listed is None
    assert address.fails(heard, START + 40 * DAY_US).listed is not None


def test_bad_domain_needs_a_day_between() -> None:
    """Ruling 5: at the second after a day; a hundred within one hour are one."""
    address, heard = Address(), Heard(R.BAD_DOMAIN)
    for minute in range(100):
        assert address.fails(heard, START + minute * 36_000_000).listed is None
    assert address.fails(heard, START + DAY_US).listed is not None


def test_relaying_denied_counts_as_bad_domain_after_five() -> None:
    """Ruling 7: five within 14 days are one count of bad domain, and two of those on different days suppress."""
    address, heard = Address(), Heard(R.POLICY_BLOCKED, "relaying_denied")
    for n in range(5):
        assert address.fails(heard, START + n * DAY_US).listed is None
    assert address.streaks[C.DOMAIN].number == 1
    for n in range(5, 9):
        assert address.fails(heard, START + n * DAY_US).listed is None
    assert address.fails(heard, START + 9 * DAY_US).listed is not None


def test_expiries_count_slowly() -> None:
    """Ruling 12: nobody could be reached: three on different days are one soft bounce, so nine days at the least."""
    address, heard = Address(), Heard(R.NETWORK_ERROR, is_expiry=True)
    for day in range(8):
        assert address.fails(heard, START + day * DAY_US).listed is None
    assert address.fails(heard, START + 8 * DAY_US).listed is not None


def test_nothing_known_counts_slowest() -> None:
    """Five in a row over thirty days without a word are one soft bounce."""
    address, heard = Address(), Heard(R.GENERAL_ERROR)
    for day in range(30):
        address.fails(heard, START + day * DAY_US)
    assert C.SOFT not in address.streaks
    address.fails(heard, START + 30 * DAY_US)
    assert address.streaks[C.SOFT].number == 1


def test_a_leap_makes_entries_provisional_for_those_who_took_mail() -> None:
    """Ruling 16: a provider denies everybody for hours. Who took mail before is asked again after a day."""
    leap = replace(UNKNOWN_USER, is_leap=True)
    known, new = Address(accepted_before=True), Address()
    change = known.fails(leap, START)
    assert change.listed is not None
    assert change.listed.is_provisional
    assert change.listed.expires_us == START + DAY_US
    assert new.fails(leap, START).listed == replace(
        change.listed, is_provisional=False, expires_us=START + 180 * DAY_US
    )
    confirmed = known.fails(UNKNOWN_USER, START + 2 * DAY_US)
    assert confirmed.listed is not None
    assert not confirmed.listed.is_provisional
    assert (confirmed.listed.tier, confirmed.listed.expires_us) == (0, START + 182 * DAY_US)


def test_a_provisional_entry_goes_with_the_next_delivery() -> None:
    """Dropped by the next message."""
    address = Address(accepted_before=True)
    address.fails(replace(UNKNOWN_USER, is_leap=True), START)
    assert address.arrives(START + DAY_US + 1).lifts


def test_doubtful_entries_go_when_mail_arrives_after_all() -> None:
    """A later delivery lifts what was learned from a missing domain; not what the server said plainly."""
    doubtful = Standing(Cause.BOUNCED, True, START, START + DAY_US, reason=R.BAD_DOMAIN.value)
    assert Address(standing=doubtful).arrives(START + 5).lifts
    plain = replace(doubtful, reason=R.INVALID_RECIPIENT.value)
    assert not Address(standing=plain).arrives(START + 5).lifts


def test_second_hand_news_changes_nothing() -> None:
    """What a report says of somebody whom it was not sent about is written down, and counts for nothing."""
    assert Address().fails(replace(UNKNOWN_USER, is_second_hand=True), START) == NOTHING


def test_soft_bounces_can_be_left_alone() -> None:
    """The setting 0: never by soft bounces."""
    address, rules = Address(), SuppressionRules(soft_bounces=0)
    for day in range(20):
        assert address.fails(FULL, START + day * DAY_US, rules=rules) == NOTHING


def test_complaints_and_unsubscribes_never_end() -> None:
    """They outlast everything that the platform may learn later, and replace what it learned before."""
    address = Address()
    address.fails(UNKNOWN_USER, START)
    change = address.take(after_complaint(address.history(START + 1)), START + 1)
    assert change.listed is not None
    assert (change.listed.cause, change.listed.expires_us, change.listed.stream) == (Cause.COMPLAINED, None, "")
    assert not address.take(after_complaint(address.history(START + 2)), START + 2)  # the first one's evidence stays
    for day in range(1, 400):
        assert address.fails(UNKNOWN_USER, START + day * DAY_US).listed is None
        assert not address.arrives(START + day * DAY_US).lifts
    opted_out = after_unsubscription("news", Address().history(START)).listed
    assert opted_out is not None
    assert (opted_out.cause, opted_out.expires_us, opted_out.stream) == (Cause.UNSUBSCRIBED, None, "news")


@pytest.mark.parametrize(
    "standing",
    [
        Standing("manual", False, START),
        Standing(Cause.COMPLAINED, True, START),
        Standing(Cause.UNSUBSCRIBED, True, START),
    ],
)
def test_bounces_never_replace_what_people_said(standing: Standing) -> None:
    """An entry by a person, a complaint and an opt-out stay as they are."""
    address = Address(standing=standing)
    for day in range(40):
        assert address.fails(UNKNOWN_USER, START + day * DAY_US).listed is None
        assert address.fails(FULL, START + day * DAY_US).listed is None
    assert address.standing is standing


reasons = st.sampled_from(list(Reason))
details = st.sampled_from([None, *{detail for _, detail in DETAILS}])
heards = st.builds(
    Heard, reasons, details, st.sampled_from(["", "5.1.1", "5.4.1", "4.2.2", "5.7.1"]), is_weak=st.booleans(),
    is_after_data=st.booleans(), is_expiry=st.booleans(), is_leap=st.booleans(), provider_takes_mail=st.booleans(),
)  # fmt: skip
lives = st.lists(
    st.tuples(st.integers(0, 5 * DAY_US), st.one_of(st.none(), heards), st.integers(1, 6)), min_size=1, max_size=40
)


@given(lives, st.booleans())
def test_laws_of_any_life(life: list[tuple[int, Heard | None, int]], accepted_before: bool) -> None:
    """Whatever happens: an entry says its rule, ends after now, follows from the address's fault, and never in one day from
    soft bounces; a delivery counts once."""
    address, now = Address(accepted_before=accepted_before), START
    counted: dict[Counter, list[int]] = {}
    for passed, heard, delivery in life:
        now += passed
        if heard is None:
            address.arrives(now, delivery)
            continue
        before = {counter: streak.number for counter, streak in address.streaks.items()}
        change = address.fails(heard, now, delivery)
        if change.listed is not None:
            assert change.rule
            assert change.listed.expires_us is not None
            assert change.listed.expires_us > now
            assert is_at_once(heard) or count_for(heard) is not None
            assert (heard.reason, heard.detail) not in NEVER or heard.is_expiry
        if change.fact is not None:
            assert change.fact is Fact.THIRD_SOFT_BOUNCE
        for streak in change.streaks:
            if streak.number > before.get(streak.counter, 0):
                counted.setdefault(streak.counter, []).append(now)
    assert address.streaks.get(C.SOFT, Streak(C.SOFT)).number <= len(counted.get(C.SOFT, []))
    soft = counted.get(C.SOFT, [])
    assert len(soft) <= 1 + (now - START) // DAY_US + sum(heard is None for _, heard, _ in life)


@given(st.lists(st.integers(0, DAY_US - 1), min_size=1, max_size=30))
def test_a_full_mailbox_never_suppresses_within_two_days(moments: list[int]) -> None:
    """However many messages a full mailbox returns in one day, it is one of three."""
    address = Address()
    for moment in sorted(moments):
        assert address.fails(FULL, START + moment).listed is None
