"""Conditions about people mean what they say, whatever is in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.errors import BadField
from aftersend.policy import choosing
from aftersend.policy.choosing import Person

DAY = 24 * 3_600_000_000
NOW = 20_000 * DAY
ANN = Person(
    "Ann Lee", ["ann@example.net", "lee@Work.example"], [["news"], []],
    {"city": "New York", "visits": 12, "plan": "Gold", "is_member": True, "gone": None, "since_day": "2026-03-01"},
    frozenset({"letter"}), {"": True, "offers": False}, {"created": NOW - 100 * DAY, "opened": NOW - 3 * DAY, "clicked": None},
)  # fmt: skip


@pytest.mark.parametrize(
    ("where", "is_true"),
    [
        ("everybody", True),
        ('city = "new york"', True),
        ('city != "new york"', False),
        ("town != Vienna", True),
        ("town = Vienna", False),
        ("has town", False),
        ("has gone or has city", True),
        ("visits >= 12 and visits < 100", True),
        ("visits = 12.0", True),
        ("visits > 9", True),
        ("is_member = true", True),
        ("since_day < 2026-04-01", True),
        ("email ~ @work.", True),
        ("email = nobody@example.net", False),
        ("name ~ lee", True),
        ("list = letter and list != vip", True),
        ("consent = news", True),
        ("consent = offers", False),
        ("consent != offers", True),
        ("has consent", True),
        ("type = news", True),
        ("opened since 7d", True),
        ("opened since 2d", False),
        ("not opened since 2d", True),
        ("opened before 2d", True),
        ("clicked since 1y", False),
        ("not has clicked", True),
        ("created before 2024-09-01", True),
        ("visits = 1 or visits = 12 and plan = gold", True),
        ("(visits = 1 or visits = 12) and plan = lead", False),
        ("NOT (plan = lead) AND attribute.plan = gold", True),
    ],
)
def test_what_is_known_of_somebody_can_be_asked(where: str, is_true: bool) -> None:
    """Text without regard to case, numbers as numbers, moments from now on backwards."""
    assert choosing.read(where).holds(ANN, NOW) is is_true


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("", "something known of people"),
        ("city Vienna", "one of = != < <= > >= ~"),
        ("city =", "a value for city"),
        ("city = New York", "quote a value with spaces"),
        ('city = "New', "not closed"),
        ("(city = Graz", "a closing bracket"),
        ("opened = 3d", "since"),
        ("opened since soon", "24h, 90d"),
        ("list ~ news", "one of = !="),
        ("a = 1 and", "something known of people"),
        ("a = 1 " * 500, "2000 characters"),
        ("(" * 30 + "a = 1" + ")" * 30, "20 deep"),
        (" or ".join(["a = 1"] * 60), "50 times"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(where: str, says: str) -> None:
    """And what would be right there."""
    with pytest.raises(BadField) as raised:
        choosing.read(where)
    assert says in raised.value.detail
    assert raised.value.pointer == "#/where"


CITIES = ["Wien", "Graz", "", 7, None, "7"]
_TERMS: dict[str, Any] = {
    "city = wien": lambda p: str(p["city"]).lower() == "wien",
    "has city": lambda p: p["city"] not in (None, ""),
    "city = 7": lambda p: str(p["city"]) == "7",
    "n > 5": lambda p: p["n"] > 5,
    "n <= 2": lambda p: p["n"] <= 2,
    "list = a": lambda p: "a" in p["lists"],
    "not list = b": lambda p: "b" not in p["lists"],
    "opened since 10d": lambda p: p["opened"] is not None and p["opened"] <= 10,
    "opened before 10d": lambda p: p["opened"] is not None and p["opened"] > 10,
}
_LEAF = st.sampled_from(list(_TERMS.items()))
_CONDITIONS = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        inner.map(lambda a: (f"not ({a[0]})", lambda p, a=a: not a[1](p))),
        st.tuples(inner, inner).map(
            lambda ab: (f"({ab[0][0]}) and ({ab[1][0]})", lambda p, ab=ab: ab[0][1](p) and ab[1][1](p))
        ),
        st.tuples(inner, inner).map(
            lambda ab: (f"({ab[0][0]}) or ({ab[1][0]})", lambda p, ab=ab: ab[0][1](p) or ab[1][1](p))
        ),
    ),
    max_leaves=8,
)
_PEOPLE = st.fixed_dictionaries(
    {
        "city": st.sampled_from(CITIES), "n": st.integers(0, 9), "lists": st.sets(st.sampled_from("abc")),
        "opened": st.one_of(st.none(), st.integers(0, 30)),
    }
)  # fmt: skip


@given(_CONDITIONS, _PEOPLE)
def test_a_condition_is_what_a_plain_filter_is(condition: Any, raw: dict[str, Any]) -> None:
    """However it is nested."""
    where, plainly = condition
    opened = None if raw["opened"] is None else NOW - raw["opened"] * DAY
    attributes = {"city": raw["city"], "n": raw["n"]}
    somebody = Person("", [], [], attributes, raw["lists"], {}, {"opened": opened})
    assert choosing.read(where).holds(somebody, NOW) == bool(plainly(raw))


@given(
    st.text(max_size=80)
    | st.lists(
        st.sampled_from(["city", "=", '"x"', "and", "or", "not", "(", ")", "has", "since", "7d", "list", "everybody"])
    ).map(" ".join)
)
def test_nothing_that_is_typed_does_more_than_be_refused(where: str) -> None:
    """It is a condition, or is said to be none."""
    try:
        found = choosing.read(where)
    except BadField:
        return
    assert found.holds(ANN, NOW) in (True, False)
