"""A provider that suddenly denies everybody is noticed, and a list full of dead addresses is told apart from that."""

from __future__ import annotations

from aftersend.policy.breaker import HOUR_US, LASTS_HOURS, LEAST_ANSWERS, Breaker

START = 490_000 * HOUR_US


def hour(breaker: Breaker, n: int, *, accepted: int, denied: int, provider: str = "mail.example") -> bool:
    """Let an hour pass; return whether an alarm began in it."""
    now = START + n * HOUR_US
    for _ in range(accepted):
        breaker.accepted(provider, now)
    return sum(breaker.refused(provider, now, is_denial=True) for _ in range(denied)) > 0


def test_a_leap_is_told_once_and_lasts_a_day() -> None:
    """The operator is told when it begins; what is learned stays provisional for a day after the last leap."""
    breaker = Breaker()
    assert not any(hour(breaker, n, accepted=1000, denied=5) for n in range(10))
    assert hour(breaker, 10, accepted=100, denied=400)
    assert breaker.is_leap("mail.example", START + 10 * HOUR_US)
    assert not hour(breaker, 11, accepted=100, denied=400)
    assert breaker.is_leap("mail.example", START + (11 + LASTS_HOURS - 1) * HOUR_US)
    assert not breaker.is_leap("mail.example", START + (11 + LASTS_HOURS) * HOUR_US)
    assert not breaker.is_leap("other.example", START + 11 * HOUR_US)


def test_a_few_answers_prove_nothing() -> None:
    """Below fifty answers in an hour there is no alarm."""
    assert not hour(Breaker(), 0, accepted=0, denied=LEAST_ANSWERS - 1)


def test_what_is_usual_for_a_provider_is_no_leap() -> None:
    """Where a tenth of the addresses is always dead, a tenth is no alarm; half is one."""
    breaker = Breaker()
    hour(breaker, 0, accepted=960, denied=40)
    for n in range(1, 30):
        hour(breaker, n, accepted=900, denied=100)
    breaker_now = START + 60 * HOUR_US
    assert not breaker.is_leap("mail.example", breaker_now)
    assert not hour(breaker, 60, accepted=850, denied=150)
    assert hour(breaker, 61, accepted=300, denied=700)


def test_other_refusals_are_no_denials() -> None:
    """A provider that calls everything spam denies nobody's existence."""
    breaker = Breaker()
    assert sum(breaker.refused("mail.example", START, is_denial=False) for _ in range(500)) == 0
    assert not breaker.is_leap("mail.example", START)


def test_it_knows_who_takes_mail() -> None:
    """Within the last day."""
    breaker = Breaker()
    assert not breaker.takes_mail("mail.example", START)
    breaker.accepted("mail.example", START)
    assert breaker.takes_mail("mail.example", START + 23 * HOUR_US)
    assert not breaker.takes_mail("mail.example", START + 24 * HOUR_US)


def test_memory_is_bounded() -> None:
    """Providers beyond all number do not fill the memory, and nothing raises."""
    breaker = Breaker()
    for n in range(25_000):
        breaker.accepted(f"{n}.example", START)
    assert breaker.takes_mail("24999.example", START)
