"""The table of behaviours leads where it says, and reaches every word that a first attempt can reach."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.ledger.conservation import is_ended
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Pair, Reason, pair
from aftersend.policy.diagnosis import diagnose_reply
from aftersend.practice.behaviours import ACCEPT, BEHAVIOURS, At, Behaviour, Ending, behaviour_of, words_for

ALL = pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=lambda behaviour: behaviour.name)
REFUSALS = [
    b for b in BEHAVIOURS.values() if b.answers[0].reply.code >= 400 and b.answers[0].ending is not Ending.DROPS
]


@ALL
def test_every_behaviour_has_a_plain_line_and_words(behaviour: Behaviour) -> None:
    """Each row says what happens in a sentence, and with which word of each vocabulary it ends."""
    assert behaviour.line.endswith(".")
    said = words_for(behaviour)
    assert len(said["delivery_results"]) == len(said["icons"]) == 1
    assert said["life_cycle"] and said["email_activity"]


@ALL
def test_every_behaviour_is_chosen_by_its_name_with_or_without_a_number(behaviour: Behaviour) -> None:
    """Many recipients can share a behaviour."""
    for local in (
        behaviour.name, behaviour.name.upper(), f"{behaviour.name}17", f"{behaviour.name}-17", f"{behaviour.name}+shop",
        f"{behaviour.name}17+shop+more", f'"{behaviour.name}"',
    ):  # fmt: skip
        assert behaviour_of(local) is behaviour


@ALL
def test_every_delivery_ends_or_rests_with_its_taker(behaviour: Behaviour) -> None:
    """No behaviour keeps a delivery waiting for ever."""
    assert is_ended(behaviour.facts) or Fact.UNCERTAIN in behaviour.facts


@ALL
def test_only_a_delivered_message_is_kept_at_the_end(behaviour: Behaviour) -> None:
    """What the table says of the facts agrees with what the last answer does."""
    assert behaviour.final.keeps == (Fact.DELIVERED in behaviour.facts or behaviour.name == "drop-after-dot-always")


@pytest.mark.parametrize("behaviour", REFUSALS, ids=lambda behaviour: behaviour.name)
def test_the_diagnosis_reads_each_reply_as_the_table_says(behaviour: Behaviour) -> None:
    """The words of the practice servers mean to the product what they mean to the table."""
    answer = behaviour.answers[0]
    found = diagnose_reply(answer.reply, command="RCPT" if answer.at is At.RECIPIENT else "DATA")
    assert behaviour.reason == found.reason
    status = answer.reply.status
    assert pair(behaviour.reason, behaviour.detail, status=status) == pair(found.reason, found.detail, status=status)


def test_every_pair_of_bounces_is_reached_by_some_behaviour() -> None:
    """002 is covered but for what only the DNS can cause."""
    reached = {word for behaviour in BEHAVIOURS.values() for word in words_for(behaviour)["bounces"]}
    assert {pair.word for pair in Pair} - reached == {Pair.BAD_DOMAIN.word}


def test_every_fact_of_delivery_and_reading_is_reached_in_the_end() -> None:
    """One address for each status: facts of steps three and four, but for what takes a route or several mails."""
    reached = {fact for behaviour in BEHAVIOURS.values() for fact in behaviour.facts_in_the_end}
    assert {fact for fact in Fact if fact.step >= 3} - reached == {Fact.RELAYED, Fact.THIRD_SOFT_BOUNCE}


@pytest.mark.parametrize("local", ["ann", "john.smith", "unknownn", "full-moon", "", "1", "+", "zoë", "accept"])
def test_everybody_else_accepts(local: str) -> None:
    """A local part that is not in the table belongs to an ordinary mailbox."""
    assert behaviour_of(local) is ACCEPT


@given(st.text(max_size=64))
def test_any_local_part_chooses_some_behaviour(local: str) -> None:
    """No local part is an error."""
    assert behaviour_of(local).name in BEHAVIOURS


def test_reasons_are_those_of_the_ledger() -> None:
    """The reasons of refusals of an address are hard, as 002 demands."""
    hard = [behaviour for behaviour in BEHAVIOURS.values() if Fact.BOUNCED_INVALID in behaviour.facts]
    assert {b.reason for b in hard} == {
        Reason.INVALID_RECIPIENT, Reason.CLOSED_ACCOUNT, Reason.ADDRESS_ERROR,
    }  # fmt: skip
